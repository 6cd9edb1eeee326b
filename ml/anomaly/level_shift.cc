#include <weir/ml/anomaly/level_shift.h>

#include <cmath>
#include <span>

namespace weir::ml {
namespace {

constexpr std::size_t kFewestBefore = 30;
constexpr std::size_t kMostBefore = 100'000;
constexpr std::size_t kMostRecent = 10'000;
constexpr double kRounding = 1e-12;

}  // namespace

std::string fault_in(const LevelShiftOptions& options) {
  if (options.recent == 0 || options.recent > kMostRecent)
    return "level shift: the recent values must be 1 .. 10000";
  return options.before >= kFewestBefore && options.before <= kMostBefore
             ? ""
             : "level shift: the values before must be 30 .. 100000";
}

void encode(const LevelShiftOptions& options, Bytes& out) {
  put_big_endian(std::uint64_t{options.recent}, out);
  put_big_endian(std::uint64_t{options.before}, out);
  put_big_endian(std::uint64_t{options.column}, out);
}

double LevelShift::update(const Sample& sample) {
  values_.push(sample.values[options_.column]);
  if (values_.size() < options_.recent + kFewestBefore) return 0;
  // Summed anew each time, oldest first: running sums would depend on where they began.
  const std::size_t before = values_.size() - options_.recent;
  const std::span<const double> values = values_.values();
  double mean = 0;
  for (const double value : values.first(before)) mean += value;
  mean /= static_cast<double>(before);
  double off = 0;
  for (const double value : values.first(before)) off += std::abs(value - mean);
  off /= static_cast<double>(before);
  double recent = 0;
  for (const double value : values.subspan(before)) recent += value;
  recent /= static_cast<double>(options_.recent);
  const double shift = std::abs(recent - mean);
  // Of a constant, sums of different length differ by what was rounded off.
  if (shift <= kRounding * std::abs(mean)) return 0;
  return shift / (off + 1e-9 * (std::abs(mean) + 1e-9));
}

absl::Status LevelShift::restore(ByteReader& reader) {
  return values_.restore(reader) ? absl::OkStatus() : undecodable_state("a level shift detector");
}

}  // namespace weir::ml
