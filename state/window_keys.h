// How the keys of windows lie in a byte store.
//
//   byte store:  bucket(8) · key · start(8)         bucket = start / segment
//   changelog:   key · start(8) · sequence(4) = 0   as Kafka Streams writes it
//
// Integers are big-endian, and a start is never negative, so that byte order is: bucket, then key, then start. A bucket
// of windows expires as one range of keys.
#pragma once

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

// Which windows a store still has. The clock of a window store is the largest start it ever saw.
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

// Overwrites `out`.
void encode_window_key(Timestamp bucket, BytesView key, Timestamp start, Bytes& out);
// Fails on bytes that are too short.
[[nodiscard]] absl::StatusOr<WindowKey> split_window_key(BytesView bytes);
[[nodiscard]] absl::StatusOr<WindowKey> split_window_changelog_key(BytesView bytes);

// Returns the keys of the buckets from <= b < until.
[[nodiscard]] ByteRange bucket_range(Timestamp from, Timestamp until);

// A walk: a range of keys and which of them count.
struct WindowWalk {
  ByteRange range;
  std::shared_ptr<const KeyFilter> filter;
};

// Windows of one key with from <= start <= to; of all keys. Bounds must not be negative.
[[nodiscard]] WindowWalk walk_key(const WindowClock& clock, BytesView key, Timestamp from, Timestamp to);
[[nodiscard]] WindowWalk walk_all(const WindowClock& clock, Timestamp from, Timestamp to);

}  // namespace weir
