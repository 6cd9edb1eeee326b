// How far the last values, taken together as a vector, are from the most similar stretches of the history: the mean distance
// to the k nearest. Finds shapes that are new although none of their values is. With TailSketch behind it this is conformal
// anomaly detection with k nearest neighbours (Burnaev, Ishimtsev, 2016).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/ring.h>
#include <weir/ml/anomaly/sample.h>

namespace weir::ml {

struct LaggedNeighboursOptions {
  std::size_t lags = 20;        // values of a vector, 1 .. 1000
  std::size_t neighbours = 20;  // 1 .. 1000
  std::size_t history =
      4000;  // stretches compared with, 100 .. 100000: time per value grows with lags * history
  std::size_t column = 0;
};

[[nodiscard]] std::string fault_in(const LaggedNeighboursOptions& options);
void encode(const LaggedNeighboursOptions& options, Bytes& out);

class LaggedNeighbours {
 public:
  using Options = LaggedNeighboursOptions;
  explicit LaggedNeighbours(const LaggedNeighboursOptions& options);

  [[nodiscard]] double update(const Sample& sample);
  void encode(Bytes& out) const { values_.encode(out); }
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  // Stretches that end less than this many values ago overlap the newest too much to be compared with.
  [[nodiscard]] std::size_t gap() const { return options_.lags < 4 ? 1 : options_.lags / 2; }
  // The distance of a stretch, squared, and where it begins.
  struct Neighbour {
    double distance = 0;
    std::size_t at = 0;
  };

  // Returns a distance that at least so many stretches do not exceed as there are neighbours.
  [[nodiscard]] double likely_limit(std::span<const double> values, bool moved);
  // Keeps a stretch if it is among the nearest so far.
  void offer(const Neighbour& neighbour);

  LaggedNeighboursOptions options_;
  Ring values_;
  std::vector<Neighbour> nearest_;  // of the last value, farthest first; empty if that is not known
};

}  // namespace weir::ml
