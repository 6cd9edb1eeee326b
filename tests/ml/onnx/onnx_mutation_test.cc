// Whatever bytes arrive, the loader of ONNX models answers with a model or a status, and a model it gives can be asked.
// Meant to run under the address and undefined-behaviour sanitizers too.
//
// WEIR_MUTATION_SEED and WEIR_MUTATION_ROUNDS choose another run.
#include <weir/ml/onnx/onnx_model.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "../model_trials.h"
#include "onnx_graph.h"
#include "support/environment.h"

namespace weir::ml {
namespace {

using testing::attribute;
using testing::can_be_asked;
using testing::constant;
using testing::kSmallLimits;
using testing::learned;
using testing::model;
using testing::node;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

bool loads(const std::string& bytes) { return can_be_asked(load_onnx(bytes, {.limits = kSmallLimits})); }

// Between them, every way in which the loader reads bytes, and most steps.
std::string encoders_model() {
  const std::string graph =
      constant("list", {2}, Integers{0, -1}) + constant("places", {2}, Integers{1, 0}) +
      constant("table", {3, 2}, Floats{1, 2, 3, 4, 5, 6}) +
      learned("Imputer", {"X"}, {"a"}, attribute("imputed_value_floats", Floats{1, 2, 3})) +
      learned("Scaler", {"a"}, {"b"}, attribute("offset", Floats{1, 2, 3}) + attribute("scale", Floats{2})) +
      node("Gather", {"b", "places"}, {"c"}, attribute("axis", 1)) +
      node("Cast", {"X"}, {"d"}, attribute("to", 7)) +
      learned("LabelEncoder", {"d"}, {"e"},
              attribute("keys_int64s", Integers{-3, -2, 0}) + attribute("values_int64s", Integers{2, 1, 0}) +
                  attribute("default_int64", 1)) +
      learned("OneHotEncoder", {"e"}, {"f"}, attribute("cats_int64s", Integers{0, 1})) +
      node("Reshape", {"f", "list"}, {"g"}) + node("Gather", {"table", "e"}, {"h"}) +
      node("Reshape", {"h", "list"}, {"i"}) + node("Concat", {"c", "g", "i"}, {"j"}, attribute("axis", 1)) +
      learned("Normalizer", {"j"}, {"k"}, attribute("norm", "L2")) + node("Softmax", {"j"}, {"l"});
  return model(graph, 3, {"k", "l", "e"});
}

// Shapes that name the rows, rows that are columns, and what is put together over dimensions.
std::string shapes_model() {
  const std::string graph =
      constant("zero", {1}, Integers{0}) + constant("one", {1}, Integers{1}) +
      constant("open", {1}, Integers{-1}) + constant("W", {2, 3}, Floats{1, 2, 3, 4, 5, 6}) +
      constant("three", {3}, Integers{-1, 3, 1}) + node("Shape", {"X"}, {"a"}) +
      node("Gather", {"a", "zero"}, {"b"}) + node("Concat", {"b", "open"}, {"c"}, attribute("axis", 0)) +
      node("ConstantOfShape", {"a"}, {"d"}) + node("Reshape", {"X", "three"}, {"e"}) +
      node("Transpose", {"e"}, {"f"}, attribute("perm", Integers{0, 2, 1})) +
      node("Reshape", {"f", "c"}, {"g"}) + node("Add", {"g", "d"}, {"h"}) + node("Transpose", {"h"}, {"i"}) +
      node("MatMul", {"W", "i"}, {"j"}) + node("Transpose", {"j"}, {"k"}) +
      node("Slice", {"X", "zero", "open", "one"}, {"l"}) + node("Squeeze", {"e"}, {"m"}) +
      node("Unsqueeze", {"m", "one"}, {"n"}) + node("Flatten", {"n"}, {"o"}) +
      node("TopK", {"o", "one"}, {"p", "q"}, attribute("axis", 1)) +
      node("ReduceSum", {"X", "one"}, {"r"}, attribute("keepdims", 1)) +
      node("Split", {"X"}, {"s", "t"}, attribute("axis", 1)) + node("Less", {"X", "h"}, {"u"}) +
      node("Where", {"u", "X", "h"}, {"v"}) +
      node("GatherElements", {"X", "q"}, {"w"}, attribute("axis", 1)) + node("Expand", {"r", "a"}, {"x"}) +
      node("Softmax", {"x"}, {"y"}) + node("Clip", {"y"}, {"z"});
  return model(graph, 3, {"k", "l", "p", "q", "r", "s", "t", "v", "w", "z"});
}

// What sees rows behind rows, columns of a table, letters and sequences.
std::string stacks_model() {
  const std::string graph =
      constant("one", {1}, Integers{1}) + constant("two", {2}, Integers{2, -1}) +
      constant("cube", {3}, Integers{2, -1, 3}) + constant("table", {2, 3}, Floats{1, 2, 3, 10, 20, 30}) +
      constant("W", {3, 2}, Floats{1, 2, 3, 4, 5, 6}) + node("ReduceSum", {"X", "one"}, {"a"}) +
      node("Neg", {"a"}, {"b"}) + node("Concat", {"a", "b"}, {"c"}, attribute("axis", 0)) +
      node("Reshape", {"c", "two"}, {"d"}) + node("Transpose", {"d"}, {"e"}) +
      node("Cast", {"X"}, {"f"}, attribute("to", 7)) +
      learned("ArrayFeatureExtractor", {"table", "f"}, {"g"}, "") + node("Reshape", {"g", "cube"}, {"h"}) +
      node("Transpose", {"h"}, {"i"}, attribute("perm", Integers{1, 0, 2})) +
      node("Einsum", {"X", "W"}, {"j"}, attribute("equation", "bi,ij->bj")) +
      node("Einsum", {"i", "X"}, {"k"}, attribute("equation", "bxi,bi->bx")) +
      node("SequenceConstruct", {"e", "j"}, {"l"});
  return model(graph, 3, {"e", "i", "k", "l"});
}

std::string linear_model() {
  return model(
      learned("LinearClassifier", {"X"}, {"label", "scores"},
              attribute("coefficients", Floats{1, 2, 3, 4, 5, 6}) + attribute("intercepts", Floats{1, 2}) +
                  attribute("classlabels_ints", Integers{3, 4}) + attribute("post_transform", "SOFTMAX")),
      3, {"label", "scores"});
}

// A TreeEnsemble of version 5, with a set.
std::string later_trees_model() {
  using testing::tensor_attribute;
  const std::string attributes =
      attribute("tree_roots", Integers{0, 2}) + attribute("nodes_featureids", Integers{0, 1, 2}) +
      tensor_attribute("nodes_modes", 2, "\x01\x06\x03") +
      tensor_attribute("nodes_splits", 1, testing::packed(Floats{0.5f, 0, -1})) +
      attribute("nodes_truenodeids", Integers{0, 1, 2}) + attribute("nodes_trueleafs", Integers{1, 1, 1}) +
      attribute("nodes_falsenodeids", Integers{1, 3, 4}) + attribute("nodes_falseleafs", Integers{0, 1, 1}) +
      attribute("leaf_targetids", Integers{0, 1, 0, 1, 0}) +
      tensor_attribute("leaf_weights", 1, testing::packed(Floats{1, 2, 4, 8, 16})) +
      tensor_attribute("membership_values", 1, testing::packed(Floats{2, 3})) + attribute("n_targets", 2);
  return model(learned("TreeEnsemble", {"X"}, {"Y"}, attributes), 3, {"Y"}, 5);
}

std::string svm_model() {
  const std::string machine = attribute("kernel_params", Floats{0.5f, 1, 2}) +
                              attribute("support_vectors", Floats{1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3}) +
                              attribute("coefficients", Floats{1, -2, 3, -4, 5, -6, 7, -8}) +
                              attribute("rho", Floats{1, 2, 3});
  const std::string classes = attribute("vectors_per_class", Integers{1, 1, 2}) +
                              attribute("classlabels_ints", Integers{3, 4, 5}) +
                              attribute("prob_a", Floats{1, 2, 3}) + attribute("prob_b", Floats{3, 2, 1});
  return model(learned("SVMClassifier", {"X"}, {"label", "scores"},
                       machine + classes + attribute("kernel_type", "SIGMOID")) +
                   learned("SVMRegressor", {"X"}, {"Y"},
                           attribute("kernel_params", Floats{0.5f, 1, 2}) + attribute("kernel_type", "RBF") +
                               attribute("support_vectors", Floats{1, 2, 3, 4, 5, 6}) +
                               attribute("coefficients", Floats{1, -2}) + attribute("rho", Floats{1}) +
                               attribute("n_supports", 2)),
               3, {"label", "scores", "Y"});
}

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }

