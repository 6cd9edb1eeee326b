// How many standard deviations a value is off an exponentially weighted mean: the EWMA control chart (Roberts, 1959), with
// the variance weighted in the same way. Cheap, and blind to seasons and to slow drifts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/sample.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

struct EwmaOptions {
  double weight = 0.05;  // of the newest value, in (0, 1]; until 1 / weight values came, all weigh the same
  std::size_t column = 0;
};

// Returns what is wrong with options, or nothing.
[[nodiscard]] std::string fault_in(const EwmaOptions& options);
void encode(const EwmaOptions& options, Bytes& out);

class Ewma {
 public:
  using Options = EwmaOptions;
  explicit Ewma(const EwmaOptions& options) : options_(options) {}

  [[nodiscard]] double update(const Sample& sample);
  void encode(Bytes& out) const;
  [[nodiscard]] absl::Status restore(ByteReader& reader);

  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] double variance() const { return variance_; }

 private:
  EwmaOptions options_;
  std::uint64_t count_ = 0;
  double mean_ = 0;
  double variance_ = 0;
};

}  // namespace weir::ml
