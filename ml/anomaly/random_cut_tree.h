// A tree that cuts a set of points at random until each is alone, and keeps doing so while points come and go: the tree is
// always one that could have been drawn for the points it holds (Guha, Mishra, Roy, Schrijvers: Robust Random Cut Forest
// Based Anomaly Detection on Streams, ICML 2016).
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/ml/seeded_random.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

class RandomCutTree {
 public:
  // Holds at most `capacity` points of `columns` numbers.
  RandomCutTree(std::size_t capacity, std::size_t columns);

  // Adds a usable() point under a number below `capacity` that has none.
  void insert(std::size_t slot, std::span<const double> point, SeededRandom& random);
  // Removes the point of a number that has one.
  void remove(std::size_t slot);

  [[nodiscard]] bool has(std::size_t slot) const { return leaf_of_[slot] != kNone; }
  [[nodiscard]] std::size_t size() const { return size_; }

  // Returns by how much the tree would change if the point, and what it may be hiding among, were not there: the largest
  // ratio, on the way to the root, of the points beside it to the points with it. The paper's collusive displacement.
  [[nodiscard]] double displacement(std::size_t slot) const;

  // Writes the tree from the root down, left before right; the boxes follow from the points.
  void encode(Bytes& out) const;
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = ~Index{0};

  struct Node {
    Index parent = kNone;
    Index left = kNone;  // kNone: a leaf
    Index right = kNone;
    std::uint32_t count = 0;  // points below; of a leaf, equal ones
    std::uint32_t column = 0;
    double cut = 0;  // left: at most this
  };

  [[nodiscard]] Index new_node();
  [[nodiscard]] Index new_leaf(std::size_t slot, std::span<const double> point);
  [[nodiscard]] double* low(Index node) { return boxes_.data() + std::size_t{node} * 2 * columns_; }
  [[nodiscard]] const double* low(Index node) const {
    return boxes_.data() + std::size_t{node} * 2 * columns_;
  }
  [[nodiscard]] double* high(Index node) { return low(node) + columns_; }
  [[nodiscard]] const double* high(Index node) const { return low(node) + columns_; }
  [[nodiscard]] bool is_leaf(Index node) const { return nodes_[node].left == kNone; }
  [[nodiscard]] bool equals(Index leaf, std::span<const double> point) const;
  void replace_child(Index parent, Index old_child, Index new_child);
  // Makes count and box of a branch those of its children.
  void refresh(Index branch);
  void refresh_from(Index node);
  [[nodiscard]] bool read_nodes(ByteReader& reader);
  // Makes `child` the left child of `parent`, or the right one if there is a left one; without a parent, the root.
  void append(Index parent, Index child);
  [[nodiscard]] bool parts_children(Index branch) const;

  std::size_t capacity_;
  std::size_t columns_;
  std::size_t size_ = 0;
  Index root_ = kNone;
  std::vector<Node> nodes_;
  std::vector<Index> free_;
  std::vector<double> boxes_;   // per node: the least corner, then the greatest
  std::vector<Index> leaf_of_;  // per number of a point
};

}  // namespace weir::ml