  std::string mutate(std::string bytes) {
    for (std::size_t times = 1 + below(3); times > 0 && !bytes.empty(); --times) change(bytes);
    return bytes;
  }

 private:
  void change(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    switch (below(5)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 2:
        bytes.erase(at, 1 + below(4));
        break;
      case 3:
        bytes.insert(at, 1 + below(4), static_cast<char>(below(256)));
        break;
      default: {  // another place's bytes
        const std::size_t from = below(bytes.size());
        const std::size_t length =
            std::min({std::size_t{1} + below(8), bytes.size() - from, bytes.size() - at});
        bytes.replace(at, length, bytes.substr(from, length));
      }
    }
  }

  std::mt19937_64 random_;
};

TEST(OnnxMutation, NoMutatedModelDoesHarm) {
  const std::uint64_t seed = number_from("WEIR_MUTATION_SEED", 20240607);
  const std::uint64_t rounds = number_from("WEIR_MUTATION_ROUNDS", 10'000);
  fmt::print("seed {} rounds {}\n", seed, rounds);
  Mutator mutator(seed);
  const std::vector<std::string> models = {
      testing::stumps_model(), testing::network_model(), encoders_model(), linear_model(),
      later_trees_model(),     shapes_model(),           svm_model(),      testing::neighbours_model(),
      stacks_model()};
  for (const std::string& bytes : models) ASSERT_TRUE(loads(bytes)) << load_onnx(bytes).status();
  std::uint64_t accepted = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    if (loads(mutator.mutate(models[mutator.below(models.size())]))) ++accepted;
    ASSERT_FALSE(HasFailure()) << "seed " << seed << " round " << round;
  }
  fmt::print("accepted {} of {}\n", accepted, rounds);
  EXPECT_GT(accepted, rounds / 50);
  EXPECT_LT(accepted, rounds * 9 / 10);
}

TEST(OnnxMutation, NoTruncatedModelLoads) {
  const std::string bytes = testing::stumps_model();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(loads(bytes.substr(0, length))) << "length " << length;
  }
}

}  // namespace
}  // namespace weir::ml
