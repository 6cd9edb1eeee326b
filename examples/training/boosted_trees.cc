#include "boosted_trees.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numeric>

#include <fmt/format.h>

#include "portable_math.h"

namespace training {
namespace {

constexpr std::uint8_t kMissing = 255;
constexpr double kLeastGain = 1e-6;

struct Sums {
  double gradient = 0;
  double hessian = 0;

  void add(const Sums& other) {
    gradient += other.gradient;
    hessian += other.hessian;
  }
  [[nodiscard]] Sums without(const Sums& other) const {
    return {gradient - other.gradient, hessian - other.hessian};
  }
  [[nodiscard]] double score(double penalty) const { return gradient * gradient / (hessian + penalty); }
};

// A column as numbers of bins. A value is in bin b if b edges are not above it.
struct BinnedColumn {
  std::vector<float> edges;
  std::vector<std::uint8_t> bins;  // of each row
};

BinnedColumn binned(const Table& table, std::size_t column, int count) {
  BinnedColumn result;
  std::vector<float> sorted;
  const std::size_t width = table.columns.size();
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const float value = table.values[row * width + column];
    if (!std::isnan(value)) sorted.push_back(value);
  }
  std::sort(sorted.begin(), sorted.end());
  for (int edge = 1; edge < std::min(count, int{kMissing}) && !sorted.empty(); ++edge) {
    const float value =
        sorted[sorted.size() * static_cast<std::size_t>(edge) / static_cast<std::size_t>(count)];
    if (value > sorted.front() && (result.edges.empty() || value > result.edges.back()))
      result.edges.push_back(value);
  }
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const float value = table.values[row * width + column];
    const auto above = std::upper_bound(result.edges.begin(), result.edges.end(), value);
    result.bins.push_back(std::isnan(value) ? kMissing
                                            : static_cast<std::uint8_t>(above - result.edges.begin()));
  }
  return result;
}

struct Split {
  double gain = kLeastGain;
  int column = -1;
  std::size_t edge = 0;  // bins up to this go left
  bool missing_left = false;
};

struct GrownNode {
  std::vector<std::uint32_t> rows;
  Sums sums;
  Split split;
  int parent = -1;
  int left = -1;
};

class TreeGrower {
 public:
  TreeGrower(const Table& table, const BoostingOptions& options) : options_(options), rows_(table.rows()) {
    for (std::size_t column = 0; column < table.columns.size(); ++column)
      columns_.push_back(binned(table, column, options.bins));
  }

  // Returns the nodes of a tree, parents first, and adds what its leaves say to the margins.
  std::vector<GrownNode> grow(const std::vector<Sums>& gradients, std::vector<double>& margins) const {
    std::vector<GrownNode> nodes(1);
    nodes[0].rows.resize(rows_);
    std::iota(nodes[0].rows.begin(), nodes[0].rows.end(), 0U);
    for (const Sums& each : gradients) nodes[0].sums.add(each);
    std::size_t level_begin = 0;
    for (int depth = 0; depth < options_.depth; ++depth) {
      const std::size_t level_end = nodes.size();
      for (std::size_t index = level_begin; index < level_end; ++index) {
        nodes[index].split = best_split(nodes[index], gradients);
        if (nodes[index].split.column >= 0) divide(nodes, index, gradients);
      }
      level_begin = level_end;
    }
    for (const GrownNode& node : nodes) {
      if (node.left >= 0) continue;
      for (const std::uint32_t row : node.rows) margins[row] += static_cast<double>(leaf_value(node));
    }
    return nodes;
  }

  [[nodiscard]] float leaf_value(const GrownNode& node) const {
    return static_cast<float>(-options_.rate * node.sums.gradient / (node.sums.hessian + options_.penalty));
  }
  [[nodiscard]] float threshold(const Split& split) const {
    return columns_[static_cast<std::size_t>(split.column)].edges[split.edge];
  }

 private:
  [[nodiscard]] Split best_split(const GrownNode& node, const std::vector<Sums>& gradients) const {
    Split best;
    for (std::size_t column = 0; column < columns_.size(); ++column) {
      std::array<Sums, 256> sums{};
      for (const std::uint32_t row : node.rows) sums[columns_[column].bins[row]].add(gradients[row]);
      for (const bool missing_left : {false, true}) {
        Sums left = missing_left ? sums[kMissing] : Sums();
        for (std::size_t edge = 0; edge < columns_[column].edges.size(); ++edge) {
          left.add(sums[edge]);
          const Sums right = node.sums.without(left);
          if (left.hessian < options_.hessian_min || right.hessian < options_.hessian_min) continue;
          const double gain = left.score(options_.penalty) + right.score(options_.penalty) -
                              node.sums.score(options_.penalty);
          if (gain > best.gain) best = {gain, static_cast<int>(column), edge, missing_left};
        }
      }
    }
    return best;
  }

