#include <weir/ml/sketches/t_digest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>

#include <fmt/format.h>

#include <weir/ml/sketches/sketch_codec.h>

namespace weir::ml {
namespace {

// So many clusters for each unit of compression at most, waiting ones included.
constexpr std::size_t kClustersPerUnit = 4;
constexpr std::uint64_t kDigestCountMax = std::uint64_t{1} << 62;

constexpr double kPi = 3.14159265358979323846;

}  // namespace

TDigest::TDigest(std::uint32_t compression)
    : compression_(std::clamp(compression, kCompressionMin, kCompressionMax)) {}

bool TDigest::add(double value, std::uint64_t count) {
  if (!std::isfinite(value)) return false;
  if (count == 0) return true;
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  append({value, count});
  return true;
}

void TDigest::append(Cluster cluster) {
  count_ += cluster.count;
  clusters_.push_back(cluster);
  if (clusters_.size() >= kClustersPerUnit * compression_) compress();
}

void TDigest::compress() {
  clusters_ = compressed();
  merged_ = clusters_.size();
}

std::vector<TDigest::Cluster> TDigest::compressed() const {
  std::vector<Cluster> sorted = clusters_;
  const auto waiting = sorted.begin() + static_cast<std::ptrdiff_t>(merged_);
  std::sort(waiting, sorted.end());
  std::inplace_merge(sorted.begin(), waiting, sorted.end());
  if (sorted.empty()) return sorted;
  const auto all = static_cast<double>(count_);
  // The slope of k1, whose units a cluster may hold one of: from half the compression to all of it are left. Roots are the
  // same everywhere, arcs need not be.
  const double allowed = all * 2 * kPi / compression_;
  const auto limit_at = [&](double q) { return allowed * std::sqrt(q * (1 - q)); };

  std::vector<Cluster> merged{sorted.front()};
  std::uint64_t before = 0;  // the last of `merged` comes after so many
  for (auto next = sorted.begin() + 1; next != sorted.end(); ++next) {
    Cluster& last = merged.back();
    const std::uint64_t together = last.count + next->count;
    const double from = static_cast<double>(before) / all;
    const double to = static_cast<double>(before + together) / all;
    if (static_cast<double>(together) <= std::min(limit_at(from), limit_at(to))) {
      const double share = static_cast<double>(next->count) / static_cast<double>(together);
      // Halves cannot overflow. Rounding must not leave the place between both.
      const double mean = last.mean + 2 * ((next->mean / 2 - last.mean / 2) * share);
      last = {std::clamp(mean, last.mean, next->mean), together};
    } else {
      before += last.count;
      merged.push_back(*next);
    }
  }
  return merged;
}

absl::Status TDigest::merge(const TDigest& other) {
  if (other.compression_ != compression_) {
    return absl::InvalidArgumentError(
        fmt::format("t-digest: compressions {} and {} cannot be merged", compression_, other.compression_));
  }
  if (other.count_ == 0) return absl::OkStatus();
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  const std::vector<Cluster> added = other.clusters_;  // which may be our own
  for (const Cluster& cluster : added) append(cluster);
  return absl::OkStatus();
}

std::optional<double> TDigest::min() const { return count_ == 0 ? std::nullopt : std::optional(min_); }
std::optional<double> TDigest::max() const { return count_ == 0 ? std::nullopt : std::optional(max_); }

// A cluster's mean is at the middle of its ranks; between two middles ranks go in a straight line, and from the outer ones to
// the least and the largest number.
std::optional<double> TDigest::quantile(double q) const {
  if (count_ == 0 || std::isnan(q)) return std::nullopt;
  if (q <= 0) return min_;
  if (q >= 1) return max_;
  const double wanted = q * static_cast<double>(count_);
  double at = 0;  // a rank, and the number there
  double value = min_;
  double before = 0;
  const auto between = [&](double next_at, double next) {
    const double share = next_at > at ? (wanted - at) / (next_at - at) : 1;
    return value * (1 - share) + next * share;
  };
  for (const Cluster& cluster : compressed()) {
    const double middle = before + static_cast<double>(cluster.count) / 2;
    if (wanted <= middle) return std::clamp(between(middle, cluster.mean), min_, max_);
    at = middle;
    value = cluster.mean;
    before += static_cast<double>(cluster.count);
  }
  return std::clamp(between(static_cast<double>(count_), max_), min_, max_);
}

std::optional<double> TDigest::share_up_to(double value) const {
  if (count_ == 0 || std::isnan(value)) return std::nullopt;
  if (value < min_) return 0.0;
  if (value >= max_) return 1.0;
  const auto all = static_cast<double>(count_);
  double at = 0;
  double from = min_;
  double before = 0;
  const auto between = [&](double next_at, double next) {
    const double share = next > from ? (value / 2 - from / 2) / (next / 2 - from / 2) : 1;
    return (at + (next_at - at) * share) / all;
  };
  for (const Cluster& cluster : compressed()) {
    const double middle = before + static_cast<double>(cluster.count) / 2;
    if (value < cluster.mean) return between(middle, cluster.mean);
    at = middle;
    from = cluster.mean;
    before += static_cast<double>(cluster.count);
  }
  return between(all, max_);
}

std::size_t TDigest::heap_bytes() const { return clusters_.capacity() * sizeof(Cluster); }

// The compression, how many clusters, how many of them are merged, the least and the largest number if any, and of each
// cluster its count and its mean.
void TDigest::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kTDigest, out);
  put_whole(compression_, out);
  put_whole(clusters_.size(), out);
  put_whole(merged_, out);
  if (clusters_.empty()) return;
  put_float(min_, out);
  put_float(max_, out);
  for (const Cluster& cluster : clusters_) {
    put_whole(cluster.count, out);
    put_float(cluster.mean, out);
  }
}

absl::StatusOr<TDigest> TDigest::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kTDigest);
  const std::uint64_t compression = reader.whole();
  if (reader.ok() && (compression < kCompressionMin || compression > kCompressionMax)) {
    reader.refuse("its compression is out of range");
  }
  TDigest digest(static_cast<std::uint32_t>(std::min<std::uint64_t>(compression, kCompressionMax)));
  const std::size_t size = reader.count(0, kClustersPerUnit * digest.compression_ - 1);
  digest.merged_ = reader.whole();
  if (digest.merged_ > size) reader.refuse("more of its clusters are merged than it has");
  if (reader.ok() && size > 0) {
    digest.min_ = reader.number();
    digest.max_ = reader.number();
    const bool ordered =
        std::isfinite(digest.min_) && std::isfinite(digest.max_) && digest.min_ <= digest.max_;
    if (!ordered) reader.refuse("its least and largest number cannot be");
    for (std::size_t i = 0; i < size && reader.ok(); ++i) {
      const std::uint64_t count = reader.whole();
      const double mean = reader.number();
      if (count == 0 || count > kDigestCountMax || digest.count_ > kDigestCountMax ||
          !(mean >= digest.min_) || !(mean <= digest.max_) ||
          (i > 0 && i < digest.merged_ && mean < digest.clusters_.back().mean)) {
        reader.refuse("a cluster cannot be");
      }
      digest.count_ += count;
      digest.clusters_.push_back({mean, count});
    }
  }
  if (const absl::Status status = reader.finish("t-digest"); !status.ok()) return status;
  return digest;
}

}  // namespace weir::ml
