#include <weir/ml/features/moments.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::ml {
namespace {

struct NumberSummary {
  std::int64_t count = 0;
  double sum = 0;
  double lost = 0;  // what the additions to `sum` rounded away
  double mean = 0;
  double squares = 0;  // of deviations from the mean
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
};

inline void add_compensated(double value, double& sum, double& lost) {
  const double total = sum + value;
  lost += std::abs(sum) >= std::abs(value) ? (sum - total) + value : (value - total) + sum;
  sum = total;
}

inline void add_to(NumberSummary& state, double value) {
  ++state.count;
  add_compensated(value, state.sum, state.lost);
  const double delta = value - state.mean;
  state.mean += delta / static_cast<double>(state.count);
  state.squares += delta * (value - state.mean);
  if (value < state.low) state.low = value;
  if (value > state.high) state.high = value;
}

[[gnu::always_inline]] inline void merge_into(NumberSummary& state, const NumberSummary& later) {
  if (later.count == 0) return;
  if (state.count == 0) {
    state = later;
    return;
  }
  const auto ours = static_cast<double>(state.count);
  const auto theirs = static_cast<double>(later.count);
  const double share = theirs / (ours + theirs);
  const double delta = later.mean - state.mean;
  state.count += later.count;
  state.mean += delta * share;
  state.squares += later.squares + delta * delta * ours * share;
  add_compensated(later.sum, state.sum, state.lost);
  state.lost += later.lost;
  if (later.low < state.low) state.low = later.low;
  if (later.high > state.high) state.high = later.high;
}

// An infinite sum has lost something that is not a number.
double total_of(const NumberSummary& state) {
  return std::isfinite(state.sum) ? state.sum + state.lost : state.sum;
}

using SummaryAnswers = std::array<double, static_cast<std::size_t>(SummaryOf::kDeltaToMean) + 1>;

constexpr std::uint64_t kind_of(SummaryOf what) { return std::uint64_t{1} << static_cast<int>(what); }

// Makes the answers that `kinds` has a bit of, and those that cost nothing. A view asks some twenty questions of each record.
[[gnu::always_inline]] inline void answer_all(const NumberSummary& state, std::uint64_t kinds,
                                              const Evaluation& evaluation, SummaryAnswers& answers) {
  const auto at = [&](SummaryOf what) -> double& { return answers[static_cast<std::size_t>(what)]; };
  const auto asks = [&](SummaryOf what) { return (kinds & kind_of(what)) != 0; };
  if (state.count == 0) {
    answers.fill(kNoValue);
    at(SummaryOf::kCount) = 0;
    return;
  }
  const auto count = static_cast<double>(state.count);
  const double others = state.count < 2 ? kNoValue : count - 1;
  at(SummaryOf::kCount) = count;
  at(SummaryOf::kSum) = total_of(state);
  at(SummaryOf::kMean) = state.mean;
  if (asks(SummaryOf::kVariancePopulation)) at(SummaryOf::kVariancePopulation) = state.squares / count;
  if (asks(SummaryOf::kVarianceSample)) at(SummaryOf::kVarianceSample) = state.squares / others;
  if (asks(SummaryOf::kDeviationPopulation))
    at(SummaryOf::kDeviationPopulation) = std::sqrt(state.squares / count);
  if (asks(SummaryOf::kDeviationSample)) at(SummaryOf::kDeviationSample) = std::sqrt(state.squares / others);
  at(SummaryOf::kMin) = state.low;
  at(SummaryOf::kMax) = state.high;
  at(SummaryOf::kRange) = state.high - state.low;
  if (state.low > state.high) {  // nothing but values that are not numbers
    for (const SummaryOf what : {SummaryOf::kMin, SummaryOf::kMax, SummaryOf::kRange}) at(what) = kNoValue;
  }
  if (asks(SummaryOf::kSumPerSecond)) {
    const double seconds = evaluation.window_seconds;
    at(SummaryOf::kSumPerSecond) = seconds > 0 ? total_of(state) / seconds : kNoValue;
  }
  if (asks(SummaryOf::kDeltaToMean)) {
    const Value& own = *evaluation.value;
    at(SummaryOf::kDeltaToMean) = own.null ? kNoValue : own.number - state.mean;
  }
}

double answer_of(const NumberSummary& state, SummaryOf what, const Evaluation& evaluation) {
  SummaryAnswers answers{};
  answer_all(state, kind_of(what), evaluation, answers);
  return answers[static_cast<std::size_t>(what)];
}

void encode_summary(const NumberSummary& state, Bytes& out) {
  put_signed(state.count, out);
  if (state.count == 0) return;
  for (const double value : {state.sum, state.lost, state.mean, state.squares, state.low, state.high}) {
    put_double(value, out);
  }
}

bool decode_summary(StateReader& bytes, NumberSummary& state) {
  state = {};
  state.count = bytes.take_signed();
  if (state.count == 0) return bytes.ok();
  for (double* value : {&state.sum, &state.lost, &state.mean, &state.squares, &state.low, &state.high}) {
    *value = bytes.take_double();
  }
  return bytes.ok() && state.count > 0;
}

struct SummaryAggregator {
  using State = NumberSummary;
  std::string identity() const { return "summary"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const { add_to(state, input.value->number); }
  void merge(State& state, const State& later) const { merge_into(state, later); }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    return answer_of(state, static_cast<SummaryOf>(query.what), evaluation);
  }
  [[gnu::always_inline]] void answer(const State& state, const AskedWindow& window,
                                     const Evaluation& evaluation, double* row) const {
    SummaryAnswers answers{};
    answer_all(state, window.kinds, evaluation, answers);
    for (const Query& query : window.queries) {
      const double value = answers[static_cast<std::size_t>(query.what)];
      row[query.column] = std::isnan(value) ? query.empty : value;
    }
  }
  void encode(const State& state, Bytes& out) const { encode_summary(state, out); }
  bool decode(StateReader& bytes, State& state) const { return decode_summary(bytes, state); }
};

struct VectorAggregator {
  using State = std::vector<NumberSummary>;
  std::size_t width;

