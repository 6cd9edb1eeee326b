#include <weir/state/window_keys.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <weir/core/serde.h>

namespace weir {
namespace {

constexpr std::size_t kBucketBytes = 8;
constexpr std::size_t kTimeBytes = 8;
constexpr std::size_t kSequenceBytes = 4;

void store_big_endian(Timestamp value, char* to) {
  auto bits = static_cast<std::uint64_t>(value);
  if constexpr (std::endian::native == std::endian::little) bits = __builtin_bswap64(bits);
  std::memcpy(to, &bits, sizeof(bits));
}

// Called for each look-up: copies into place, since appending byte by byte took half of the time of a hit.
char* encode_timed_key(Timestamp bucket, BytesView key, Timestamp time, std::size_t tail, Bytes& out) {
  out.resize(kBucketBytes + key.size() + kTimeBytes + tail);
  char* at = out.data();
  store_big_endian(bucket, at);
  if (!key.empty()) std::memcpy(at + kBucketBytes, key.data(), key.size());
  at += kBucketBytes + key.size();
  store_big_endian(time, at);
  return at + kTimeBytes;
}

Timestamp time_of(BytesView key, std::size_t tail) {
  return get_big_endian<Timestamp>(key.data() + key.size() - kTimeBytes - tail);
}

Timestamp start_of_session(BytesView key) {
  return get_big_endian<Timestamp>(key.data() + key.size() - kTimeBytes);
}

bool too_short(BytesView key, std::size_t tail) { return key.size() < kBucketBytes + kTimeBytes + tail; }

absl::Status bad_stored_key(BytesView bytes, std::string_view what) {
  return absl::DataLossError(fmt::format("a stored {} key has {} bytes", what, bytes.size()));
}

absl::Status bad_changelog_key(BytesView bytes, std::string_view what) {
  return absl::DataLossError(fmt::format("a key of {} bytes is not that of a {}", bytes.size(), what));
}

// Owns the key that the filter borrows.
class OwningKeyFilter final : public KeyFilter {
 public:
  OwningKeyFilter(BytesView key, std::size_t tail, const TimeSpan& span)
      : key_(key), filter_(key_, tail, span) {}
  Verdict judge(BytesView key, Direction direction, Bytes& target) const override {
    return filter_.judge(key, direction, target);
  }

 private:
  const Bytes key_;
  const OneKeyFilter filter_;
};

// Takes rows of many keys.
class KeysFilter final : public KeyFilter {
 public:
  KeysFilter(NullableBytes from_key, NullableBytes to_key, std::size_t tail, const TimeSpan& span)
      : tail_(tail), span_(span) {
    if (from_key) from_key_ = Bytes(*from_key);
    if (to_key) to_key_ = Bytes(*to_key);
  }

  Verdict judge(BytesView key, Direction direction, Bytes& target) const override {
    if (too_short(key, tail_)) return Verdict::kTake;  // not ours: the reader will say so
    const BytesView own = key.substr(kBucketBytes, key.size() - kBucketBytes - kTimeBytes - tail_);
    const auto bucket = get_big_endian<Timestamp>(key.data());
    // Times follow keys without a mark between them, so that a key and its time together compare as bytes: only what lies
    // beyond the bound as such a run may be leapt over.
    const BytesView run = key.substr(kBucketBytes);
    if (from_key_ && run < BytesView(*from_key_)) {
      if (direction == Direction::kForward) return leap(bucket, *from_key_, target);
      return bucket == 0 ? Verdict::kStop : Verdict::kSkip;
    }
    if ((from_key_ && own < BytesView(*from_key_)) || (to_key_ && own > BytesView(*to_key_))) {
      return Verdict::kSkip;
    }
    const Timestamp time = time_of(key, tail_);
    if (time < span_.from || time > span_.to) return Verdict::kSkip;
    if (tail_ == kSessionTail && start_of_session(key) > span_.latest_start) return Verdict::kSkip;
    return Verdict::kTake;
  }

 private:
  static Verdict leap(Timestamp bucket, BytesView rest, Bytes& target) {
    target.clear();
    put_big_endian(bucket, target);
    target.append(rest);
    return Verdict::kLeap;
  }

