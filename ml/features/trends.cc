#include <weir/ml/features/trends.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

namespace weir::ml {
namespace {

constexpr double kMillis = 1000.0;

double seconds(Timestamp from, Timestamp to) { return static_cast<double>(to - from) / kMillis; }

struct DecayedSums {
  Timestamp time = kNoTimestamp;  // of the newest record, as of which the others are
  double count = 0;
  double sum = 0;
};

struct DecayedAggregator {
  using State = DecayedSums;
  Duration half_life;

  std::string identity() const { return "decayed(" + std::to_string(half_life.count()) + ")"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const { merge(state, {input.time, 1, input.value->number}); }
  void merge(State& state, const State& later) const {
    if (later.time == kNoTimestamp) return;
    if (state.time == kNoTimestamp) {
      state = later;
      return;
    }
    const Timestamp time = std::max(state.time, later.time);
    const double ours = weight(time - state.time);
    const double theirs = weight(time - later.time);
    state = {time, state.count * ours + later.count * theirs, state.sum * ours + later.sum * theirs};
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    const auto what = static_cast<DecayedOf>(query.what);
    if (state.time == kNoTimestamp) return what == DecayedOf::kCount ? 0 : kNoValue;
    if (what == DecayedOf::kMean) return state.count > 0 ? state.sum / state.count : kNoValue;
    const double now = weight(std::max<Timestamp>(evaluation.time - state.time, 0));
    return (what == DecayedOf::kCount ? state.count : state.sum) * now;
  }
  void encode(const State& state, Bytes& out) const {
    put_signed(state.time, out);
    put_double(state.count, out);
    put_double(state.sum, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state.time = bytes.take_signed();
    state.count = bytes.take_double();
    state.sum = bytes.take_double();
    return bytes.ok();
  }

 private:
  [[nodiscard]] double weight(Timestamp age) const {
    return age == 0 ? 1.0 : std::exp2(-static_cast<double>(age) / static_cast<double>(half_life.count()));
  }
};

struct TimeTrend {
  std::int64_t count = 0;
  Timestamp base = 0;  // of the first record: a mean of times since 1970 would round too much away
  double time = 0;     // means; the time's from the base, in milliseconds
  double value = 0;
  double times = 0;  // sums of products of deviations
  double values = 0;
  double both = 0;
};

struct TrendAggregator {
  using State = TimeTrend;
  std::string identity() const { return "trend"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const {
    merge(state, {1, input.time, 0, input.value->number, 0, 0, 0});
  }
  void merge(State& state, const State& later) const {
    if (later.count == 0) return;
    if (state.count == 0) {
      state = later;
      return;
    }
    const auto ours = static_cast<double>(state.count);
    const double share = static_cast<double>(later.count) / (ours + static_cast<double>(later.count));
    const double time = static_cast<double>(later.base - state.base) + later.time - state.time;
    const double value = later.value - state.value;
    state.count += later.count;
    state.times += later.times + time * time * ours * share;
    state.values += later.values + value * value * ours * share;
    state.both += later.both + time * value * ours * share;
    state.time += time * share;
    state.value += value * share;
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    if (!(state.times > 0)) return kNoValue;
    switch (static_cast<TrendOf>(query.what)) {
      case TrendOf::kSlopePerSecond:
        return state.both / state.times * kMillis;
      case TrendOf::kCorrelation:
        return state.values > 0 ? state.both / std::sqrt(state.times) / std::sqrt(state.values) : kNoValue;
      case TrendOf::kForecast:
        return state.value +
               state.both / state.times * (static_cast<double>(evaluation.time - state.base) - state.time);
    }
    return kNoValue;
  }
  void encode(const State& state, Bytes& out) const {
    put_signed(state.count, out);
    put_signed(state.base, out);
    for (const double value : {state.time, state.value, state.times, state.values, state.both}) {
      put_double(value, out);
    }
  }
  bool decode(StateReader& bytes, State& state) const {
    state.count = bytes.take_signed();
    state.base = bytes.take_signed();
    for (double* value : {&state.time, &state.value, &state.times, &state.values, &state.both}) {
      *value = bytes.take_double();
    }
    return bytes.ok() && state.count >= 0;
  }
};

struct PauseSums {
  std::int64_t count = 0;  // of records
  Timestamp first = 0;
  Timestamp last = 0;
  std::int64_t pauses = 0;
  double mean = 0;  // of the pauses, in seconds
  double squares = 0;
};

struct PausesAggregator {
  using State = PauseSums;
  std::string identity() const { return "pauses"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const { merge(state, {1, input.time, input.time, 0, 0, 0}); }
  void merge(State& state, const State& later) const {
    if (later.count == 0) return;
    if (state.count == 0) {
      state = later;
      return;
    }
    if (later.first >= state.last) add_pauses(state, 1, seconds(state.last, later.first), 0);
    add_pauses(state, later.pauses, later.mean, later.squares);
    state.count += later.count;
    state.first = std::min(state.first, later.first);
    state.last = std::max(state.last, later.last);
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    if (state.count == 0) return kNoValue;
    switch (static_cast<PausesOf>(query.what)) {
      case PausesOf::kSinceLast:
        return seconds(state.last, evaluation.time);
      case PausesOf::kSinceFirst:
        return seconds(state.first, evaluation.time);
      case PausesOf::kMean:
        return state.count < 2 ? kNoValue
                               : seconds(state.first, state.last) / static_cast<double>(state.count - 1);
      case PausesOf::kDeviation:
        return state.pauses < 2 ? kNoValue : std::sqrt(state.squares / static_cast<double>(state.pauses - 1));
      case PausesOf::kSpan:
        return seconds(state.first, state.last);
    }
    return kNoValue;
  }
  void encode(const State& state, Bytes& out) const {
    for (const std::int64_t value : {state.count, state.first, state.last, state.pauses})
      put_signed(value, out);
    put_double(state.mean, out);
    put_double(state.squares, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    for (std::int64_t* value : {&state.count, &state.first, &state.last, &state.pauses}) {
      *value = bytes.take_signed();
    }
    state.mean = bytes.take_double();
    state.squares = bytes.take_double();
    return bytes.ok() && state.count >= 0 && state.pauses >= 0;
  }

 private:
  static void add_pauses(State& state, std::int64_t count, double mean, double squares) {
    if (count == 0) return;
    const auto ours = static_cast<double>(state.pauses);
    const double share = static_cast<double>(count) / (ours + static_cast<double>(count));
    const double delta = mean - state.mean;
    state.pauses += count;
    state.mean += delta * share;
    state.squares += squares + delta * delta * ours * share;
  }
};

struct FallAndRise {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  double fall = 0;
  double rise = 0;
};

struct DrawdownAggregator {
  using State = FallAndRise;
  std::string identity() const { return "drawdown"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const {
    if (!std::isnan(input.value->number)) merge(state, {input.value->number, input.value->number, 0, 0});
  }
  void merge(State& state, const State& later) const {
    if (later.low > later.high) return;
    state.fall = std::max({state.fall, later.fall, state.high - later.low});
    state.rise = std::max({state.rise, later.rise, later.high - state.low});
    state.low = std::min(state.low, later.low);
    state.high = std::max(state.high, later.high);
  }
  double value(const State& state, const Query& query, const Evaluation&) const {
    if (state.low > state.high) return kNoValue;
    return static_cast<DrawdownOf>(query.what) == DrawdownOf::kLargest ? state.fall : state.rise;
  }
  void encode(const State& state, Bytes& out) const {
    for (const double value : {state.low, state.high, state.fall, state.rise}) put_double(value, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    for (double* value : {&state.low, &state.high, &state.fall, &state.rise}) *value = bytes.take_double();
    return bytes.ok();
  }
};

}  // namespace

AggregationPtr decayed(Duration half_life) { return erased(DecayedAggregator{half_life}); }
AggregationPtr trend() { return erased(TrendAggregator()); }
AggregationPtr pauses() { return erased(PausesAggregator()); }
AggregationPtr drawdown() { return erased(DrawdownAggregator()); }

}  // namespace weir::ml
