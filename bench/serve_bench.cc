// What does a request for scores cost (ml/inference), alone and among others that are at hand?
//
// One task serves requests of bare floats and of JSON, with one row of 32 columns or with eight, and is given so many of them at
// a time. Its replies are thrown away. Printed is the CPU of the best of several rounds in microseconds per request, for
//
//   nothing   a model that adds two columns: what reading and answering costs
//   trees     100 boosted trees of depth 6
//   network   32-64-32-1
//
// Sketch: a request of bare floats has a name, headers and two small vectors to be made, about 1 µs; JSON takes a multiple of
// that to read and to write. A row costs the trees 2 µs alone and half of that among 64, the network 2 µs and 0.5.
//
//   serve_bench [rounds]
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/ml/inference/serve_requests.h>
#include <weir/ml/load_model.h>
#include <weir/weir.h>

#include "generated_models.h"
#include "lone_task.h"

namespace {

using weir::bench::kColumns;
using weir::ml::InferenceFormat;
using weir::ml::Model;

constexpr int kRequests = 4096;

class Sum final : public Model {
 public:
  Sum() : Model({"nothing", "1"}, {columns(), {"sum"}}) {}

 private:
  static std::vector<std::string> columns() {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kColumns; ++i) names.push_back(fmt::format("x{}", i));
    return names;
  }
  void evaluate(const weir::ml::RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = rows.row(i)[0] + rows.row(i)[1];
  }
};

std::shared_ptr<const Model> loaded(const std::string& bytes) {
  auto model = weir::ml::load_model(bytes, {});
  weir::bench::check(model.status());
  return *std::move(model);
}

std::vector<weir::Bytes> requests_of(InferenceFormat format, std::int64_t rows) {
  weir::bench::Numbers numbers;
  std::vector<weir::Bytes> requests(256);
  for (weir::Bytes& request : requests) {
    const std::vector<float> row = numbers.normals(kColumns * static_cast<std::size_t>(rows), 1.0F);
    weir::ml::write_request(format,
                            {.inputs = {{"rows",
                                         "FP32",
                                         {rows, static_cast<std::int64_t>(kColumns)},
                                         std::vector<double>(row.begin(), row.end())}}},
                            request);
  }
  return requests;
}

// Returns microseconds per request.
double round(const std::shared_ptr<const Model>& model, InferenceFormat format,
             const std::vector<weir::Bytes>& requests, int at_hand) {
  weir::bench::LoneTask task([&](weir::StreamBuilder& builder) {
    weir::ml::serve_requests(builder.stream<std::string, std::optional<weir::Bytes>>("in"),
                             {.models = {{"model", weir::ml::fixed_model(model)}},
                              .reply_topics = {"out"},
                              .default_format = format});
  });
  double spent = 0;
  for (int i = 0; i < kRequests; i += at_hand) {
    for (int j = i; j < i + at_hand; ++j) {
      task.add({.key = "shop-1",
                .value = requests[static_cast<std::size_t>(j) % requests.size()],
                .timestamp = 1'000'000,
                .headers = {{weir::ml::kCorrelationHeader, "c-1234"}}});
    }
    const double begun = weir::bench::cpu_nanoseconds();
    task.process_all();
    spent += weir::bench::cpu_nanoseconds() - begun;
  }
  task.expect_processed();
  return spent / 1e3 / kRequests;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 9;  // NOLINT(cert-err34-c)
    weir::bench::Numbers numbers;
    const std::vector<std::pair<const char*, std::shared_ptr<const Model>>> models{
        {"nothing", std::make_shared<Sum>()},
        {"trees", loaded(trees_model(numbers, 100, 6, 0))},
        {"network", loaded(network(numbers))}};
    for (const auto format : {InferenceFormat::kFloat32Rows, InferenceFormat::kJson}) {
      for (const std::int64_t rows : {1, 8}) {
        const std::vector<weir::Bytes> requests = requests_of(format, rows);
        for (const auto& [name, model] : models) {
          fmt::print("{:26} {} row(s)  {:8}", weir::ml::content_type_of(format), rows, name);
          for (const int at_hand : {1, 8, 64, 512}) {
            double best = std::numeric_limits<double>::infinity();
            for (int i = 0; i < rounds; ++i) best = std::min(best, round(model, format, requests, at_hand));
            fmt::print("  {:3} at hand: {:6.2f} us", at_hand, best);
          }
          fmt::print("\n");
        }
      }
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "serve_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
