#include <weir/ml/sketches/kll_sketch.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <iterator>

#include <fmt/format.h>

#include <weir/ml/sketches/sketch_codec.h>
#include <weir/ml/sketches/sketch_hash.h>

namespace weir::ml {
namespace {

constexpr std::size_t kCapacityMin = 8;
// Any k is shrunk to the least capacity this far below the top.
constexpr std::size_t kDepthMax = 24;
constexpr std::size_t kLevelsMax = 60;
constexpr std::uint64_t kWeightMax = std::uint64_t{1} << 62;

constexpr auto kPowersOfThree = [] {
  std::array<std::uint64_t, kDepthMax + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = 3 * powers[i - 1];
  return powers;
}();

}  // namespace

KllSketch::KllSketch(std::uint32_t k, std::uint64_t seed)
    : k_(std::clamp(k, kSizeMin, kSizeMax)), chance_(seed), room_(capacity()) {}

// k (2/3)^depth, rounded to the nearest.
std::size_t KllSketch::capacity_of(std::size_t level) const {
  const std::size_t depth = levels_.size() - 1 - level;
  if (depth > kDepthMax) return kCapacityMin;
  const std::uint64_t twice = (std::uint64_t{2} * k_ << depth) / kPowersOfThree[depth];
  return std::max<std::size_t>((twice + 1) / 2, kCapacityMin);
}

std::size_t KllSketch::capacity() const {
  std::size_t sum = 0;
  for (std::size_t level = 0; level < levels_.size(); ++level) sum += capacity_of(level);
  return sum;
}

std::size_t KllSketch::kept() const {
  std::size_t sum = 0;
  for (const auto& level : levels_) sum += level.size();
  return sum;
}

bool KllSketch::add(double value) {
  if (!std::isfinite(value)) return false;
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  ++count_;
  levels_.front().push_back(value);
  if (--room_ == 0) shrink();
  return true;
}

// Halves the lowest full level until there is room. If there is none at all, some level is full.
void KllSketch::shrink() {
  while (kept() >= capacity()) {
    std::size_t level = 0;
    while (levels_[level].size() < capacity_of(level)) ++level;
    halve(level);
  }
  room_ = capacity() - kept();
}

// Every second number, from the first or from the second, goes up and stands for both.
void KllSketch::halve(std::size_t level) {
  if (level + 1 == levels_.size()) levels_.emplace_back();
  std::vector<double>& from = levels_[level];
  if (level == 0) std::ranges::sort(from);
  const std::size_t odd = from.size() % 2;  // the first then stays
  std::vector<double> raised;
  raised.reserve(from.size() / 2);
  for (std::size_t i = odd + (toss() ? 1 : 0); i < from.size(); i += 2) raised.push_back(from[i]);
  from.resize(odd);
  std::vector<double>& to = levels_[level + 1];
  const auto middle = static_cast<std::ptrdiff_t>(to.size());
  to.insert(to.end(), raised.begin(), raised.end());
  std::inplace_merge(to.begin(), to.begin() + middle, to.end());
}

bool KllSketch::toss() {
  chance_ = static_cast<std::uint64_t>(hash_of_integer(static_cast<std::int64_t>(chance_)));
  return (chance_ >> 63) != 0;
}

absl::Status KllSketch::merge(const KllSketch& other) {
  if (other.k_ != k_) {
    return absl::InvalidArgumentError(
        fmt::format("KLL: sketches with k={} and k={} cannot be merged", k_, other.k_));
  }
  if (other.count_ == 0) return absl::OkStatus();
  if (&other == this) return merge(KllSketch(other));
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  chance_ ^= std::rotl(other.chance_, 32);
  levels_.resize(std::max(levels_.size(), other.levels_.size()));
  for (std::size_t level = 0; level < other.levels_.size(); ++level) {
    std::vector<double>& to = levels_[level];
    const auto middle = static_cast<std::ptrdiff_t>(to.size());
    to.insert(to.end(), other.levels_[level].begin(), other.levels_[level].end());
    if (level > 0) std::inplace_merge(to.begin(), to.begin() + middle, to.end());
  }
  shrink();
  return absl::OkStatus();
}

std::optional<double> KllSketch::min() const { return count_ == 0 ? std::nullopt : std::optional(min_); }
std::optional<double> KllSketch::max() const { return count_ == 0 ? std::nullopt : std::optional(max_); }

std::vector<std::pair<double, std::uint64_t>> KllSketch::weighed() const {
  std::vector<std::pair<double, std::uint64_t>> all;
  all.reserve(kept());
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    for (const double value : levels_[level]) all.emplace_back(value, std::uint64_t{1} << level);
  }
  std::ranges::sort(all);
  return all;
}

