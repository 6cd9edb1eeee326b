#include <weir/ml/anomaly/ewma.h>

#include <algorithm>
#include <cmath>

#include <weir/ml/state_bytes.h>

namespace weir::ml {

std::string fault_in(const EwmaOptions& options) {
  return options.weight > 0 && options.weight <= 1 ? "" : "ewma: the weight must be in (0, 1]";
}

void encode(const EwmaOptions& options, Bytes& out) {
  put_double(options.weight, out);
  put_big_endian(std::uint64_t{options.column}, out);
}

double Ewma::update(const Sample& sample) {
  const double value = sample.values[options_.column];
  const double off = value - mean_;
  double strange = 0;
  if (count_ > 1 && off != 0) {
    // A series that never moved has no scale but its own size.
    const double least = 1e-9 * (std::abs(mean_) + 1e-9);
    strange = std::abs(off) / std::max(std::sqrt(variance_), least);
  }
  ++count_;
  const double weight = std::max(options_.weight, 1 / static_cast<double>(count_));
  mean_ += weight * off;
  variance_ = (1 - weight) * (variance_ + weight * off * off);
  return strange;
}

void Ewma::encode(Bytes& out) const {
  put_big_endian(count_, out);
  put_double(mean_, out);
  put_double(variance_, out);
}

absl::Status Ewma::restore(ByteReader& reader) {
  count_ = reader.integer<std::uint64_t>();
  mean_ = read_double(reader);
  variance_ = read_double(reader);
  const bool fits = reader.ok() && usable({&mean_, 1}) && std::isfinite(variance_) && variance_ >= 0;
  return fits ? absl::OkStatus() : undecodable_state("an EWMA detector");
}

}  // namespace weir::ml