  std::string identity() const { return "vector(" + std::to_string(width) + ")"; }
  State init() const { return State(width); }
  void add(State& state, const Input& input) const {
    if (input.value->numbers.size() != width) return;
    for (std::size_t i = 0; i < width; ++i) {
      if (std::isfinite(input.value->numbers[i])) add_to(state[i], input.value->numbers[i]);
    }
  }
  void merge(State& state, const State& later) const {
    for (std::size_t i = 0; i < width; ++i) merge_into(state[i], later[i]);
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    const auto element = static_cast<std::size_t>(query.parameter);
    Value own;
    own.null = evaluation.value->null || evaluation.value->numbers.size() != width;
    if (!own.null) own.number = evaluation.value->numbers[element];
    Evaluation of_element = evaluation;
    of_element.value = &own;
    return answer_of(state[element], static_cast<SummaryOf>(query.what), of_element);
  }
  void encode(const State& state, Bytes& out) const {
    for (const NumberSummary& element : state) encode_summary(element, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state.resize(width);
    for (NumberSummary& element : state) {
      if (!decode_summary(bytes, element)) return false;
    }
    return true;
  }
  std::size_t held_bytes(const State& state) const { return state.capacity() * sizeof(NumberSummary); }
};

struct BucketsAggregator {
  using State = std::vector<NumberSummary>;
  std::vector<std::string> categories;

