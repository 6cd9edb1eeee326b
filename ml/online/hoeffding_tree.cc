#include <weir/ml/online/hoeffding_tree.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr int kCandidates = 10;  // thresholds tried per column
constexpr double kNobody = 1e-9;

double entropy(double one, double other) {
  const double sum = one + other;
  if (one <= 0 || other <= 0) return 0;
  return -(one / sum) * std::log2(one / sum) - (other / sum) * std::log2(other / sum);
}

}  // namespace

void HoeffdingTree::Normal::add(double value, double by) {
  weight += by;
  const double off = value - mean;
  mean += off * by / weight;
  squares += by * off * (value - mean);
}

double HoeffdingTree::Normal::at_most(double value) const {
  const double deviation = std::sqrt(variance());
  if (deviation <= 0) return value >= mean ? weight : 0;
  return weight * 0.5 * std::erfc((mean - value) / (deviation * std::sqrt(2.0)));
}

HoeffdingTree::HoeffdingTree(const HoeffdingTreeRules& rules, std::size_t columns, SeededRandom& random)
    : rules_(rules), columns_(columns), nodes_(1) {
  leaves_.push_back(new_leaf(random));
}

HoeffdingTree::Leaf HoeffdingTree::new_leaf(SeededRandom& random) const {
  Leaf leaf;
  std::vector<std::uint32_t> all(columns_);
  std::iota(all.begin(), all.end(), 0U);
  if (rules_.columns_each > 0 && rules_.columns_each < columns_) {
    for (std::size_t i = 0; i < rules_.columns_each; ++i)
      std::swap(all[i], all[i + static_cast<std::size_t>(random.below(columns_ - i))]);
    all.resize(rules_.columns_each);
    std::sort(all.begin(), all.end());
  }
  leaf.columns.resize(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) leaf.columns[i].column = all[i];
  return leaf;
}

std::size_t HoeffdingTree::node_of(std::span<const float> row) const {
  std::size_t at = 0;
  while (nodes_[at].left >= 0) {
    const Node& node = nodes_[at];
    const float value = row[node.column];
    const bool left = std::isnan(value) ? node.missing_left : value <= node.threshold;
    at = static_cast<std::size_t>(left ? node.left : node.right);
  }
  return at;
}

double HoeffdingTree::majority(const Leaf& leaf) { return (leaf.labels[1] + 1) / (leaf.weight() + 2); }

double HoeffdingTree::bayes(const Leaf& leaf, std::span<const float> row) {
  // The logarithm of how much more likely label 1 is.
  double odds = std::log((leaf.labels[1] + 1) / (leaf.labels[0] + 1));
  for (const ColumnStatistics& statistics : leaf.columns) {
    const double value = row[statistics.column];
    if (std::isnan(value)) continue;
    // A label whose values were all the same says little about others.
    const double range = statistics.high - statistics.low;
    const double least = 1e-6 * range * range + 1e-18;
    for (const std::size_t label : {0U, 1U}) {
      const Normal& normal = statistics.labels[label];
      if (statistics.labels[1 - label].weight < 2 || normal.weight < 2) continue;
      const double variance = std::max(normal.variance(), least);
      const double off = value - normal.mean;
      const double likelihood = -0.5 * (std::log(variance) + off * off / variance);
      odds += label == 1 ? likelihood : -likelihood;
    }
  }
  return 1 / (1 + std::exp(-std::clamp(odds, -30.0, 30.0)));
}

double HoeffdingTree::predict(std::span<const float> row) const {
  const Leaf& leaf = leaves_[nodes_[node_of(row)].leaf];
  return leaf.bayes_right > leaf.majority_right ? bayes(leaf, row) : majority(leaf);
}

