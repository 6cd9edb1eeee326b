// A decision tree for labels 0 and 1 that grows while examples come: a leaf is split once the best split is better than the
// second best by more than chance would explain, by Hoeffding's bound (Domingos, Hulten: Mining High-Speed Data Streams,
// KDD 2000). Leaves keep a normal distribution per column and label, which split points are judged by, and from which a leaf
// answers by naive Bayes where that has been right more often than its majority (Gama, Rocha, Medas, KDD 2003).
//
// A missing value goes where most of the leaf's examples went. Thread safety: as Learner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/ml/seeded_random.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

struct HoeffdingTreeRules {
  double confidence = 1e-7;    // how likely a split may be a wrong one, in (0, 1)
  double tie = 0.05;           // splits that differ by less are as good as each other
  std::uint32_t grace = 200;   // examples of a leaf between attempts to split it
  std::uint32_t leaves = 256;  // at most
  // Columns a leaf looks at, drawn anew for each; 0: all.
  std::uint32_t columns_each = 0;
};

class HoeffdingTree {
 public:
  HoeffdingTree(const HoeffdingTreeRules& rules, std::size_t columns, SeededRandom& random);

  // Returns the probability of label 1.
  [[nodiscard]] double predict(std::span<const float> row) const;

  // Learns an example that counts `weight` times.
  void learn(std::span<const float> row, bool label, double weight, SeededRandom& random);

  [[nodiscard]] std::size_t leaves() const { return leaves_.size(); }

  void encode(Bytes& out) const;
  // Returns whether the bytes can have been written by a tree of the same rules; if not it must not be used.
  [[nodiscard]] bool restore(ByteReader& reader);

 private:
  struct Normal {
    double weight = 0;
    double mean = 0;
    double squares = 0;
    void add(double value, double by);
    [[nodiscard]] double variance() const { return weight > 0 ? squares / weight : 0; }
    // The weight that lies at or below a value.
    [[nodiscard]] double at_most(double value) const;
  };

  struct ColumnStatistics {
    std::uint32_t column = 0;
    double low = 0;  // of the values seen; above `high` if there are none
    double high = -1;
    std::array<Normal, 2> labels;
  };

  struct Leaf {
    std::array<double, 2> labels{};  // weight of each, at first what the split expected
    double tried_at = 0;             // the weight when a split was last tried
    double bayes_right = 0;
    double majority_right = 0;
    std::vector<ColumnStatistics> columns;
    [[nodiscard]] double weight() const { return labels[0] + labels[1]; }
  };

  struct Node {
    std::int32_t left = -1;  // -1: a leaf
    std::int32_t right = -1;
    std::uint32_t column = 0;
    double threshold = 0;  // left: at most this
    bool missing_left = true;
    std::uint32_t leaf = 0;
  };

  struct Split {
    double gain = 0;
    double threshold = 0;
    std::array<double, 2> left{};  // expected weight of each label
  };

  [[nodiscard]] Leaf new_leaf(SeededRandom& random) const;
  [[nodiscard]] std::size_t node_of(std::span<const float> row) const;
  [[nodiscard]] static double majority(const Leaf& leaf);
  [[nodiscard]] static double bayes(const Leaf& leaf, std::span<const float> row);
  [[nodiscard]] static Split best_split(const Leaf& leaf, const ColumnStatistics& statistics);
  void try_to_split(std::size_t node, SeededRandom& random);
  static void encode_leaf(const Leaf& leaf, Bytes& out);
  [[nodiscard]] bool restore_leaf(Leaf& leaf, ByteReader& reader) const;

  HoeffdingTreeRules rules_;
  std::size_t columns_;
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
};

}  // namespace weir::ml
