// How far the mean of the last few values is off the mean of the many before them, in units of their mean absolute
// deviation: finds changes of level that no single value shows.
#pragma once

#include <cstddef>
#include <string>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/ring.h>
#include <weir/ml/anomaly/sample.h>

namespace weir::ml {

struct LevelShiftOptions {
  std::size_t recent = 10;    // values, 1 .. 10000
  std::size_t before = 1500;  // values, 30 .. 100000
  std::size_t column = 0;
};

[[nodiscard]] std::string fault_in(const LevelShiftOptions& options);
void encode(const LevelShiftOptions& options, Bytes& out);

class LevelShift {
 public:
  using Options = LevelShiftOptions;
  explicit LevelShift(const LevelShiftOptions& options)
      : options_(options), values_(options.recent + options.before) {}

  [[nodiscard]] double update(const Sample& sample);
  void encode(Bytes& out) const { values_.encode(out); }
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  LevelShiftOptions options_;
  Ring values_;
};

}  // namespace weir::ml
