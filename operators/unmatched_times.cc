#include <weir/operators/unmatched_times.h>

#include <algorithm>

namespace weir {
namespace {

// Of two times that may be missing the earlier one.
Timestamp earlier(Timestamp a, Timestamp b) {
  if (a == kNoTimestamp) return b;
  return b == kNoTimestamp ? a : std::min(a, b);
}

}  // namespace

void UnmatchedTimes::remove(JoinSide side, Timestamp time) {
  const auto found = of(side).find(time);
  if (found != of(side).end() && --found->second == 0) of(side).erase(found);
}

Timestamp UnmatchedTimes::next(JoinSide side, Timestamp from) const {
  const auto found = of(side).lower_bound(from);
  return found == of(side).end() ? kNoTimestamp : found->first;
}

Timestamp UnmatchedTimes::next(Timestamp from) const {
  return earlier(next(JoinSide::kLeft, from), next(JoinSide::kRight, from));
}

Timestamp UnmatchedTimes::bound_after_search(Timestamp open_left, Timestamp open_right) const {
  const auto left = left_.lower_bound(open_left);
  const auto right = right_.lower_bound(open_right);
  if (left == left_.end() || right == right_.end()) {
    const Timestamp last_left = left_.empty() ? kNoTimestamp : left_.rbegin()->first;
    const Timestamp last_right = right_.empty() ? kNoTimestamp : right_.rbegin()->first;
    return std::max(last_left, last_right);
  }
  // Both sides are known to be open at the later of the two rows; of one time, right rows come first. The search ends at
  // the row after it.
  const bool left_is_later = left->first >= right->first;
  const Timestamp time = left_is_later ? left->first : right->first;
  if ((left_is_later ? left : right)->second > 1) return time;
  if (!left_is_later && left_.contains(time)) return time;
  const Timestamp after = time == std::numeric_limits<Timestamp>::max() ? kNoTimestamp : next(time + 1);
  return after == kNoTimestamp ? time : after;
}

}  // namespace weir
