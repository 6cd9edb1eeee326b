#include <weir/ml/anomaly/seasonal_residual.h>

#include <algorithm>
#include <cmath>

#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr std::size_t kMostSlots = 100'000;

}  // namespace

std::string fault_in(const SeasonalResidualOptions& options) {
  if (options.period.count() <= 0) return "seasonal residual: the period must be positive";
  if (options.slots == 0 || options.slots > kMostSlots)
    return "seasonal residual: the slots must be 1 .. 100000";
  return options.weight > 0 && options.weight <= 1 ? "" : "seasonal residual: the weight must be in (0, 1]";
}

void encode(const SeasonalResidualOptions& options, Bytes& out) {
  put_big_endian(std::int64_t{options.period.count()}, out);
  put_big_endian(std::uint64_t{options.slots}, out);
  put_double(options.weight, out);
  put_big_endian(std::uint64_t{options.column}, out);
}

std::size_t SeasonalResidual::slot_of(Timestamp time) const {
  const Timestamp period = options_.period.count();
  const Timestamp into = (time % period + period) % period;
  const double share = static_cast<double>(into) / static_cast<double>(period);
  return std::min(options_.slots - 1, static_cast<std::size_t>(share * static_cast<double>(options_.slots)));
}

double SeasonalResidual::update(const Sample& sample) {
  const std::size_t slot = slot_of(sample.time);
  const double off = sample.values[options_.column] - means_[slot];
  const double strange = counts_[slot] > 0 ? std::abs(off) : 0;
  ++counts_[slot];
  means_[slot] += std::max(options_.weight, 1 / static_cast<double>(counts_[slot])) * off;
  return strange;
}

void SeasonalResidual::encode(Bytes& out) const {
  put_doubles(means_, out);
  for (const std::uint64_t count : counts_) put_big_endian(count, out);
}

absl::Status SeasonalResidual::restore(ByteReader& reader) {
  std::vector<double> means = read_doubles(reader);
  if (!reader.ok() || means.size() != options_.slots || !usable(means))
    return undecodable_state("a seasonal detector");
  means_ = std::move(means);
  for (std::uint64_t& count : counts_) count = reader.integer<std::uint64_t>();
  return reader.ok() ? absl::OkStatus() : undecodable_state("a seasonal detector");
}

}  // namespace weir::ml
