#include <weir/ml/features/picks.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

namespace weir::ml {
namespace {

struct PickedRecord {
  Timestamp time = 0;
  std::int64_t order = 0;
  double value = 0;
  double second = kNoValue;
};

struct PicksAggregator {
  using State = std::vector<PickedRecord>;  // the best first
  Pick which;
  std::size_t limit;

  std::string identity() const {
    static constexpr const char* kNames[] = {"first", "last", "largest", "smallest"};
    return std::string(kNames[static_cast<int>(which)]) + "(" + std::to_string(limit) + ")";
  }
  State init() const { return {}; }

  [[nodiscard]] bool before(const PickedRecord& a, const PickedRecord& b) const {
    const auto older = std::tie(a.time, a.order) < std::tie(b.time, b.order);
    const auto newer = std::tie(a.time, a.order) > std::tie(b.time, b.order);
    switch (which) {
      case Pick::kFirst:
        return older;
      case Pick::kLast:
        return newer;
      case Pick::kLargest:
        return a.value > b.value || (!(a.value < b.value) && older);
      case Pick::kSmallest:
        return a.value < b.value || (!(a.value > b.value) && older);
    }
    return older;
  }

  void add(State& state, const Input& input) const {
    if (std::isnan(input.value->number)) return;
    const PickedRecord one{input.time, input.order, input.value->number,
                           input.second->null ? kNoValue : input.second->number};
    const auto place =
        std::upper_bound(state.begin(), state.end(), one,
                         [&](const PickedRecord& a, const PickedRecord& b) { return before(a, b); });
    if (state.size() == limit) {
      if (place == state.end()) return;
      std::move_backward(place, state.end() - 1, state.end());
      *place = one;
    } else {
      state.insert(place, one);
    }
  }

  void merge(State& state, const State& later) const {
    State both;
    both.reserve(state.size() + later.size());
    std::merge(state.begin(), state.end(), later.begin(), later.end(), std::back_inserter(both),
               [&](const PickedRecord& a, const PickedRecord& b) { return before(a, b); });
    if (both.size() > limit) both.resize(limit);
    state = std::move(both);
  }

  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    const auto rank = static_cast<std::size_t>(query.parameter);
    if (rank >= state.size()) return kNoValue;
    const PickedRecord& one = state[rank];
    switch (static_cast<PickOf>(query.what)) {
      case PickOf::kValue:
        return one.value;
      case PickOf::kSecond:
        return one.second;
      case PickOf::kAge:
        return static_cast<double>(evaluation.time - one.time) / 1000.0;
      case PickOf::kDelta:
        return evaluation.value->null ? kNoValue : evaluation.value->number - one.value;
    }
    return kNoValue;
  }

  void encode(const State& state, Bytes& out) const {
    put_unsigned(state.size(), out);
    for (const PickedRecord& one : state) {
      put_signed(one.time, out);
      put_signed(one.order, out);
      put_double(one.value, out);
      put_double(one.second, out);
    }
  }
  bool decode(StateReader& bytes, State& state) const {
    constexpr std::size_t kLeast = 2 + 2 * sizeof(double);
    state.resize(bytes.take_count(kLeast));
    for (PickedRecord& one : state) {
      one.time = bytes.take_signed();
      one.order = bytes.take_signed();
      one.value = bytes.take_double();
      one.second = bytes.take_double();
    }
    return bytes.ok() && state.size() <= limit;
  }
  std::size_t held_bytes(const State& state) const { return state.capacity() * sizeof(PickedRecord); }
};

}  // namespace

AggregationPtr picks(Pick which, std::size_t count) { return erased(PicksAggregator{which, count}); }

}  // namespace weir::ml
