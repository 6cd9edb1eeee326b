#include <weir/ml/anomaly/random_cut_tree.h>

#include <algorithm>
#include <cmath>

#include <weir/ml/anomaly/sample.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {

RandomCutTree::RandomCutTree(std::size_t capacity, std::size_t columns)
    : capacity_(capacity), columns_(columns), leaf_of_(capacity, kNone) {}

RandomCutTree::Index RandomCutTree::new_node() {
  if (!free_.empty()) {
    const Index node = free_.back();
    free_.pop_back();
    nodes_[node] = {};
    return node;
  }
  nodes_.emplace_back();
  boxes_.resize(nodes_.size() * 2 * columns_);
  return static_cast<Index>(nodes_.size() - 1);
}

RandomCutTree::Index RandomCutTree::new_leaf(std::size_t slot, std::span<const double> point) {
  const Index leaf = new_node();
  nodes_[leaf].count = 1;
  std::copy(point.begin(), point.end(), low(leaf));
  std::copy(point.begin(), point.end(), high(leaf));
  leaf_of_[slot] = leaf;
  return leaf;
}

bool RandomCutTree::equals(Index leaf, std::span<const double> point) const {
  return std::equal(point.begin(), point.end(), low(leaf));
}

void RandomCutTree::replace_child(Index parent, Index old_child, Index new_child) {
  nodes_[new_child].parent = parent;
  if (parent == kNone) {
    root_ = new_child;
  } else {
    (nodes_[parent].left == old_child ? nodes_[parent].left : nodes_[parent].right) = new_child;
  }
}

void RandomCutTree::refresh(Index branch) {
  Node& node = nodes_[branch];
  node.count = nodes_[node.left].count + nodes_[node.right].count;
  for (std::size_t i = 0; i < columns_; ++i) {
    low(branch)[i] = std::min(low(node.left)[i], low(node.right)[i]);
    high(branch)[i] = std::max(high(node.left)[i], high(node.right)[i]);
  }
}

void RandomCutTree::refresh_from(Index node) {
  for (; node != kNone; node = nodes_[node].parent) refresh(node);
}

void RandomCutTree::insert(std::size_t slot, std::span<const double> point, SeededRandom& random) {
  ++size_;
  if (root_ == kNone) {
    root_ = new_leaf(slot, point);
    return;
  }
  for (Index node = root_;;) {
    if (is_leaf(node) && equals(node, point)) {
      leaf_of_[slot] = node;
      ++nodes_[node].count;
      refresh_from(nodes_[node].parent);
      return;
    }
    // A cut of the box that holds the node's points and the new one, its column chosen by the box's sides.
    double sides = 0;
    for (std::size_t i = 0; i < columns_; ++i)
      sides += std::max(high(node)[i], point[i]) - std::min(low(node)[i], point[i]);
    double at = random.uniform() * sides;
    std::size_t column = 0;
    double from = 0;
    double to = 0;
    for (std::size_t i = 0; i < columns_; ++i) {
      const double side_from = std::min(low(node)[i], point[i]);
      const double side_to = std::max(high(node)[i], point[i]);
      if (side_to <= side_from) continue;
      column = i;
      from = side_from;
      to = side_to;
      if (at < to - from) break;
      at -= to - from;
    }
    double cut = from + std::clamp(at, 0.0, to - from);
    if (cut >= to) cut = from;  // rounding: a cut leaves something on each side
    const bool point_left = point[column] <= cut && cut < low(node)[column];
    const bool point_right = high(node)[column] <= cut && cut < point[column];
    if (!point_left && !point_right) {
      // The cut falls into the node's own box: it is one of those that are made further down. Never at a leaf.
      node = point[nodes_[node].column] <= nodes_[node].cut ? nodes_[node].left : nodes_[node].right;
      continue;
    }
    const Index leaf = new_leaf(slot, point);
    const Index branch = new_node();
    replace_child(nodes_[node].parent, node, branch);
    nodes_[branch].left = point_left ? leaf : node;
    nodes_[branch].right = point_left ? node : leaf;
    nodes_[branch].column = static_cast<std::uint32_t>(column);
    nodes_[branch].cut = cut;
    nodes_[node].parent = branch;
    nodes_[leaf].parent = branch;
    refresh_from(branch);
    return;
  }
}

