// A robust random cut forest: how much a point would be missed in trees drawn at random over a sample of the points before
// it. A point is the last `lags` values of each column, so that shapes count and not only values. See random_cut_tree.h.
//
// Each tree holds a sample that forgets: once it is full, a new point stays with the chance points / horizon, and takes the
// place of one drawn at random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/random_cut_tree.h>
#include <weir/ml/anomaly/ring.h>
#include <weir/ml/anomaly/sample.h>
#include <weir/ml/seeded_random.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

struct RandomCutForestOptions {
  std::size_t trees = 20;      // 1 .. 1000
  std::size_t points = 128;    // of a tree, 8 .. 4096
  std::size_t horizon = 2000;  // samples, at least `points`: how far back a tree remembers on average
  std::size_t lags = 4;        // 1 .. 100
  std::size_t columns = 1;     // of a sample, the first ones; 1 .. 100
  std::uint64_t seed = 1;
};

[[nodiscard]] std::string fault_in(const RandomCutForestOptions& options);
void encode(const RandomCutForestOptions& options, Bytes& out);

class RandomCutForest {
 public:
  using Options = RandomCutForestOptions;
  explicit RandomCutForest(const RandomCutForestOptions& options);

  [[nodiscard]] double update(const Sample& sample);
  void encode(Bytes& out) const;
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  // The mean displacement of the point over the trees; each may keep it.
  [[nodiscard]] double offer();

  RandomCutForestOptions options_;
  SeededRandom random_;
  std::vector<RandomCutTree> trees_;
  std::vector<std::uint32_t> empty_;  // per tree, the number of a point that is not taken
  Ring values_;                       // the last `lags` samples, value by value
  std::vector<double> point_;         // reused
};

}  // namespace weir::ml
