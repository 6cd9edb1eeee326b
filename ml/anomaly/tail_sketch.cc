#include <weir/ml/anomaly/tail_sketch.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include <weir/ml/anomaly/sample.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr double kGrowth = (1 + TailSketch::kRelativeError) / (1 - TailSketch::kRelativeError);

}  // namespace

std::int32_t TailSketch::bucket_of(double value) {
  static const double log_growth = std::log(kGrowth);
  return static_cast<std::int32_t>(std::ceil(std::log(value) / log_growth));
}

void TailSketch::add(double value) {
  ++count_;
  largest_ = std::max(largest_, value);
  if (value <= kZero) {
    ++zeros_;
    return;
  }
  ++buckets_[bucket_of(value)];
  if (buckets_.size() <= kMostBuckets) return;
  const auto lowest = buckets_.begin();
  std::next(lowest)->second += lowest->second;
  buckets_.erase(lowest);
}

double TailSketch::surprise(double value) const {
  if (value <= kZero) return 0;
  double at_least = 0;
  double excess = 0;
  if (value <= largest_) {
    for (auto bucket = buckets_.lower_bound(bucket_of(value)); bucket != buckets_.end(); ++bucket)
      at_least += static_cast<double>(bucket->second);
  } else {
    excess = largest_ > kZero ? std::log10(value / largest_) : 1;
  }
  return std::log10((static_cast<double>(count_) + 1) / (at_least + 1)) + excess;
}

double TailSketch::quantile(double q) const {
  const double wanted = q * static_cast<double>(count_);
  auto below = static_cast<double>(zeros_);
  if (below >= wanted) return 0;
  for (const auto& [bucket, count] : buckets_) {
    below += static_cast<double>(count);
    // The middle of the bucket, in the sense of its relative error.
    if (below >= wanted) return std::min(largest_, 2 * std::pow(kGrowth, bucket) / (kGrowth + 1));
  }
  return largest_;
}

void TailSketch::encode(Bytes& out) const {
  put_big_endian(zeros_, out);
  put_double(largest_, out);
  put_big_endian(static_cast<std::uint32_t>(buckets_.size()), out);
  for (const auto& [bucket, count] : buckets_) {
    put_big_endian(bucket, out);
    put_big_endian(count, out);
  }
}

absl::Status TailSketch::restore(ByteReader& reader) {
  constexpr auto kMost = std::uint64_t{1} << 62;
  const auto zeros = reader.integer<std::uint64_t>();
  const double largest = read_double(reader);
  const std::uint32_t size = reader.count(sizeof(std::int32_t) + sizeof(std::uint64_t));
  std::map<std::int32_t, std::uint64_t> buckets;
  std::uint64_t total = zeros;
  bool fits = zeros <= kMost;
  for (std::uint32_t i = 0; i < size; ++i) {
    const auto bucket = reader.integer<std::int32_t>();
    const auto count = reader.integer<std::uint64_t>();
    fits = fits && count > 0 && count <= kMost - total && buckets.emplace(bucket, count).second;
    if (!fits) break;
    total += count;
  }
  if (!reader.ok() || !fits || !std::isfinite(largest) || largest < 0 || buckets.size() > kMostBuckets)
    return undecodable_state("a sketch of quantiles");
  zeros_ = zeros;
  largest_ = largest;
  buckets_ = std::move(buckets);
  count_ = total;
  return absl::OkStatus();
}

}  // namespace weir::ml