std::optional<double> KllSketch::quantile(double q) const {
  if (count_ == 0 || std::isnan(q)) return std::nullopt;
  if (q <= 0) return min_;
  if (q >= 1) return max_;
  const double wanted = q * static_cast<double>(count_);
  std::uint64_t up_to = 0;
  for (const auto& [value, weight] : weighed()) {
    up_to += weight;
    if (static_cast<double>(up_to) >= wanted) return value;
  }
  return max_;
}

std::optional<double> KllSketch::share_up_to(double value) const {
  if (count_ == 0 || std::isnan(value)) return std::nullopt;
  if (value < min_) return 0.0;
  if (value >= max_) return 1.0;
  std::uint64_t up_to = 0;
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const auto below = std::ranges::count_if(levels_[level], [&](double one) { return one <= value; });
    up_to += static_cast<std::uint64_t>(below) << level;
  }
  return static_cast<double>(up_to) / static_cast<double>(count_);
}

double KllSketch::rank_error() const { return 2.296 / std::pow(k_, 0.9723); }

std::size_t KllSketch::heap_bytes() const {
  std::size_t bytes = levels_.capacity() * sizeof(std::vector<double>);
  for (const auto& level : levels_) bytes += level.capacity() * sizeof(double);
  return bytes;
}

// k, the chance, how many numbers there were, the least and the largest if any, how many levels, and of each how many numbers
// and these.
void KllSketch::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kKll, out);
  put_whole(k_, out);
  put_big_endian(chance_, out);
  put_whole(count_, out);
  if (count_ == 0) return;
  put_float(min_, out);
  put_float(max_, out);
  put_whole(levels_.size(), out);
  for (const auto& level : levels_) {
    put_whole(level.size(), out);
    for (const double value : level) put_float(value, out);
  }
}

absl::StatusOr<KllSketch> KllSketch::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kKll);
  const std::uint64_t k = reader.whole();
  if (reader.ok() && (k < kSizeMin || k > kSizeMax)) reader.refuse("its k is out of range");
  KllSketch sketch(static_cast<std::uint32_t>(std::min<std::uint64_t>(k, kSizeMax)));
  const BytesView chance = reader.bytes(sizeof(std::uint64_t));
  if (!chance.empty()) sketch.chance_ = get_big_endian<std::uint64_t>(chance.data());
  sketch.count_ = reader.whole();
  if (reader.ok() && sketch.count_ > 0) {
    sketch.min_ = reader.number();
    sketch.max_ = reader.number();
    const bool ordered =
        std::isfinite(sketch.min_) && std::isfinite(sketch.max_) && sketch.min_ <= sketch.max_;
    if (!ordered) reader.refuse("its least and largest number cannot be");
    sketch.levels_.resize(std::max<std::size_t>(reader.count(1, kLevelsMax), 1));
    std::uint64_t weight = 0;
    for (std::size_t i = 0; i < sketch.levels_.size() && reader.ok(); ++i) {
      std::vector<double>& level = sketch.levels_[i];
      level.resize(reader.count(sizeof(double), sketch.capacity()));
      for (double& value : level) value = reader.number();
      const auto outside = [&](double value) { return !(value >= sketch.min_ && value <= sketch.max_); };
      if (std::ranges::any_of(level, outside)) reader.refuse("a number is out of its range");
      if (i > 0 && !std::ranges::is_sorted(level)) reader.refuse("a level is not sorted");
      if (level.size() > kWeightMax >> i) reader.refuse("it stands for more numbers than there can be");
      weight = std::min(weight + (level.size() << i), 2 * kWeightMax);
    }
    if (weight != sketch.count_) reader.refuse("its numbers do not add up to their count");
    if (sketch.kept() < sketch.capacity()) {
      sketch.room_ = sketch.capacity() - sketch.kept();
    } else {
      reader.refuse("it keeps more numbers than it may");
    }
  }
  if (const absl::Status status = reader.finish("KLL"); !status.ok()) return status;
  return sketch;
}

}  // namespace weir::ml