  void divide(std::vector<GrownNode>& nodes, std::size_t index, const std::vector<Sums>& gradients) const {
    const Split split = nodes[index].split;
    const BinnedColumn& column = columns_[static_cast<std::size_t>(split.column)];
    std::array<GrownNode, 2> children;
    for (const std::uint32_t row : nodes[index].rows) {
      const std::uint8_t bin = column.bins[row];
      const bool left = bin == kMissing ? split.missing_left : bin <= split.edge;
      GrownNode& child = children[left ? 0 : 1];
      child.rows.push_back(row);
      child.sums.add(gradients[row]);
    }
    nodes[index].rows = {};
    nodes[index].left = static_cast<int>(nodes.size());
    for (GrownNode& child : children) {
      child.parent = static_cast<int>(index);
      nodes.push_back(std::move(child));
    }
  }

  const BoostingOptions options_;
  const std::size_t rows_;
  std::vector<BinnedColumn> columns_;
};

std::string text_of(const std::vector<GrownNode>& nodes, const TreeGrower& grower, std::size_t number,
                    std::size_t columns) {
  const auto each = [&nodes](auto&& of) {
    std::string text;
    for (const GrownNode& node : nodes) text += fmt::format("{}{}", text.empty() ? "" : ",", of(node));
    return text;
  };
  const std::string zeros = each([](const GrownNode&) { return 0; });
  return fmt::format(
      R"({{"base_weights":[{0}],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[],)"
      R"("default_left":[{1}],"id":{2},"left_children":[{3}],"loss_changes":[{4}],"parents":[{5}],"right_children":[{6}],)"
      R"("split_conditions":[{7}],"split_indices":[{8}],"split_type":[{9}],"sum_hessian":[{10}],"tree_param":)"
      R"({{"num_deleted":"0","num_feature":"{11}","num_nodes":"{12}","size_leaf_vector":"0"}}}})",
      zeros, each([](const GrownNode& node) { return node.left >= 0 && node.split.missing_left ? 1 : 0; }),
      number, each([](const GrownNode& node) { return node.left; }),
      each([](const GrownNode& node) { return fmt::format("{:.6g}", node.left < 0 ? 0 : node.split.gain); }),
      each([](const GrownNode& node) { return node.parent < 0 ? 2147483647 : node.parent; }),
      each([](const GrownNode& node) { return node.left < 0 ? -1 : node.left + 1; }),
      each([&](const GrownNode& node) {
        return node.left < 0 ? grower.leaf_value(node) : grower.threshold(node.split);
      }),
      each([](const GrownNode& node) { return node.left < 0 ? 0 : node.split.column; }), zeros,
      each([](const GrownNode& node) { return fmt::format("{:.6g}", node.sums.hessian); }), columns,
      nodes.size());
}

}  // namespace

std::string train_boosted_trees(const Table& table, const BoostingOptions& options) {
  const bool logistic = options.objective == Objective::kLogistic;
  float base = 0.5F;
  if (!logistic) {
    const double sum = std::accumulate(table.labels.begin(), table.labels.end(), 0.0);
    base = static_cast<float>(sum / static_cast<double>(table.rows()));
  }
  const TreeGrower grower(table, options);
  std::vector<double> margins(table.rows(), logistic ? 0 : static_cast<double>(base));
  std::vector<Sums> gradients(table.rows());
  std::string trees;
  std::string groups;
  for (int tree = 0; tree < options.trees; ++tree) {
    for (std::size_t row = 0; row < table.rows(); ++row) {
      const auto label = static_cast<double>(table.labels[row]);
      if (logistic) {
        const double probability = 1 / (1 + generators::exp_of(std::clamp(-margins[row], -50.0, 50.0)));
        gradients[row] = {probability - label, probability * (1 - probability)};
      } else {
        gradients[row] = {margins[row] - label, 1};
      }
    }
    const std::vector<GrownNode> nodes = grower.grow(gradients, margins);
    trees += (tree > 0 ? ",\n" : "") +
             text_of(nodes, grower, static_cast<std::size_t>(tree), table.columns.size());
    groups += tree > 0 ? ",0" : "0";
  }
  return fmt::format(
      R"({{"learner":{{"attributes":{{}},"feature_names":["{0}"],"feature_types":[],"gradient_booster":{{"model":)"
      R"({{"gbtree_model_param":{{"num_parallel_tree":"1","num_trees":"{1}","size_leaf_vector":"0"}},"tree_info":[{2}],)"
      R"("trees":[)"
      "\n{3}\n"
      R"(]}},"name":"gbtree"}},"learner_model_param":{{"base_score":"{4}","boost_from_average":"1","num_class":"0",)"
      R"("num_feature":"{5}","num_target":"1"}},"objective":{{"name":"{6}","reg_loss_param":{{"scale_pos_weight":"1"}}}}}},)"
      R"("version":[1,7,4]}})"
      "\n",
      fmt::join(table.columns, "\",\""), options.trees, groups, trees, base, table.columns.size(),
      logistic ? "binary:logistic" : "reg:squarederror");
}

}  // namespace training
