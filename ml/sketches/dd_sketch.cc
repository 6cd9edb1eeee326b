#include <weir/ml/sketches/dd_sketch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <absl/status/status.h>

#include <weir/ml/sketches/portable_math.h>
#include <weir/ml/sketches/sketch_codec.h>

namespace weir::ml {
namespace {

// Stands for log2(1 + s), s from 0 to 1. Where it is flattest against the logarithm, its slope is 10/7 of what ln has, not
// 1 / ln 2; buckets are made narrower by that.
constexpr double kA = 6.0 / 35.0;
constexpr double kB = -3.0 / 5.0;
constexpr double kC = 10.0 / 7.0;

double cubic(double s) { return ((kA * s + kB) * s + kC) * s; }

double about_log2(double magnitude) {
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);  // exact, from a half
  return exponent - 1 + cubic(2 * fraction - 1);
}

// The inverse, by halving: asked for by queries alone.
double about_exp2(double x) {
  const double whole = std::floor(x);
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = low + (high - low) / 2;
    (cubic(middle) <= x - whole ? low : high) = middle;
  }
  return std::ldexp(1 + low, static_cast<int>(whole));
}

double per_octave(double accuracy) {
  return 1 / (kC * (portable_log(1 + accuracy) - portable_log(1 - accuracy)));
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- buckets

bool DdBuckets::add(std::int32_t index, std::uint64_t count, std::size_t most) {
  total_ += count;
  const auto at = std::ranges::lower_bound(buckets_, index, {}, &Bucket::index);
  if (at != buckets_.end() && at->index == index) {
    at->count += count;
    return false;
  }
  buckets_.insert(at, {index, count});
  return collapse(most);
}

bool DdBuckets::merge(const DdBuckets& other, std::size_t most) {
  std::vector<Bucket> both;
  both.reserve(buckets_.size() + other.buckets_.size());
  std::ranges::merge(buckets_, other.buckets_, std::back_inserter(both), {}, &Bucket::index, &Bucket::index);
  buckets_.clear();
  for (const Bucket& bucket : both) {
    if (!buckets_.empty() && buckets_.back().index == bucket.index) {
      buckets_.back().count += bucket.count;
    } else {
      buckets_.push_back(bucket);
    }
  }
  total_ += other.total_;
  return collapse(most);
}

// Keeps indexes within `most` of the highest. What they are then depends on the numbers alone, in whatever order they came:
// an index that was moved up early is moved up again with the highest.
bool DdBuckets::collapse(std::size_t most) {
  if (buckets_.empty()) return false;
  const std::int64_t lowest = std::int64_t{buckets_.back().index} - static_cast<std::int64_t>(most) + 1;
  if (buckets_.front().index >= lowest) return false;
  std::uint64_t moved = 0;
  auto kept = buckets_.begin();
  for (; kept->index < lowest; ++kept) moved += kept->count;
  if (kept->index != lowest) *--kept = {static_cast<std::int32_t>(lowest), 0};
  kept->count += moved;
  buckets_.erase(buckets_.begin(), kept);
  return true;
}

// --------------------------------------------------------------------------------------------------- the sketch

DdSketch::DdSketch(double accuracy, std::size_t buckets_max)
    : accuracy_(std::isnan(accuracy) ? kAccuracyDefault : std::clamp(accuracy, kAccuracyMin, kAccuracyMax)),
      buckets_max_(std::clamp(buckets_max, kBucketsMin, kBucketsMax)),
      buckets_per_octave_(per_octave(accuracy_)) {}

// A bucket holds what is above the bound before and not above its own.
std::int32_t DdSketch::index_of(double magnitude) const {
  return static_cast<std::int32_t>(std::ceil(about_log2(magnitude) * buckets_per_octave_));
}

double DdSketch::bound_of(std::int32_t index) const { return about_exp2(index / buckets_per_octave_); }

double DdSketch::middle_of(std::int32_t index) const {
  const double high = bound_of(index);
  const double low = bound_of(index - 1);
  if (std::isinf(high)) return low * (1 + accuracy_);
  // The harmonic mean is as far from both bounds, relative to them. The least numbers have no neighbours to be near.
  return low == 0 ? high : low * (2 / (1 + low / high));
}

bool DdSketch::add(double value, std::uint64_t times) {
  if (!std::isfinite(value)) return false;
  if (times == 0) return true;
  if (value == 0) value = 0;  // of both signs
  if (count() == 0) {
    min_ = value;
    max_ = value;
  }
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
  if (value == 0) {
    zeros_ += times;
  } else if (value > 0) {
    collapsed_ = above_.add(index_of(value), times, buckets_max_) || collapsed_;
  } else {
    collapsed_ = below_.add(index_of(-value), times, buckets_max_) || collapsed_;
  }
  return true;
}

absl::Status DdSketch::merge(const DdSketch& other) {
  if (other.accuracy_ != accuracy_ || other.buckets_max_ != buckets_max_) {
    return absl::InvalidArgumentError("DDSketch: sketches of different accuracy or size cannot be merged");
  }
  if (other.count() == 0) return absl::OkStatus();
  min_ = count() == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count() == 0 ? other.max_ : std::max(max_, other.max_);
  zeros_ += other.zeros_;
  const bool below = below_.merge(other.below_, buckets_max_);
  const bool above = above_.merge(other.above_, buckets_max_);
  collapsed_ = collapsed_ || other.collapsed_ || below || above;
  return absl::OkStatus();
}

std::optional<double> DdSketch::min() const { return count() == 0 ? std::nullopt : std::optional(min_); }
std::optional<double> DdSketch::max() const { return count() == 0 ? std::nullopt : std::optional(max_); }

std::optional<double> DdSketch::quantile(double q) const {
  if (count() == 0 || std::isnan(q)) return std::nullopt;
  const auto last = static_cast<double>(count() - 1);
  const double place = std::floor(std::clamp(q, 0.0, 1.0) * last);
  if (place <= 0) return min_;
  if (place >= last) return max_;
  return std::clamp(at_place(static_cast<std::uint64_t>(place)), min_, max_);
}

double DdSketch::at_place(std::uint64_t place) const {
  for (auto bucket = below_.all().rbegin(); bucket != below_.all().rend(); ++bucket) {
    if (place < bucket->count) return -middle_of(bucket->index);
    place -= bucket->count;
  }
  if (place < zeros_) return 0;
  place -= zeros_;
  for (const auto& bucket : above_.all()) {
    if (place < bucket.count) return middle_of(bucket.index);
    place -= bucket.count;
  }
  return max_;
}

std::optional<double> DdSketch::share_up_to(double value) const {
  if (count() == 0 || std::isnan(value)) return std::nullopt;
  if (value < min_) return 0.0;
  if (value >= max_) return 1.0;
  std::uint64_t up_to = 0;
  if (value < 0) {
    const std::int32_t own = index_of(-value);
    for (const auto& bucket : below_.all()) up_to += bucket.index >= own ? bucket.count : 0;
  } else {
    up_to = below_.total() + zeros_;
    const std::int32_t own = value == 0 ? std::numeric_limits<std::int32_t>::min() : index_of(value);
    for (const auto& bucket : above_.all()) up_to += bucket.index <= own ? bucket.count : 0;
  }
  return static_cast<double>(up_to) / static_cast<double>(count());
}

std::size_t DdSketch::heap_bytes() const {
  return (below_.all().capacity() + above_.all().capacity()) * sizeof(DdBuckets::Bucket);
}

namespace {

void put_buckets(const DdBuckets& buckets, Bytes& out) {
  put_whole(buckets.all().size(), out);
  std::int64_t before = 0;
  for (const auto& bucket : buckets.all()) {
    put_zigzag(bucket.index - before, out);
    put_whole(bucket.count, out);
    before = bucket.index;
  }
}

// Indexes of all finite magnitudes are below this at any accuracy.
constexpr std::int64_t kIndexMax = 8'000'000;
// No sum of counts overflows.
constexpr std::uint64_t kCountMax = std::uint64_t{1} << 62;

DdBuckets read_buckets(SketchReader& reader, std::size_t most) {
  DdBuckets buckets;
  const std::size_t size = reader.count(2, most);
  std::int64_t index = 0;
  for (std::size_t i = 0; i < size && reader.ok(); ++i) {
    const std::int64_t step = reader.zigzag();
    const std::uint64_t count = reader.whole();
    if ((i > 0 && step <= 0) || std::max(step, -step) > 2 * kIndexMax ||
        std::max(index + step, -(index + step)) > kIndexMax || count == 0 || count > kCountMax ||
        buckets.total() > kCountMax) {
      reader.refuse("a bucket cannot be");
      break;
    }
    index += step;
    if (buckets.add(static_cast<std::int32_t>(index), count, most))
      reader.refuse("its buckets are too far apart");
  }
  return buckets;
}

}  // namespace

// accuracy, buckets_max, how many zeros, whether collapsed, the buckets below zero and those above, and if there is a number
// the least and the largest. Buckets: how many, and of each how far its index is from the one before, and its count.
void DdSketch::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kDdSketch, out);
  put_float(accuracy_, out);
  put_whole(buckets_max_, out);
  put_whole(zeros_, out);
  out.push_back(collapsed_ ? '\1' : '\0');
  put_buckets(below_, out);
  put_buckets(above_, out);
  if (count() == 0) return;
  put_float(min_, out);
  put_float(max_, out);
}

