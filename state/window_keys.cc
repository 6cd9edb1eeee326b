#include <weir/state/window_keys.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <weir/core/serde.h>

namespace weir {
namespace {

constexpr std::size_t kBucketBytes = 8;
constexpr std::size_t kStartBytes = 8;
constexpr std::size_t kSequenceBytes = 4;

void store_big_endian(Timestamp value, char* to) {
  auto bits = static_cast<std::uint64_t>(value);
  if constexpr (std::endian::native == std::endian::little) bits = __builtin_bswap64(bits);
  std::memcpy(to, &bits, sizeof(bits));
}

// Takes the windows of one key. Other keys' windows lie between those of two buckets, and longer keys between two starts.
class OneKeyFilter final : public KeyFilter {
 public:
  OneKeyFilter(BytesView key, Timestamp from, Timestamp to) : size_(kBucketBytes + key.size() + kStartBytes) {
    low_ = key;
    put_big_endian(from, low_);
    high_ = key;
    put_big_endian(to, high_);
  }

  Verdict judge(BytesView key, Direction direction, Bytes& target) const override {
    if (key.size() < kBucketBytes + kStartBytes) return Verdict::kTake;  // not ours: the reader will say so
    const BytesView rest = key.substr(kBucketBytes);
    const auto bucket = get_big_endian<Timestamp>(key.data());
    if (rest < low_) {
      return direction == Direction::kForward ? leap(bucket, low_, target) : leap(bucket - 1, high_, target);
    }
    if (rest > high_) {
      return direction == Direction::kForward ? leap(bucket + 1, low_, target) : leap(bucket, high_, target);
    }
    return key.size() == size_ ? Verdict::kTake : Verdict::kSkip;
  }

 private:
  static Verdict leap(Timestamp bucket, const Bytes& rest, Bytes& target) {
    if (bucket < 0) return Verdict::kStop;
    target.clear();
    put_big_endian(bucket, target);
    target.append(rest);
    return Verdict::kLeap;
  }

  const std::size_t size_;
  Bytes low_;  // the first and the last key that count, without the bucket
  Bytes high_;
};

class StartFilter final : public KeyFilter {
 public:
  StartFilter(Timestamp from, Timestamp to) : from_(from), to_(to) {}

  Verdict judge(BytesView key, Direction, Bytes&) const override {
    if (key.size() < kBucketBytes + kStartBytes) return Verdict::kTake;  // not ours: the reader will say so
    const auto start = get_big_endian<Timestamp>(key.data() + key.size() - kStartBytes);
    return start >= from_ && start <= to_ ? Verdict::kTake : Verdict::kSkip;
  }

 private:
  const Timestamp from_;
  const Timestamp to_;
};

}  // namespace

WindowClock::WindowClock(Duration retention, Duration segment)
    : retention_(retention.count()), segment_(std::max<Timestamp>(segment.count(), 1)) {}

Duration default_segment(Duration retention) {
  if (retention.count() < 0) return Duration(kLastTimestamp);
  return std::max<Duration>(retention / 2, std::chrono::minutes(1));
}

// Called for each look-up: copies into place, since appending byte by byte took half of the time of a hit.
void encode_window_key(Timestamp bucket, BytesView key, Timestamp start, Bytes& out) {
  out.resize(kBucketBytes + key.size() + kStartBytes);
  char* at = out.data();
  store_big_endian(bucket, at);
  if (!key.empty()) std::memcpy(at + kBucketBytes, key.data(), key.size());
  store_big_endian(start, at + kBucketBytes + key.size());
}

absl::StatusOr<WindowKey> split_window_key(BytesView bytes) {
  if (bytes.size() < kBucketBytes + kStartBytes) {
    return absl::DataLossError(fmt::format("a stored window key has {} bytes", bytes.size()));
  }
  bytes.remove_prefix(kBucketBytes);
  const std::size_t key_size = bytes.size() - kStartBytes;
  return WindowKey{bytes.substr(0, key_size), get_big_endian<Timestamp>(bytes.data() + key_size)};
}

absl::StatusOr<WindowKey> split_window_changelog_key(BytesView bytes) {
  if (bytes.size() < kStartBytes + kSequenceBytes) {
    return absl::DataLossError(fmt::format("a key of {} bytes is not that of a window", bytes.size()));
  }
  const std::size_t key_size = bytes.size() - kStartBytes - kSequenceBytes;
  const auto start = get_big_endian<Timestamp>(bytes.data() + key_size);
  const auto sequence = get_big_endian<std::uint32_t>(bytes.data() + key_size + kStartBytes);
  if (start < 0) return absl::DataLossError(fmt::format("a window starts at {}", start));
  if (sequence != 0) {
    return absl::DataLossError(
        fmt::format("a window has sequence number {}; this store keeps no duplicates", sequence));
  }
  return WindowKey{bytes.substr(0, key_size), start};
}

ByteRange bucket_range(Timestamp from, Timestamp until) {
  ByteRange range;
  put_big_endian(from, range.from);
  put_big_endian(until, range.until.emplace());
  return range;
}

WindowWalk walk_key(const WindowClock& clock, BytesView key, Timestamp from, Timestamp to) {
  WindowWalk walk;
  encode_window_key(clock.bucket_of(from), key, from, walk.range.from);
  encode_window_key(clock.bucket_of(to), key, to, walk.range.until.emplace());
  walk.range.until->push_back('\0');
  walk.filter = std::make_shared<OneKeyFilter>(key, from, to);
  return walk;
}

WindowWalk walk_all(const WindowClock& clock, Timestamp from, Timestamp to) {
  WindowWalk walk;
  put_big_endian(clock.bucket_of(from), walk.range.from);
  // One beyond the last bucket cannot overflow unless buckets are one millisecond wide and time ends.
  if (clock.bucket_of(to) < kLastTimestamp)
    put_big_endian(clock.bucket_of(to) + 1, walk.range.until.emplace());
  walk.filter = std::make_shared<StartFilter>(from, to);
  return walk;
}

}  // namespace weir
