// When the unmatched records of a left or outer join were, and which of them have waited long enough: the part of
// Unmatched that knows neither keys nor values.
//
// Kafka Streams looks for expired records only when a remembered lower bound of their times says that there could be some,
// and what it then remembers as the bound is the time of the last record it looked at. That can be too late, so that a
// record waits longer than it must. The same is done here, without looking at all records: an ordered map knows how many
// rows wait at each time.
//
// Thread safety: none.
#pragma once

#include <cstdint>

#include <absl/container/btree_map.h>

#include <weir/core/time.h>
#include <weir/operators/join_windows.h>

namespace weir {

class UnmatchedTimes {
 public:
  void add(JoinSide side, Timestamp time) { ++of(side)[time]; }
  // Does nothing if there is none.
  void remove(JoinSide side, Timestamp time);
  [[nodiscard]] bool has(JoinSide side, Timestamp time) const { return of(side).contains(time); }

  // Returns the first time >= `from` at which rows of that side wait, or kNoTimestamp.
  [[nodiscard]] Timestamp next(JoinSide side, Timestamp from) const;
  // The same for both sides.
  [[nodiscard]] Timestamp next(Timestamp from) const;

  // Returns the bound that a search through all rows leaves behind, if it stops at the row after the first open ones of
  // both sides: those with times >= open_left, open_right. kNoTimestamp if there are no rows.
  [[nodiscard]] Timestamp bound_after_search(Timestamp open_left, Timestamp open_right) const;

 private:
  using Rows = absl::btree_map<Timestamp, std::uint64_t>;  // how many

  [[nodiscard]] Rows& of(JoinSide side) { return side == JoinSide::kLeft ? left_ : right_; }
  [[nodiscard]] const Rows& of(JoinSide side) const { return side == JoinSide::kLeft ? left_ : right_; }

  Rows left_;
  Rows right_;
};

}  // namespace weir
