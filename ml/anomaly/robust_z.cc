#include <weir/ml/anomaly/robust_z.h>

#include <algorithm>
#include <cmath>

namespace weir::ml {
namespace {

constexpr std::size_t kFewestValues = 20;
constexpr std::size_t kMostValues = 100'000;
// Of a normal distribution, from the median absolute deviation to the standard deviation.
constexpr double kToSigma = 1.4826;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::string fault_in(const RobustZOptions& options) {
  return options.window >= kFewestValues && options.window <= kMostValues
             ? ""
             : "robust z: the window must be 20 .. 100000 values";
}

void encode(const RobustZOptions& options, Bytes& out) {
  put_big_endian(std::uint64_t{options.window}, out);
  put_big_endian(std::uint64_t{options.column}, out);
}

double RobustZ::update(const Sample& sample) {
  const double value = sample.values[options_.column];
  double strange = 0;
  if (values_.size() >= kFewestValues) {
    sorted_.resize(values_.size());
    for (std::size_t i = 0; i < sorted_.size(); ++i) sorted_[i] = values_[i];
    const double center = median(sorted_);
    double mean_off = 0;
    for (double& each : sorted_) {
      each = std::abs(each - center);
      mean_off += each;
    }
    mean_off /= static_cast<double>(sorted_.size());
    const double deviation = median(sorted_);
    // Where more than half of the values are equal the median says nothing.
    const double scale = deviation > 0 ? kToSigma * deviation : mean_off;
    // A series that never moved has no scale but its own size.
    strange = std::abs(value - center) / std::max(scale, 1e-9 * (std::abs(center) + 1e-9));
  }
  values_.push(value);
  return strange;
}

absl::Status RobustZ::restore(ByteReader& reader) {
  return values_.restore(reader) ? absl::OkStatus() : undecodable_state("a robust z detector");
}

}  // namespace weir::ml
