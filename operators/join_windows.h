// Which records of two streams belong together: those of the same key whose times are close enough.
//
//   {.store = "order-payments", .within = 5min, .grace = 1min}
//   {.store = "order-payments", .before = 0min, .after = 5min, .grace = 1min}     // payments follow their orders
//
// A left record at time l and a right one at r match when l - before <= r <= l + after.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include <weir/core/time.h>
#include <weir/operators/graph.h>
#include <weir/operators/options.h>
#include <weir/operators/time_windows.h>

namespace weir {

// For joins of two streams.
struct StreamJoinOptions {
  // The join's stores are called "<store>-this-join", "<store>-other-join" and, for left and outer joins,
  // "<store>-left-shared-join" or "<store>-outer-shared-join".
  StoreName store;
  // Of the node; repartition topics, if there must be any, are "<name>-left-repartition" and "<name>-right-repartition".
  // Without a name they are called after the store.
  std::string name = {};
  // How far apart two records may be, whichever comes first.
  std::optional<Duration> within = std::nullopt;
  // How much earlier or later than the left record the right one may be; each overrides `within`. One of them may be
  // negative: {.before = -1min, .after = 5min} wants the right record at least a minute later.
  std::optional<Duration> before = std::nullopt;
  std::optional<Duration> after = std::nullopt;
  // How long after its window a record is kept for others that are late, and a left or outer join waits with nothing.
  RequiredDuration grace;
  bool persistent = true;
  bool logged = true;
  // Only for an inner join of a stream with itself. A record that is exactly as old as the oldest that the store keeps
  // joins itself by default; with this it does not, and neither do older ones: as Kafka Streams has it when its
  // topology optimization is on.
  bool optimized_self_join = false;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

enum class JoinKind { kInner, kLeft, kOuter };

// In the order in which unmatched records of the same time expire; the bytes are those of Kafka Streams.
enum class JoinSide : std::uint8_t { kRight = 0, kLeft = 1 };

[[nodiscard]] constexpr JoinSide opposite(JoinSide side) {
  return side == JoinSide::kLeft ? JoinSide::kRight : JoinSide::kLeft;
}

// Returns time + by, or the nearest there is.
[[nodiscard]] constexpr Timestamp moved(Timestamp time, Timestamp by) {
  Timestamp sum = 0;
  if (!__builtin_add_overflow(time, by, &sum)) return sum;
  return by > 0 ? std::numeric_limits<Timestamp>::max() : std::numeric_limits<Timestamp>::min();
}

class JoinWindows {
 public:
  JoinWindows(Duration before, Duration after, Duration grace)
      : before_(before), after_(after), grace_(grace) {}

  // Returns how long a record can matter. Each side's store keeps it that long.
  [[nodiscard]] Duration retention() const { return before_ + after_ + grace_; }

  // Returns how far into the future, and the past, a record of that side finds partners.
  [[nodiscard]] Timestamp reach(JoinSide side) const {
    return (side == JoinSide::kLeft ? after_ : before_).count();
  }

  // Returns the times of a record's partners: from first to last, both included. As in Kafka Streams neither lies before
  // the epoch, so that a record near it may find one at the epoch that does not belong to it.
  [[nodiscard]] Timestamp first_partner(JoinSide side, Timestamp time) const {
    return std::max<Timestamp>(0, moved(time, -reach(opposite(side))));
  }
  [[nodiscard]] Timestamp last_partner(JoinSide side, Timestamp time) const {
    return std::max<Timestamp>(0, moved(time, reach(side)));
  }

  // Returns whether an unmatched record has waited long enough when the join has seen that time.
  [[nodiscard]] bool expired(JoinSide side, Timestamp time, Timestamp seen) const {
    return moved(moved(time, reach(side)), grace_.count()) < seen;
  }
  // Returns the smallest time that has not expired.
  [[nodiscard]] Timestamp first_open(JoinSide side, Timestamp seen) const {
    return moved(moved(seen, -reach(side)), -grace_.count());
  }

  // Returns what is wrong; empty if nothing is.
  [[nodiscard]] std::string fault() const;

 private:
  Duration before_;
  Duration after_;
  Duration grace_;
};

// Returns the windows that the options describe; problems are noted.
[[nodiscard]] JoinWindows join_windows(const GraphPoint& stream, const std::string& verb,
                                       const StreamJoinOptions& options, const Location& where);

}  // namespace weir
