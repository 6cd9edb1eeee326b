#include "generated_models.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "ml/onnx/onnx_graph.h"

namespace weir::bench {

using namespace weir::ml::testing;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

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

}  // namespace weir::bench
