// Sessions: the records of a key that follow one another within a gap.
//
//   clicks.group_by_key()
//       .windowed_by(weir::session({.gap = 30min, .grace = 1min}))
//       .count({.store = "clicks-per-session"})
//       .to_stream()          // KStream<SessionWindowed<std::string>, std::optional<std::int64_t>>
//       .to("sessions");
//
// A session lasts from its first to its last record, both included; records exactly a gap apart are in one. A record that lies
// between two sessions makes them one: the old ones are told of as deleted, each with its end as time, and the new one
// with its own. Stored sessions are merged in the order of their ends, then the record is added, whatever the times: an
// aggregate over sessions should not mind the order.
//
// A session takes records until the largest timestamp that reached the operator is more than gap and grace past its end. A
// late record that joins an open session is taken, however old.
//
// As in Kafka Streams, results told at each update carry no headers.
#pragma once

#include <limits>
#include <string>

#include <weir/core/time.h>
#include <weir/operators/time_windows.h>

namespace weir {

struct SessionOptions {
  RequiredDuration gap;    // > 0: how long nothing comes before a session is over
  RequiredDuration grace;  // >= 0
};

class SessionWindows {
 public:
  SessionWindows(Duration gap, Duration grace) : gap_(gap), grace_(grace) {}

  [[nodiscard]] Duration gap() const { return gap_; }
  [[nodiscard]] Duration grace() const { return grace_; }

  // Returns how long a session can change after its end.
  [[nodiscard]] Duration retention() const { return gap_ + grace_; }

  // Returns the bounds within which sessions touch a record: those with end >= earliest_end and start <= latest_start.
  [[nodiscard]] Timestamp earliest_end(Timestamp time) const {
    return time < gap_.count() ? 0 : time - gap_.count();
  }
  [[nodiscard]] Timestamp latest_start(Timestamp time) const { return later(time, gap_); }

  // Returns the time up to which sessions have ended for good: those with end < limit.
  [[nodiscard]] Timestamp limit(Timestamp seen) const { return seen - grace_.count() - gap_.count(); }
  [[nodiscard]] bool is_closed(Timestamp end, Timestamp seen) const { return end < limit(seen); }
  // Returns a time at which every session is closed that an operator can know that has seen `seen`.
  [[nodiscard]] Timestamp all_closed(Timestamp seen) const {
    return later(seen, gap_ + grace_ + Duration(1));
  }

  // Returns what is wrong with the sizes; empty if nothing is.
  [[nodiscard]] std::string fault() const;

 private:
  static Timestamp later(Timestamp time, Duration by) {
    constexpr Timestamp kLast = std::numeric_limits<Timestamp>::max();
    return time > kLast - by.count() ? kLast : time + by.count();
  }

  Duration gap_;
  Duration grace_;
};

[[nodiscard]] inline SessionWindows session(const SessionOptions& options) {
  return {options.gap.value(), options.grace.value()};
}

}  // namespace weir