  const std::size_t tail_;
  const TimeSpan span_;
  std::optional<Bytes> from_key_;
  std::optional<Bytes> to_key_;
};

}  // namespace

WindowClock::WindowClock(Duration retention, Duration segment)
    : retention_(retention.count()), segment_(std::max<Timestamp>(segment.count(), 1)) {}

Duration default_segment(Duration retention) {
  if (retention.count() < 0) return Duration(kLastTimestamp);
  return std::max<Duration>(retention / 2, std::chrono::minutes(1));
}

void encode_window_key(Timestamp bucket, BytesView key, Timestamp start, Bytes& out) {
  encode_timed_key(bucket, key, start, kWindowTail, out);
}

void encode_session_key(Timestamp bucket, BytesView key, Timestamp start, Timestamp end, Bytes& out) {
  store_big_endian(start, encode_timed_key(bucket, key, end, kSessionTail, out));
}

void encode_join_key(Timestamp bucket, BytesView key, Timestamp time, std::uint32_t sequence, Bytes& out) {
  char* at = encode_timed_key(bucket, key, time, kJoinTail, out);
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<char>(sequence >> shift);
}

absl::StatusOr<WindowKey> split_window_key(BytesView bytes) {
  if (too_short(bytes, kWindowTail)) return bad_stored_key(bytes, "window");
  bytes.remove_prefix(kBucketBytes);
  return WindowKey{bytes.substr(0, bytes.size() - kTimeBytes), time_of(bytes, kWindowTail)};
}

absl::StatusOr<SessionKey> split_session_key(BytesView bytes) {
  if (too_short(bytes, kSessionTail)) return bad_stored_key(bytes, "session");
  return split_session_changelog_key(bytes.substr(kBucketBytes));
}

absl::StatusOr<JoinKey> split_join_key(BytesView bytes) {
  if (too_short(bytes, kJoinTail)) return bad_stored_key(bytes, "join");
  return split_join_changelog_key(bytes.substr(kBucketBytes));
}

absl::StatusOr<WindowKey> split_window_changelog_key(BytesView bytes) {
  const auto key = split_join_changelog_key(bytes);
  if (!key.ok()) return bad_changelog_key(bytes, "window");
  if (key->time < 0) return absl::DataLossError(fmt::format("a window starts at {}", key->time));
  if (key->sequence != 0) {
    return absl::DataLossError(
        fmt::format("a window has sequence number {}; this store keeps no duplicates", key->sequence));
  }
  return WindowKey{key->key, key->time};
}

absl::StatusOr<SessionKey> split_session_changelog_key(BytesView bytes) {
  if (bytes.size() < kTimeBytes + kSessionTail) return bad_changelog_key(bytes, "session");
  SessionKey session;
  session.key = bytes.substr(0, bytes.size() - kTimeBytes - kSessionTail);
  session.start = start_of_session(bytes);
  session.end = time_of(bytes, kSessionTail);
  if (session.start < 0 || session.end < session.start) {
    return absl::DataLossError(fmt::format("a session lasts from {} to {}", session.start, session.end));
  }
  return session;
}

absl::StatusOr<JoinKey> split_join_changelog_key(BytesView bytes) {
  if (bytes.size() < kTimeBytes + kSequenceBytes) return bad_changelog_key(bytes, "row of a join");
  JoinKey row;
  row.key = bytes.substr(0, bytes.size() - kTimeBytes - kSequenceBytes);
  row.time = time_of(bytes, kJoinTail);
  row.sequence = get_big_endian<std::uint32_t>(bytes.data() + bytes.size() - kSequenceBytes);
  return row;
}

ByteRange bucket_range(Timestamp from, Timestamp until) {
  ByteRange range;
  put_big_endian(from, range.from);
  put_big_endian(until, range.until.emplace());
  return range;
}

OneKeyFilter::OneKeyFilter(BytesView key, std::size_t tail, const TimeSpan& span)
    : key_(key), tail_(tail), span_(span) {}

int OneKeyFilter::place(BytesView rest) const {
  if (const int order = rest.compare(0, key_.size(), key_); order != 0) return order;
  // The next eight bytes are our time, or what a longer key has there; as numbers they compare like bytes.
  rest.remove_prefix(key_.size());
  char padded[kTimeBytes] = {};
  std::memcpy(padded, rest.data(), std::min(rest.size(), kTimeBytes));
  const auto time = get_big_endian<std::uint64_t>(padded);
  if (time < static_cast<std::uint64_t>(span_.from)) return -1;
  return time > static_cast<std::uint64_t>(span_.to) ? 1 : 0;
}

KeyFilter::Verdict OneKeyFilter::judge(BytesView key, Direction direction, Bytes& target) const {
  if (too_short(key, tail_)) return Verdict::kTake;  // not ours: the reader will say so
  const int place = this->place(key.substr(kBucketBytes));
  if (place == 0) {
    if (key.size() != kBucketBytes + key_.size() + kTimeBytes + tail_) return Verdict::kSkip;
    if (tail_ != kSessionTail) return Verdict::kTake;
    return start_of_session(key) <= span_.latest_start ? Verdict::kTake : Verdict::kSkip;
  }
  const auto bucket = get_big_endian<Timestamp>(key.data());
  if (direction == Direction::kForward) {
    return leap(place < 0 ? bucket : bucket + 1, span_.from, /*after_tail=*/false, target);
  }
  return leap(place < 0 ? bucket - 1 : bucket, span_.to, /*after_tail=*/true, target);
}

KeyFilter::Verdict OneKeyFilter::leap(Timestamp bucket, Timestamp time, bool after_tail,
                                      Bytes& target) const {
  if (bucket < 0) return Verdict::kStop;
  // A target without a tail lies before all tails.
  char* tail = encode_timed_key(bucket, key_, time, after_tail ? tail_ : 0, target);
  if (after_tail && tail_ > 0) std::memset(tail, 0xff, tail_);
  return Verdict::kLeap;
}

void range_of_key(const WindowClock& clock, BytesView key, std::size_t tail, const TimeSpan& span,
                  ByteRange& range) {
  if (!range.until) range.until.emplace();
  encode_timed_key(clock.bucket_of(span.from), key, span.from, 0, range.from);
  char* end = encode_timed_key(clock.bucket_of(span.to), key, span.to, tail + 1, *range.until);
  std::memset(end, 0xff, tail);
  end[tail] = '\0';
}

WindowWalk walk_key(const WindowClock& clock, BytesView key, std::size_t tail, const TimeSpan& span) {
  WindowWalk walk;
  range_of_key(clock, key, tail, span, walk.range);
  walk.filter = std::make_shared<OwningKeyFilter>(key, tail, span);
  return walk;
}

WindowWalk walk_keys(const WindowClock& clock, NullableBytes from_key, NullableBytes to_key, std::size_t tail,
                     const TimeSpan& span) {
  WindowWalk walk;
  put_big_endian(clock.bucket_of(span.from), walk.range.from);
  // One beyond the last bucket cannot overflow unless buckets are one millisecond wide and time ends.
  if (clock.bucket_of(span.to) < kLastTimestamp)
    put_big_endian(clock.bucket_of(span.to) + 1, walk.range.until.emplace());
  walk.filter = std::make_shared<KeysFilter>(from_key, to_key, tail, span);
  return walk;
}

}  // namespace weir
