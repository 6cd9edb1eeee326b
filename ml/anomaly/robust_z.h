// How far a value is off the median of the values before it, in units of their median absolute deviation (Hampel's
// identifier): what a few outliers among them cannot move. Costs a walk over the window for each value.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/ring.h>
#include <weir/ml/anomaly/sample.h>

namespace weir::ml {

struct RobustZOptions {
  std::size_t window = 300;  // values compared with, 20 .. 100000
  std::size_t column = 0;
};

[[nodiscard]] std::string fault_in(const RobustZOptions& options);
void encode(const RobustZOptions& options, Bytes& out);

class RobustZ {
 public:
  using Options = RobustZOptions;
  explicit RobustZ(const RobustZOptions& options) : options_(options), values_(options.window) {}

  [[nodiscard]] double update(const Sample& sample);
  void encode(Bytes& out) const { values_.encode(out); }
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  RobustZOptions options_;
  Ring values_;
  std::vector<double> sorted_;  // reused
};

}  // namespace weir::ml
