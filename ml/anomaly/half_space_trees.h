// Half-space trees: how few of the last window's samples lay where this one lies, in a forest of trees that cut the space of
// all columns in halves at random (Tan, Ting, Liu: Fast Anomaly Detection for Streaming Data, IJCAI 2011). Time and memory do
// not depend on the length of the stream. Columns are scaled to the range seen up to the last full window, within which
// the paper expects them.
//
// Strangeness is in bits: log2 of how much less mass there is than there could be at most.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/sample.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

struct HalfSpaceTreesOptions {
  std::size_t trees = 25;  // 1 .. 1000
  std::size_t depth = 6;   // 1 .. 15
  std::size_t window =
      250;  // samples, 10 .. 1000000: what is compared with is the window before the current one
  std::size_t columns = 1;  // of a sample, the first ones
  std::uint64_t seed = 1;
};

[[nodiscard]] std::string fault_in(const HalfSpaceTreesOptions& options);
void encode(const HalfSpaceTreesOptions& options, Bytes& out);

class HalfSpaceTrees {
 public:
  using Options = HalfSpaceTreesOptions;
  explicit HalfSpaceTrees(const HalfSpaceTreesOptions& options);

  [[nodiscard]] double update(const Sample& sample);
  void encode(Bytes& out) const;
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  struct Cut {
    std::uint32_t column = 0;
    double at = 0;
  };

  void make_trees();
  void scale(const Sample& sample);
  [[nodiscard]] std::size_t nodes_each() const { return (std::size_t{2} << options_.depth) - 1; }
  // Calls visit(node, depth) from the root of a tree down to where the scaled sample is, while it returns true.
  template <class F>
  void descend(std::size_t tree, F&& visit) const;

  HalfSpaceTreesOptions options_;
  std::vector<Cut> cuts_;                 // of inner nodes, tree by tree; children of i are 2i + 1 and 2i + 2
  std::vector<std::uint32_t> reference_;  // mass per node in the last full window
  std::vector<std::uint32_t> latest_;     // in the current one
  std::vector<double> least_, most_;      // per column, of all samples
  std::vector<double> low_, high_;        // the same as of the last full window: what scales
  std::uint64_t in_window_ = 0;
  std::uint8_t windows_ =
      0;  // full ones, 2 at most: the first gives the scale, the second is the first reference
  std::vector<double> scaled_;  // reused
};

}  // namespace weir::ml
