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

#include "ml/onnx/onnx_graph.h"

namespace {

using weir::ml::Model;
using weir::ml::RowBatch;
using namespace weir::ml::testing;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

constexpr std::size_t kColumns = 32;
constexpr std::size_t kRows = 2048;

// ---- models -----------------------------------------------------------------------------------------------

class Numbers {
 public:
  float normal() { return normal_(random_); }
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  Floats normals(std::size_t count, float spread) {
    Floats numbers(count);
    for (float& number : numbers) number = spread * normal();
    return numbers;
  }

 private:
  std::mt19937_64 random_{20240607};
  std::normal_distribution<float> normal_;
};

// Whole trees; each leaf votes for so many classes, or for a single target.
std::string trees_model(Numbers& numbers, std::size_t trees, std::size_t depth, std::size_t classes) {
  Integers tree_ids, node_ids, features, yes, no, missing, vote_trees, vote_nodes, vote_ids;
  Floats values, weights;
  std::vector<std::string> modes;
  const std::size_t inner = (std::size_t{1} << depth) - 1;
  for (std::size_t tree = 0; tree < trees; ++tree) {
    for (std::size_t node = 0; node < 2 * inner + 1; ++node) {
      const bool is_leaf = node >= inner;
      tree_ids.push_back(static_cast<std::int64_t>(tree));
      node_ids.push_back(static_cast<std::int64_t>(node));
      features.push_back(is_leaf ? 0 : static_cast<std::int64_t>(numbers.below(kColumns)));
      modes.emplace_back(is_leaf ? "LEAF" : "BRANCH_LEQ");
      values.push_back(is_leaf ? 0.0f : numbers.normal());
      yes.push_back(is_leaf ? 0 : static_cast<std::int64_t>(2 * node + 1));
      no.push_back(is_leaf ? 0 : static_cast<std::int64_t>(2 * node + 2));
      missing.push_back(static_cast<std::int64_t>(numbers.below(2)));
      for (std::size_t vote = 0; is_leaf && vote < std::max<std::size_t>(classes, 1); ++vote) {
        vote_trees.push_back(static_cast<std::int64_t>(tree));
        vote_nodes.push_back(static_cast<std::int64_t>(node));
        vote_ids.push_back(static_cast<std::int64_t>(vote));
        weights.push_back(classes == 0 ? 0.1f * numbers.normal() : 0.01f * std::abs(numbers.normal()));
      }
    }
  }
  const std::string votes = classes == 0 ? "target_" : "class_";
  std::string attributes =
      attribute("nodes_treeids", tree_ids) + attribute("nodes_nodeids", node_ids) +
      attribute("nodes_featureids", features) + attribute("nodes_modes", modes) +
      attribute("nodes_values", values) + attribute("nodes_truenodeids", yes) +
      attribute("nodes_falsenodeids", no) + attribute("nodes_missing_value_tracks_true", missing) +
      attribute(votes + "treeids", vote_trees) + attribute(votes + "nodeids", vote_nodes) +
      attribute(votes + "ids", vote_ids) + attribute(votes + "weights", weights);
  if (classes == 0) {
    attributes += attribute("n_targets", 1);
    return model(learned("TreeEnsembleRegressor", {"X"}, {"Y"}, attributes), kColumns, {"Y"});
  }
  Integers labels;
  for (std::size_t i = 0; i < classes; ++i) labels.push_back(static_cast<std::int64_t>(i));
  attributes += attribute("classlabels_int64s", labels);
  return model(learned("TreeEnsembleClassifier", {"X"}, {"label", "Y"}, attributes), kColumns,
               {"label", "Y"});
}

std::string network(Numbers& numbers) {
  return model(
      constant("W1", {kColumns, 64}, numbers.normals(kColumns * 64, 0.2f)) +
          constant("B1", {64}, numbers.normals(64, 0.1f)) +
          constant("W2", {64, 32}, numbers.normals(64 * 32, 0.2f)) +
          constant("B2", {32}, numbers.normals(32, 0.1f)) +
          constant("W3", {32, 1}, numbers.normals(32, 0.2f)) + constant("B3", {1}, numbers.normals(1, 0.1f)) +
          node("MatMul", {"X", "W1"}, {"a"}, "", "", "1") + node("Add", {"a", "B1"}, {"b"}, "", "", "2") +
          node("Relu", {"b"}, {"c"}, "", "", "3") + node("MatMul", {"c", "W2"}, {"d"}, "", "", "4") +
          node("Add", {"d", "B2"}, {"e"}, "", "", "5") + node("Relu", {"e"}, {"f"}, "", "", "6") +
          node("MatMul", {"f", "W3"}, {"g"}, "", "", "7") + node("Add", {"g", "B3"}, {"h"}, "", "", "8") +
          node("Sigmoid", {"h"}, {"Y"}, "", "", "9"),
      kColumns, {"Y"});
}

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