void RandomCutTree::remove(std::size_t slot) {
  const Index leaf = leaf_of_[slot];
  leaf_of_[slot] = kNone;
  --size_;
  const Index parent = nodes_[leaf].parent;
  if (--nodes_[leaf].count > 0) return refresh_from(parent);
  free_.push_back(leaf);
  if (parent == kNone) {
    root_ = kNone;
    return;
  }
  const Index sibling = nodes_[parent].left == leaf ? nodes_[parent].right : nodes_[parent].left;
  replace_child(nodes_[parent].parent, parent, sibling);
  free_.push_back(parent);
  refresh_from(nodes_[sibling].parent);
}

double RandomCutTree::displacement(std::size_t slot) const {
  double most = 0;
  Index node = leaf_of_[slot];
  for (Index parent = nodes_[node].parent; parent != kNone; node = parent, parent = nodes_[node].parent) {
    const double beside = nodes_[parent].count - nodes_[node].count;
    most = std::max(most, beside / nodes_[node].count);
  }
  return most;
}

void RandomCutTree::encode(Bytes& out) const {
  std::vector<std::vector<std::uint32_t>> slots(nodes_.size());
  for (std::size_t slot = 0; slot < capacity_; ++slot) {
    if (leaf_of_[slot] != kNone) slots[leaf_of_[slot]].push_back(static_cast<std::uint32_t>(slot));
  }
  put_big_endian(static_cast<std::uint32_t>(size_), out);
  std::vector<Index> open;
  if (root_ != kNone) open.push_back(root_);
  while (!open.empty()) {
    const Index node = open.back();
    open.pop_back();
    put_big_endian(static_cast<std::uint32_t>(slots[node].size()), out);  // 0: a branch
    if (is_leaf(node)) {
      for (const std::uint32_t slot : slots[node]) put_big_endian(slot, out);
      for (std::size_t i = 0; i < columns_; ++i) put_double(low(node)[i], out);
    } else {
      put_big_endian(nodes_[node].column, out);
      put_double(nodes_[node].cut, out);
      open.push_back(nodes_[node].right);
      open.push_back(nodes_[node].left);
    }
  }
}

bool RandomCutTree::parts_children(Index branch) const {
  const Node& own = nodes_[branch];
  return high(own.left)[own.column] <= own.cut && own.cut < low(own.right)[own.column];
}

void RandomCutTree::append(Index parent, Index child) {
  nodes_[child].parent = parent;
  if (parent == kNone) {
    root_ = child;
  } else {
    (nodes_[parent].left == kNone ? nodes_[parent].left : nodes_[parent].right) = child;
  }
}

bool RandomCutTree::read_nodes(ByteReader& reader) {
  std::vector<double> point(columns_);
  Index parent = kNone;  // of the node that comes next
  do {
    const std::uint32_t equal = reader.count(sizeof(std::uint32_t));
    if (!reader.ok()) return false;
    if (equal == 0) {
      if (nodes_.size() >= 2 * capacity_) return false;
      const Index branch = new_node();
      append(parent, branch);
      nodes_[branch].column = reader.integer<std::uint32_t>();
      nodes_[branch].cut = read_double(reader);
      if (!reader.ok() || nodes_[branch].column >= columns_) return false;
      parent = branch;
      continue;
    }
    if (equal > capacity_ - size_) return false;
    std::vector<std::uint32_t> slots(equal);
    for (std::uint32_t& slot : slots) slot = reader.integer<std::uint32_t>();
    for (double& each : point) each = read_double(reader);
    if (!reader.ok() || !usable(point)) return false;
    for (const std::uint32_t slot : slots) {
      if (slot >= capacity_ || has(slot)) return false;
    }
    const Index done = new_leaf(slots.front(), point);
    for (const std::uint32_t slot : slots) leaf_of_[slot] = done;
    nodes_[done].count = equal;
    size_ += equal;
    append(parent, done);
    // Up to the first branch that still waits for its right side.
    while (parent != kNone && nodes_[parent].right != kNone) {
      refresh(parent);
      if (!parts_children(parent)) return false;
      parent = nodes_[parent].parent;
    }
  } while (parent != kNone);
  return true;
}

absl::Status RandomCutTree::restore(ByteReader& reader) {
  *this = RandomCutTree(capacity_, columns_);
  const auto size = reader.integer<std::uint32_t>();
  if (reader.ok() && (size == 0 || read_nodes(reader)) && size_ == size) return absl::OkStatus();
  *this = RandomCutTree(capacity_, columns_);
  return undecodable_state("a random cut tree");
}

}  // namespace weir::ml