  std::string identity() const { return fmt::format("buckets({})", fmt::join(categories, ",")); }
  State init() const { return State(categories.size() + 1); }
  void add(State& state, const Input& input) const {
    if (input.second->null) return;
    const auto found = std::find(categories.begin(), categories.end(), input.second->text);
    add_to(state[static_cast<std::size_t>(found - categories.begin())], input.value->number);
  }
  void merge(State& state, const State& later) const {
    for (std::size_t i = 0; i < state.size(); ++i) merge_into(state[i], later[i]);
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    return answer_of(state[static_cast<std::size_t>(query.parameter)], static_cast<SummaryOf>(query.what),
                     evaluation);
  }
  void encode(const State& state, Bytes& out) const {
    for (const NumberSummary& bucket : state) encode_summary(bucket, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state.resize(categories.size() + 1);
    return std::all_of(state.begin(), state.end(),
                       [&](NumberSummary& bucket) { return decode_summary(bytes, bucket); });
  }
  std::size_t held_bytes(const State& state) const { return state.capacity() * sizeof(NumberSummary); }
};

struct CentralMoments {
  std::int64_t count = 0;
  double mean = 0;
  double second = 0;  // sums of powers of deviations from the mean
  double third = 0;
  double fourth = 0;
};

struct ShapeAggregator {
  using State = CentralMoments;
  std::string identity() const { return "shape"; }
  State init() const { return {}; }
  // The merge with a single value.
  void add(State& state, const Input& input) const { merge(state, {1, input.value->number, 0, 0, 0}); }
  void merge(State& state, const State& later) const {
    if (later.count == 0) return;
    if (state.count == 0) {
      state = later;
      return;
    }
    const auto a = static_cast<double>(state.count);
    const auto b = static_cast<double>(later.count);
    const double n = a + b;
    const double delta = later.mean - state.mean;
    const double delta_n = delta / n;
    const double squared = delta * delta_n * a * b;
    const double fourth = state.fourth + later.fourth +
                          squared * delta_n * delta_n * (a * a - a * b + b * b) +
                          6 * delta_n * delta_n * (a * a * later.second + b * b * state.second) +
                          4 * delta_n * (a * later.third - b * state.third);
    const double third = state.third + later.third + squared * delta_n * (a - b) +
                         3 * delta_n * (a * later.second - b * state.second);
    state.count += later.count;
    state.mean += delta_n * b;
    state.second += later.second + squared;
    state.third = third;
    state.fourth = fourth;
  }
  double value(const State& state, const Query& query, const Evaluation&) const {
    const auto n = static_cast<double>(state.count);
    const bool skewness = static_cast<ShapeOf>(query.what) == ShapeOf::kSkewness;
    if (state.count < (skewness ? 3 : 4) || !(state.second > 0)) return kNoValue;
    return skewness ? std::sqrt(n) * state.third / std::pow(state.second, 1.5)
                    : n * state.fourth / (state.second * state.second) - 3;
  }
  void encode(const State& state, Bytes& out) const {
    put_signed(state.count, out);
    for (const double value : {state.mean, state.second, state.third, state.fourth}) put_double(value, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state.count = bytes.take_signed();
    for (double* value : {&state.mean, &state.second, &state.third, &state.fourth})
      *value = bytes.take_double();
    return bytes.ok() && state.count >= 0;
  }
};

struct CountAggregator {
  using State = std::int64_t;
  std::string identity() const { return "counter"; }
  State init() const { return 0; }
  void add(State& state, const Input&) const { ++state; }
  void merge(State& state, const State& later) const { state += later; }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    const auto count = static_cast<double>(state);
    if (static_cast<CounterOf>(query.what) == CounterOf::kCount) return count;
    return evaluation.window_seconds > 0 ? count / evaluation.window_seconds : kNoValue;
  }
  void encode(const State& state, Bytes& out) const { put_signed(state, out); }
  bool decode(StateReader& bytes, State& state) const {
    state = bytes.take_signed();
    return bytes.ok() && state >= 0;
  }
};

struct FlagCounts {
  std::int64_t first = 0;
  std::int64_t second = 0;
};

struct RatioAggregator {
  using State = FlagCounts;
  std::string identity() const { return "ratio"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const {
    if (!input.value->null && input.value->number != 0) ++state.first;
    if (!input.second->null && input.second->number != 0) ++state.second;
  }
  void merge(State& state, const State& later) const {
    state.first += later.first;
    state.second += later.second;
  }
  double value(const State& state, const Query&, const Evaluation&) const {
    return state.second == 0 ? kNoValue
                             : static_cast<double>(state.first) / static_cast<double>(state.second);
  }
  void encode(const State& state, Bytes& out) const {
    put_signed(state.first, out);
    put_signed(state.second, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state.first = bytes.take_signed();
    state.second = bytes.take_signed();
    return bytes.ok() && state.first >= 0 && state.second >= 0;
  }
};

}  // namespace

AggregationPtr summary() { return erased(SummaryAggregator()); }
AggregationPtr vector_summary(std::size_t width) { return erased(VectorAggregator{width}); }
AggregationPtr bucketed_summary(std::vector<std::string> categories) {
  return erased(BucketsAggregator{std::move(categories)});
}
AggregationPtr shape() { return erased(ShapeAggregator()); }
AggregationPtr counter() { return erased(CountAggregator()); }
AggregationPtr ratio_counter() { return erased(RatioAggregator()); }

}  // namespace weir::ml
