// How the keys of rows that expire lie in a byte store.
//
//   byte store:  bucket(8) · key · time(8) · tail         bucket = time / segment
//
//                time          tail           changelog, as Kafka Streams writes it
//     window     start         -              key · start(8) · sequence(4) = 0
//     session    end           start(8)       key · end(8) · start(8)
//     join       time          sequence(4)    key · time(8) · sequence(4)
//     version    end of life   -              key
//
// Integers are big-endian, and a time is never negative, so that byte order is: bucket, then key, then time. A bucket of
// rows expires as one range of keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/time.h>
#include <weir/state/byte_store.h>
#include <weir/state/key_filter.h>

namespace weir {

inline constexpr Timestamp kLastTimestamp = std::numeric_limits<Timestamp>::max();

struct WindowKey {
  BytesView key;
  Timestamp start = 0;
};

struct SessionKey {
  BytesView key;
  Timestamp start = 0;
  Timestamp end = 0;
};

struct JoinKey {
  BytesView key;
  Timestamp time = 0;
  std::uint32_t sequence = 0;
};

inline constexpr std::size_t kWindowTail = 0;
inline constexpr std::size_t kSessionTail = 8;
inline constexpr std::size_t kJoinTail = 4;

// Which rows a store still has. The clock of such a store is the largest time it ever saw: start of a window, end of a
// session.
class WindowClock {
 public:
  WindowClock(Duration retention, Duration segment);

  [[nodiscard]] Timestamp observed() const { return observed_; }
  void observe(Timestamp start) {
    if (start > observed_) observed_ = start;
  }
  void reset(Timestamp observed) { observed_ = observed; }

  // Returns the smallest start that is not expired, if the clock had also seen `start`.
  [[nodiscard]] Timestamp first_live(Timestamp start = kNoTimestamp) const {
    const Timestamp now = start > observed_ ? start : observed_;
    if (retention_ < 0 || now < retention_) return 0;
    return now - retention_ + 1;
  }
  [[nodiscard]] bool accepts(Timestamp start) const { return start >= 0 && start >= first_live(start); }

  [[nodiscard]] Timestamp bucket_of(Timestamp start) const { return start / segment_; }
  // Returns the first bucket that may hold a live window; all before it are expired as a whole.
  [[nodiscard]] Timestamp first_live_bucket() const { return bucket_of(first_live()); }

 private:
  Timestamp retention_;
  Timestamp segment_;
  Timestamp observed_ = kNoTimestamp;
};

// Returns the width of a bucket for a retention, when the user has no opinion: half of the retention but at least a
// minute, as in Kafka Streams; one bucket if windows are kept for ever.
[[nodiscard]] Duration default_segment(Duration retention);

// Overwrite `out`.
void encode_window_key(Timestamp bucket, BytesView key, Timestamp start, Bytes& out);
void encode_session_key(Timestamp bucket, BytesView key, Timestamp start, Timestamp end, Bytes& out);
void encode_join_key(Timestamp bucket, BytesView key, Timestamp time, std::uint32_t sequence, Bytes& out);

// Take apart a byte store's key. Fail on bytes that are too short.
[[nodiscard]] absl::StatusOr<WindowKey> split_window_key(BytesView bytes);
[[nodiscard]] absl::StatusOr<SessionKey> split_session_key(BytesView bytes);
[[nodiscard]] absl::StatusOr<JoinKey> split_join_key(BytesView bytes);

// Take apart a changelog's key.
[[nodiscard]] absl::StatusOr<WindowKey> split_window_changelog_key(BytesView bytes);
[[nodiscard]] absl::StatusOr<SessionKey> split_session_changelog_key(BytesView bytes);
[[nodiscard]] absl::StatusOr<JoinKey> split_join_changelog_key(BytesView bytes);

// Returns the keys of the buckets from <= b < until.
[[nodiscard]] ByteRange bucket_range(Timestamp from, Timestamp until);

// Which rows of one key a walk wants.
struct TimeSpan {
  Timestamp from = 0;
  Timestamp to = kLastTimestamp;
  // Sessions only: the largest start.
  Timestamp latest_start = kLastTimestamp;
};

// Takes the rows of one key. Other keys' rows lie between those of two buckets, and longer keys between two times. Borrows
// the key; allocates nothing.
class OneKeyFilter final : public KeyFilter {
 public:
  OneKeyFilter(BytesView key, std::size_t tail, const TimeSpan& span);

  Verdict judge(BytesView key, Direction direction, Bytes& target) const override;

 private:
  // Where a key without its bucket lies: before the rows wanted, among them, or after them.
  [[nodiscard]] int place(BytesView rest) const;
  Verdict leap(Timestamp bucket, Timestamp time, bool after_tail, Bytes& target) const;

  const BytesView key_;
  const std::size_t tail_;
  const TimeSpan span_;
};

// A walk: a range of keys and which of them count.
struct WindowWalk {
  ByteRange range;
  std::shared_ptr<const KeyFilter> filter;
};

// Overwrites `range` with the keys that a OneKeyFilter may take.
void range_of_key(const WindowClock& clock, BytesView key, std::size_t tail, const TimeSpan& span,
                  ByteRange& range);

// Rows of one key; of all keys between two (null: open), both taken, within `span`. Bounds must not be negative.
[[nodiscard]] WindowWalk walk_key(const WindowClock& clock, BytesView key, std::size_t tail,
                                  const TimeSpan& span);
[[nodiscard]] WindowWalk walk_keys(const WindowClock& clock, NullableBytes from_key, NullableBytes to_key,
                                   std::size_t tail, const TimeSpan& span);

}  // namespace weir
