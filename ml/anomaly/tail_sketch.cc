#include <weir/ml/anomaly/tail_sketch.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

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
  const std::int32_t index = bucket_of(value);
  const auto at = buckets_.begin() + (bucket_from(index) - buckets_.cbegin());
  if (at != buckets_.end() && at->index == index) {
    ++at->count;
    return;
  }
  buckets_.insert(at, {index, 1});
  if (buckets_.size() <= kMostBuckets) return;
  buckets_[1].count += buckets_[0].count;
  buckets_.erase(buckets_.begin());
}

std::vector<TailSketch::Bucket>::const_iterator TailSketch::bucket_from(std::int32_t index) const {
  return std::lower_bound(buckets_.begin(), buckets_.end(), index,
                          [](const Bucket& bucket, std::int32_t wanted) { return bucket.index < wanted; });
}

double TailSketch::surprise(double value) const {
  if (value <= kZero) return 0;
  double at_least = 0;
  double excess = 0;
  if (value <= largest_) {
    for (auto bucket = bucket_from(bucket_of(value)); bucket != buckets_.end(); ++bucket)
      at_least += static_cast<double>(bucket->count);
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
  std::vector<Bucket> buckets;
  std::uint64_t total = zeros;
  bool fits = zeros <= kMost;
  for (std::uint32_t i = 0; i < size; ++i) {
    const auto bucket = reader.integer<std::int32_t>();
    const auto count = reader.integer<std::uint64_t>();
    // They are written in order.
    fits = fits && count > 0 && count <= kMost - total && (buckets.empty() || buckets.back().index < bucket);
    if (!fits) break;
    buckets.push_back({bucket, count});
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
