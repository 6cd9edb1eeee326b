// How much faster do we score models in ONNX's format than ONNX Runtime?
//
// Models of generated numbers over 32 columns: 100 boosted trees of depth 6, a forest of as many whose leaves vote for
// three classes, a network of 64 and 32 hidden units, an imputer, a scaler and a linear classifier in a row, and a
// support vector machine of 200 vectors. Each is scored by the native operators and by ONNX Runtime (one thread, through
// the backend of ml/onnxruntime, which adds a fraction of a microsecond), a row at a time and 64 together. Printed is the
// best of several repeats, per row, and the ratio. Good is twice as fast everywhere, and five times for single rows.
// Scores are compared on the way: within 1e-6.
//
// Without ONNX Runtime (the library in WEIR_ONNX_RUNTIME, or else the one that ./dev test unpacks) the native operators
// are timed alone.
//
//   onnx_bench [repeats]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <weir/ml/load_model.h>

#include "generated_models.h"
#include "ml/onnx/onnx_graph.h"

namespace {

using weir::ml::Model;
using weir::ml::RowBatch;
using namespace weir::bench;
using namespace weir::ml::testing;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

constexpr std::size_t kRows = 2048;

// ---- models -----------------------------------------------------------------------------------------------

std::string linear(Numbers& numbers) {
  constexpr std::string_view kDomain = "ai.onnx.ml";
  Floats scales = numbers.normals(kColumns, 1.0f);
  for (float& scale : scales) scale = std::abs(scale) + 0.1f;
  const std::string nan("\x15\x00\x00\xc0\x7f", 5);  // the float of field 2
  const std::string imputer = attribute("imputed_value_floats", numbers.normals(kColumns, 1.0f)) +
                              field(5, field(1, "replaced_value_float") + nan + field(20, std::int64_t{1}));
  const std::string scaler =
      attribute("offset", numbers.normals(kColumns, 1.0f)) + attribute("scale", scales);
  const std::string classifier =
      attribute("coefficients", numbers.normals(kColumns, 0.3f)) + attribute("intercepts", Floats{0.1f}) +
      attribute("post_transform", "LOGISTIC") + attribute("classlabels_ints", Integers{0, 1});
  return model(node("Imputer", {"X"}, {"a"}, imputer, kDomain, "1") +
                   node("Scaler", {"a"}, {"b"}, scaler, kDomain, "2") +
                   node("LinearClassifier", {"b"}, {"label", "Y"}, classifier, kDomain, "3"),
               kColumns, {"label", "Y"});
}

std::string support_vectors(Numbers& numbers) {
  constexpr std::size_t kVectors = 200;
  return model(learned("SVMRegressor", {"X"}, {"Y"},
                       attribute("kernel_type", "RBF") + attribute("kernel_params", Floats{0.03f, 0, 3}) +
                           attribute("support_vectors", numbers.normals(kVectors * kColumns, 1.0f)) +
                           attribute("coefficients", numbers.normals(kVectors, 0.3f)) +
                           attribute("rho", Floats{0.1f}) +
                           attribute("n_supports", static_cast<std::int64_t>(kVectors))),
               kColumns, {"Y"});
}

// ---- measuring --------------------------------------------------------------------------------------------

std::unique_ptr<const Model> load(const std::string& bytes, const std::string& library) {
  auto loaded = weir::ml::load_model(
      bytes, {.onnx_runtime = {.library = library, .always = !library.empty(), .batches = true}});
  if (!loaded.ok()) throw std::runtime_error(std::string(loaded.status().message()));
  return *std::move(loaded);
}

// Returns the microseconds per row of the fastest repeat; the scores stay in `scores`.
double best_of(int repeats, std::size_t batch, const Model& model, const Floats& rows, Floats& scores) {
  const std::size_t outputs = model.outputs().size();
  scores.assign(kRows * outputs, 0.0f);
  double best = std::numeric_limits<double>::infinity();
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t first = 0; first < kRows; first += batch) {
      const std::span<const float> values = std::span(rows).subspan(first * kColumns, batch * kColumns);
      const RowBatch some(values, kColumns);
      if (!model.predict(some, std::span(scores).subspan(first * outputs, batch * outputs)).ok())
        throw std::runtime_error("rows were refused");
    }
    const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count() / static_cast<double>(kRows));
  }
  return best;
}

void compare(const char* name, const std::string& bytes, const Floats& rows, const std::string& library,
             int repeats) {
  const std::unique_ptr<const Model> ours = load(bytes, "");
  const std::unique_ptr<const Model> theirs = library.empty() ? nullptr : load(bytes, library);
  fmt::print("{}\n", name);
  for (const std::size_t batch : {std::size_t{1}, std::size_t{64}}) {
    Floats scores;
    const double our_time = best_of(repeats, batch, *ours, rows, scores);
    if (!theirs) {
      fmt::print("  batch {:2}: ours {:7.3f} us/row\n", batch, our_time);
      continue;
    }
    Floats expected;
    const double their_time = best_of(repeats, batch, *theirs, rows, expected);
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (!(std::abs(scores[i] - expected[i]) <= 1e-6f * std::max(1.0f, std::abs(expected[i]))))
        throw std::runtime_error(fmt::format("{}: {} is not {}", name, scores[i], expected[i]));
    }
    fmt::print("  batch {:2}: ours {:7.3f} us/row   ONNX Runtime {:7.3f}   ratio {:5.1f}\n", batch, our_time,
               their_time, their_time / our_time);
  }
}

std::string library_here() {
  if (const char* const named = std::getenv("WEIR_ONNX_RUNTIME")) return named;
  if (!std::filesystem::exists(WEIR_ONNX_RUNTIME_WHEEL)) return "";
  for (const auto& entry : std::filesystem::directory_iterator(WEIR_ONNX_RUNTIME_WHEEL)) {
    if (entry.path().filename().string().starts_with("libonnxruntime.so")) return entry.path().string();
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
    const std::string library = library_here();
    if (library.empty()) fmt::print("ONNX Runtime skipped: there is no library of it\n");
    Numbers numbers;
    const Floats rows = numbers.normals(kRows * kColumns, 1.0f);
    Floats holes = rows;
    for (float& value : holes) {
      if (numbers.below(20) == 0) value = std::numeric_limits<float>::quiet_NaN();
    }
    compare("100 boosted trees of depth 6", trees_model(numbers, 100, 6, 0), holes, library, repeats);
    compare("100 trees of depth 6 for three classes", trees_model(numbers, 100, 6, 3), holes, library,
            repeats);
    compare("network 32-64-32-1", network(numbers), rows, library, repeats);
    compare("imputer, scaler, linear classifier", linear(numbers), holes, library, repeats);
    compare("support vector machine of 200 vectors", support_vectors(numbers), rows, library, repeats);
  } catch (const std::exception& error) {
    fmt::print(stderr, "onnx_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