void HoeffdingTree::learn(std::span<const float> row, bool label, double weight, SeededRandom& random) {
  const std::size_t at = node_of(row);
  Leaf& leaf = leaves_[nodes_[at].leaf];
  if ((bayes(leaf, row) > 0.5) == label) leaf.bayes_right += weight;
  if ((majority(leaf) > 0.5) == label) leaf.majority_right += weight;
  leaf.labels[label ? 1 : 0] += weight;
  for (ColumnStatistics& statistics : leaf.columns) {
    const double value = row[statistics.column];
    if (!std::isfinite(value)) continue;
    const bool first = statistics.high < statistics.low;
    statistics.low = first ? value : std::min(statistics.low, value);
    statistics.high = first ? value : std::max(statistics.high, value);
    statistics.labels[label ? 1 : 0].add(value, weight);
  }
  if (leaf.weight() - leaf.tried_at < rules_.grace || leaves_.size() >= rules_.leaves) return;
  leaf.tried_at = leaf.weight();
  if (leaf.labels[0] > kNobody && leaf.labels[1] > kNobody) try_to_split(at, random);
}

HoeffdingTree::Split HoeffdingTree::best_split(const Leaf& leaf, const ColumnStatistics& statistics) {
  Split best;
  const double whole = entropy(leaf.labels[0], leaf.labels[1]);
  // What the distributions hold: less than the leaf's weight where values were missing.
  const std::array<double, 2> all{statistics.labels[0].weight, statistics.labels[1].weight};
  const double sum = all[0] + all[1];
  for (int i = 1; i <= kCandidates; ++i) {
    const double threshold = statistics.low + (statistics.high - statistics.low) * i / (kCandidates + 1);
    if (!(threshold < statistics.high)) continue;
    const std::array<double, 2> left{statistics.labels[0].at_most(threshold),
                                     statistics.labels[1].at_most(threshold)};
    const double left_share = (left[0] + left[1]) / sum;
    if (!(left_share > 0.01 && left_share < 0.99)) continue;
    const double gain = whole - left_share * entropy(left[0], left[1]) -
                        (1 - left_share) * entropy(all[0] - left[0], all[1] - left[1]);
    if (gain > best.gain) best = {gain, threshold, left};
  }
  return best;
}

void HoeffdingTree::try_to_split(std::size_t node, SeededRandom& random) {
  const std::uint32_t own_leaf = nodes_[node].leaf;
  const Leaf& leaf = leaves_[own_leaf];
  Split best;
  double second = 0;  // not to split at all gains nothing
  const ColumnStatistics* chosen = nullptr;
  for (const ColumnStatistics& statistics : leaf.columns) {
    const Split split = best_split(leaf, statistics);
    if (split.gain > best.gain) {
      second = best.gain;
      best = split;
      chosen = &statistics;
    } else {
      second = std::max(second, split.gain);
    }
  }
  if (chosen == nullptr) return;
  const double bound = std::sqrt(std::log(1 / rules_.confidence) / (2 * leaf.weight()));
  if (best.gain - second <= bound && bound >= rules_.tie) return;

  Leaf left = new_leaf(random);
  Leaf right = new_leaf(random);
  for (const std::size_t label : {0U, 1U}) {
    left.labels[label] = best.left[label];
    right.labels[label] = std::max(0.0, chosen->labels[label].weight - best.left[label]);
  }
  left.tried_at = left.weight();
  right.tried_at = right.weight();
  Node& parent = nodes_[node];
  parent.column = chosen->column;
  parent.threshold = best.threshold;
  parent.missing_left = left.weight() >= right.weight();
  parent.left = static_cast<std::int32_t>(nodes_.size());
  parent.right = parent.left + 1;
  // From here on what `leaf`, `chosen` and `parent` refer to is gone.
  nodes_.push_back({.leaf = own_leaf});
  nodes_.push_back({.leaf = static_cast<std::uint32_t>(leaves_.size())});
  leaves_[own_leaf] = std::move(left);
  leaves_.push_back(std::move(right));
}