absl::StatusOr<DdSketch> DdSketch::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kDdSketch);
  const double accuracy = reader.number();
  const std::uint64_t buckets_max = reader.whole();
  DdSketch sketch(accuracy, buckets_max);
  if (sketch.accuracy_ != accuracy || sketch.buckets_max_ != buckets_max) {
    reader.refuse("its accuracy or its size is out of range");
  }
  sketch.zeros_ = reader.whole();
  const unsigned char collapsed = reader.byte();
  if (collapsed > 1 || sketch.zeros_ > kCountMax) reader.refuse("its counts cannot be");
  sketch.collapsed_ = collapsed != 0;
  sketch.below_ = read_buckets(reader, sketch.buckets_max_);
  sketch.above_ = read_buckets(reader, sketch.buckets_max_);
  if (reader.ok() && sketch.count() > 0) {
    sketch.min_ = reader.number();
    sketch.max_ = reader.number();
    const bool signs_hold =
        (sketch.min_ < 0) == (sketch.below_.total() > 0) && (sketch.max_ > 0) == (sketch.above_.total() > 0);
    if (!std::isfinite(sketch.min_) || !std::isfinite(sketch.max_) || sketch.min_ > sketch.max_ ||
        !signs_hold) {
      reader.refuse("its least and largest number cannot be");
    }
  }
  if (const absl::Status status = reader.finish("DDSketch"); !status.ok()) return status;
  return sketch;
}

}  // namespace weir::ml
