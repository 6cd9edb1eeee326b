// How far a value is off what is usual at this time of the day (or of another period): the period is cut into slots, and
// each remembers an exponentially weighted mean of its values. For series with a daily rhythm it is the member that counts
// most; one without a rhythm gets slots that are all alike, and loses little.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/time.h>
#include <weir/ml/anomaly/sample.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

struct SeasonalResidualOptions {
  Duration period{std::chrono::hours(24)};
  std::size_t slots = 48;  // of a period, 1 .. 100000
  double weight =
      0.05;  // of a slot's newest value, in (0, 1]; until 1 / weight values came, all weigh the same
  std::size_t column = 0;
};

[[nodiscard]] std::string fault_in(const SeasonalResidualOptions& options);
void encode(const SeasonalResidualOptions& options, Bytes& out);

class SeasonalResidual {
 public:
  using Options = SeasonalResidualOptions;
  explicit SeasonalResidual(const SeasonalResidualOptions& options)
      : options_(options), means_(options.slots), counts_(options.slots) {}

  [[nodiscard]] double update(const Sample& sample);
  void encode(Bytes& out) const;
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  [[nodiscard]] std::size_t slot_of(Timestamp time) const;

  SeasonalResidualOptions options_;
  std::vector<double> means_;
  std::vector<std::uint64_t> counts_;
};

}  // namespace weir::ml