void HoeffdingTree::encode_leaf(const Leaf& leaf, Bytes& out) {
  for (const double each :
       {leaf.labels[0], leaf.labels[1], leaf.tried_at, leaf.bayes_right, leaf.majority_right})
    put_double(each, out);
  put_big_endian(static_cast<std::uint32_t>(leaf.columns.size()), out);
  for (const ColumnStatistics& statistics : leaf.columns) {
    put_big_endian(statistics.column, out);
    put_double(statistics.low, out);
    put_double(statistics.high, out);
    for (const Normal& normal : statistics.labels) {
      for (const double each : {normal.weight, normal.mean, normal.squares}) put_double(each, out);
    }
  }
}

bool HoeffdingTree::restore_leaf(Leaf& leaf, ByteReader& reader) const {
  for (double* each :
       {&leaf.labels[0], &leaf.labels[1], &leaf.tried_at, &leaf.bayes_right, &leaf.majority_right}) {
    *each = read_double(reader);
    if (!(*each >= 0) || !std::isfinite(*each)) return false;
  }
  leaf.columns.resize(reader.count(4 + 8 * 8));
  for (ColumnStatistics& statistics : leaf.columns) {
    statistics.column = reader.integer<std::uint32_t>();
    statistics.low = read_double(reader);
    statistics.high = read_double(reader);
    if (statistics.column >= columns_ || !std::isfinite(statistics.low) || !std::isfinite(statistics.high))
      return false;
    for (Normal& normal : statistics.labels) {
      for (double* each : {&normal.weight, &normal.mean, &normal.squares}) *each = read_double(reader);
      if (!(normal.weight >= 0) || !std::isfinite(normal.mean) || !std::isfinite(normal.squares))
        return false;
    }
  }
  return reader.ok();
}

// The nodes from the root down, left before right. Nodes are numbered in the order in which they were made, which no
// answer depends on.
void HoeffdingTree::encode(Bytes& out) const {
  put_big_endian(static_cast<std::uint32_t>(leaves_.size()), out);
  std::vector<std::size_t> open{0};
  while (!open.empty()) {
    const Node& node = nodes_[open.back()];
    open.pop_back();
    out.push_back(node.left < 0 ? '\0' : node.missing_left ? '\1' : '\2');
    if (node.left < 0) {
      encode_leaf(leaves_[node.leaf], out);
      continue;
    }
    put_big_endian(node.column, out);
    put_double(node.threshold, out);
    open.push_back(static_cast<std::size_t>(node.right));
    open.push_back(static_cast<std::size_t>(node.left));
  }
}

bool HoeffdingTree::restore(ByteReader& reader) {
  const auto count = reader.integer<std::uint32_t>();
  if (count == 0 || count > rules_.leaves) return false;
  nodes_.clear();
  leaves_.clear();
  std::vector<std::size_t> waiting;  // for its right child
  std::size_t parent = 0;
  bool is_right = false;
  while (true) {
    const auto here = static_cast<std::int32_t>(nodes_.size());
    if (!nodes_.empty()) (is_right ? nodes_[parent].right : nodes_[parent].left) = here;
    const auto kind = reader.integer<std::uint8_t>();
    if (!reader.ok() || kind > 2) return false;
    nodes_.emplace_back();
    if (kind != 0) {
      // Each branch has a leaf more to come.
      if (waiting.size() + leaves_.size() + 2 > count) return false;
      Node& node = nodes_.back();
      node.missing_left = kind == 1;
      node.column = reader.integer<std::uint32_t>();
      node.threshold = read_double(reader);
      if (!reader.ok() || node.column >= columns_ || std::isnan(node.threshold)) return false;
      parent = static_cast<std::size_t>(here);
      waiting.push_back(parent);
      is_right = false;
      continue;
    }
    nodes_.back().leaf = static_cast<std::uint32_t>(leaves_.size());
    leaves_.emplace_back();
    if (!restore_leaf(leaves_.back(), reader)) return false;
    if (waiting.empty()) return leaves_.size() == count;
    parent = waiting.back();
    waiting.pop_back();
    is_right = true;
  }
}

}  // namespace weir::ml
