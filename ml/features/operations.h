// What a feature view can aggregate. Names begin with those of the columns and end with those of the windows:
// sum("amount", &Payment::amount) over an hour is "amount_sum_1h".
//
//   using namespace weir::ml::agg;
//   view.agg(sum("amount", &Payment::amount), {1h, 24h})
//       .agg(count_if("declined", [](const Payment& payment) { return payment.declined; }), {1h})
//       .agg(mean("amount", &Payment::amount).only("foreign", is_foreign), {days(7)})
//       .agg(time_since_last());                                                     // no window: a lifetime
//
// Every operation has:
//   only(name, predicate)   aggregates only records for which the predicate holds; the name goes into the feature's
//   as(name)                another beginning for the names
//   or_else(value)          the answer where there is none, instead of null: sums, means and the like of an empty window.
//                           Counts are 0 there in any case
//
// Columns are read as column.h says; a name stands for one column in the whole view, and is part of its schema and state. Nulls
// are passed over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <weir/ml/features/aggregator.h>
#include <weir/ml/features/categories.h>
#include <weir/ml/features/column.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/moments.h>
#include <weir/ml/features/picks.h>
#include <weir/ml/features/sketched.h>
#include <weir/ml/features/trends.h>

namespace weir::ml {

template <class F = NoColumn, class Second = NoColumn, class Where = NoColumn>
struct Operation {
  OperationSpec spec;
  Column<F> value = {};
  ColumnKind kind = ColumnKind::kNumber;
  Column<Second> second = {};
  ColumnKind second_kind = ColumnKind::kNumber;
  Column<Where> where = {};

  template <class Predicate>
  [[nodiscard]] Operation<F, Second, Predicate> only(std::string name, Predicate predicate) && {
    spec.name += (spec.name.empty() ? "" : "_") + name;
    return {std::move(spec),   std::move(value), kind,
            std::move(second), second_kind,      {std::move(name), std::move(predicate)}};
  }
  [[nodiscard]] Operation as(std::string name) && {
    spec.name = std::move(name);
    return std::move(*this);
  }
  [[nodiscard]] Operation or_else(double value_if_none) && {
    for (OperationSpec::Question& question : spec.questions) question.empty = value_if_none;
    return std::move(*this);
  }
};

namespace agg {

using Questions = std::vector<OperationSpec::Question>;

// For operations of your own: an Aggregation (erased(YourAggregator())) of a column, and what to ask it.
template <class F>
[[nodiscard]] Operation<F> aggregate(std::string name, F read, AggregationPtr aggregation,
                                     Questions questions) {
  OperationSpec spec;
  spec.name = name;
  spec.aggregation = std::move(aggregation);
  spec.questions = std::move(questions);
  return {std::move(spec), {std::move(name), std::move(read)}};
}
// The same with a column of categories or vectors.
template <class F>
[[nodiscard]] Operation<F> aggregate(ColumnKind kind, std::string name, F read, AggregationPtr aggregation,
                                     Questions questions) {
  Operation<F> operation =
      aggregate(std::move(name), std::move(read), std::move(aggregation), std::move(questions));
  operation.kind = kind;
  return operation;
}
[[nodiscard]] inline Operation<> aggregate_records(AggregationPtr aggregation, Questions questions) {
  OperationSpec spec;
  spec.aggregation = std::move(aggregation);
  spec.questions = std::move(questions);
  return {std::move(spec)};
}

template <class Code>
[[nodiscard]] OperationSpec::Question ask(std::string suffix, Code what, double parameter = 0) {
  return {std::move(suffix), static_cast<int>(what), parameter};
}

// Returns "q0.5".
[[nodiscard]] std::string quantile_name(double q);

// ------------------------------------------------------------------------------------------------------- how many

[[nodiscard]] inline Operation<> count() {
  return aggregate_records(counter(), {ask("count", CounterOf::kCount)});
}
template <class P>
[[nodiscard]] auto count_if(std::string name, P predicate) {
  return count().only(std::move(name), std::move(predicate));
}
// Records a second; needs a window of time.
[[nodiscard]] inline Operation<> rate() {
  return aggregate_records(counter(), {ask("rate", CounterOf::kPerSecond)});
}
// Records whose value is missing.
template <class F>
[[nodiscard]] Operation<F> null_count(std::string name, F read) {
  auto operation =
      aggregate(std::move(name), std::move(read), counter(), {ask("null_count", CounterOf::kCount)});
  operation.spec.nulls = NullRule::kOnlyNulls;
  return operation;
}
// Records with the first flag by records with the second; no value if there are none of these.
template <class F, class G>
[[nodiscard]] Operation<F, G> ratio(std::string name, F flag, std::string of_name, G of_flag) {
  OperationSpec spec;
  spec.name = name + "_of_" + of_name;
  spec.aggregation = ratio_counter();
  spec.questions = {ask("ratio", RatioOf::kRatio)};
  spec.nulls = NullRule::kTake;
  return {std::move(spec),
          {std::move(name), std::move(flag)},
          ColumnKind::kNumber,
          {std::move(of_name), std::move(of_flag)},
          ColumnKind::kNumber};
}

// -------------------------------------------------------------------------------------------------------- numbers

template <class F>
[[nodiscard]] Operation<F> summary_of(std::string name, F read, Questions questions) {
  return aggregate(std::move(name), std::move(read), summary(), std::move(questions));
}
template <class F>
[[nodiscard]] auto sum(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("sum", SummaryOf::kSum)});
}
template <class F>
[[nodiscard]] auto mean(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("mean", SummaryOf::kMean)});
}
// Of the sample; no value below two records.
template <class F>
[[nodiscard]] auto variance(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("variance", SummaryOf::kVarianceSample)});
}
template <class F>
[[nodiscard]] auto deviation(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("deviation", SummaryOf::kDeviationSample)});
}
// Of the population.
template <class F>
[[nodiscard]] auto population_variance(std::string name, F read) {
  return summary_of(std::move(name), std::move(read),
                    {ask("population_variance", SummaryOf::kVariancePopulation)});
}
template <class F>
[[nodiscard]] auto population_deviation(std::string name, F read) {
  return summary_of(std::move(name), std::move(read),
                    {ask("population_deviation", SummaryOf::kDeviationPopulation)});
}
template <class F>
[[nodiscard]] auto minimum(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("min", SummaryOf::kMin)});
}
template <class F>
[[nodiscard]] auto maximum(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("max", SummaryOf::kMax)});
}
template <class F>
[[nodiscard]] auto range(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("range", SummaryOf::kRange)});
}
template <class F>
[[nodiscard]] auto sum_rate(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("sum_rate", SummaryOf::kSumPerSecond)});
}
template <class F>
[[nodiscard]] auto value_count(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("count", SummaryOf::kCount)});
}
// The record's own value minus the window's mean.
template <class F>
[[nodiscard]] auto delta_to_mean(std::string name, F read) {
  return summary_of(std::move(name), std::move(read), {ask("delta_to_mean", SummaryOf::kDeltaToMean)});
}
// Count, sum, deviation, minimum and maximum.
template <class F>
[[nodiscard]] auto statistics(std::string name, F read) {
  return summary_of(std::move(name), std::move(read),
                    {ask("count", SummaryOf::kCount), ask("sum", SummaryOf::kSum),
                     ask("deviation", SummaryOf::kDeviationSample), ask("min", SummaryOf::kMin),
                     ask("max", SummaryOf::kMax)});
}
template <class F>
[[nodiscard]] auto skewness(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), shape(), {ask("skewness", ShapeOf::kSkewness)});
}
template <class F>
[[nodiscard]] auto kurtosis(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), shape(), {ask("kurtosis", ShapeOf::kKurtosis)});
}
// An answer for each element of vectors of that width: "<element>_<suffix>". Elements that are not finite are passed over. The
// four below are it with a name.
template <class F>
[[nodiscard]] auto elements(std::string name, F read, std::size_t width, const std::string& suffix,
                            SummaryOf what) {
  Questions questions;
  for (std::size_t i = 0; i < width; ++i)
    questions.push_back(ask(std::to_string(i) + "_" + suffix, what, static_cast<double>(i)));
  return aggregate(ColumnKind::kVector, std::move(name), std::move(read), vector_summary(width),
                   std::move(questions));
}
template <class F>
[[nodiscard]] auto element_means(std::string name, F read, std::size_t width) {
  return elements(std::move(name), std::move(read), width, "mean", SummaryOf::kMean);
}
template <class F>
[[nodiscard]] auto element_sums(std::string name, F read, std::size_t width) {
  return elements(std::move(name), std::move(read), width, "sum", SummaryOf::kSum);
}
template <class F>
[[nodiscard]] auto element_minima(std::string name, F read, std::size_t width) {
  return elements(std::move(name), std::move(read), width, "min", SummaryOf::kMin);
}
template <class F>
[[nodiscard]] auto element_maxima(std::string name, F read, std::size_t width) {
  return elements(std::move(name), std::move(read), width, "max", SummaryOf::kMax);
}
// A sum for each of the categories, and one for all others.
template <class F, class G>
[[nodiscard]] Operation<F, G> bucketed(std::string name, F read, std::string by_name, G by,
                                       std::vector<std::string> categories,
                                       SummaryOf what = SummaryOf::kSum) {
  OperationSpec spec;
  spec.name = name + "_by_" + by_name;
  for (std::size_t i = 0; i <= categories.size(); ++i) {
    spec.questions.push_back(
        ask(i < categories.size() ? categories[i] : std::string("other"), what, static_cast<double>(i)));
  }
  spec.aggregation = bucketed_summary(std::move(categories));
  return {std::move(spec),
          {std::move(name), std::move(read)},
          ColumnKind::kNumber,
          {std::move(by_name), std::move(by)},
          ColumnKind::kCategory};
}
// How many are in each bin [edge, next edge), below the first edge and from the last on. Edges ascend.
template <class F>
[[nodiscard]] auto bins(std::string name, F read, std::vector<double> edges) {
  Questions questions;
  for (std::size_t i = 0; i <= edges.size(); ++i) questions.push_back(ask("bin" + std::to_string(i), i));
  return aggregate(std::move(name), std::move(read), histogram(std::move(edges)), std::move(questions));
}

// ------------------------------------------------------------------------------------------------------ some records

template <class F>
[[nodiscard]] Operation<F> picked(std::string name, F read, Pick which, std::size_t count,
                                  const std::string& suffix) {
  Questions questions;
  for (std::size_t i = 0; i < count; ++i) {
    questions.push_back(
        ask(count == 1 ? suffix : suffix + std::to_string(i + 1), PickOf::kValue, static_cast<double>(i)));
  }
  return aggregate(std::move(name), std::move(read), picks(which, count), std::move(questions));
}
template <class F>
[[nodiscard]] auto first_k(std::string name, F read, std::size_t count = 1) {
  return picked(std::move(name), std::move(read), Pick::kFirst, count, "first");
}
// The newest first.
template <class F>
[[nodiscard]] auto last_k(std::string name, F read, std::size_t count = 1) {
  return picked(std::move(name), std::move(read), Pick::kLast, count, "last");
}
template <class F>
[[nodiscard]] auto top_k(std::string name, F read, std::size_t count) {
  return picked(std::move(name), std::move(read), Pick::kLargest, count, "top");
}
template <class F>
[[nodiscard]] auto bottom_k(std::string name, F read, std::size_t count) {
  return picked(std::move(name), std::move(read), Pick::kSmallest, count, "bottom");
}
// The value `steps` records ago; 1 is the newest.
template <class F>
[[nodiscard]] auto lag(std::string name, F read, std::size_t steps) {
  return aggregate(std::move(name), std::move(read), picks(Pick::kLast, steps),
                   {ask("lag" + std::to_string(steps), PickOf::kValue, static_cast<double>(steps - 1))});
}
// The record's own value minus the newest one.
template <class F>
[[nodiscard]] auto delta(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), picks(Pick::kLast, 1), {ask("delta", PickOf::kDelta)});
}
// Another column's value where this one is the largest.
template <class F, class G>
[[nodiscard]] Operation<F, G> picked_by(std::string name, F read, std::string of_name, G of, Pick which,
                                        const std::string& suffix) {
  OperationSpec spec;
  spec.name = of_name + suffix + name;
  spec.aggregation = picks(which, 1);
  spec.questions = {ask("", PickOf::kSecond)};
  return {std::move(spec),
          {std::move(name), std::move(read)},
          ColumnKind::kNumber,
          {std::move(of_name), std::move(of)},
          ColumnKind::kNumber};
}
template <class F, class G>
[[nodiscard]] auto arg_max(std::string name, F read, std::string of_name, G of) {
  return picked_by(std::move(name), std::move(read), std::move(of_name), std::move(of), Pick::kLargest,
                   "_at_max_");
}
template <class F, class G>
[[nodiscard]] auto arg_min(std::string name, F read, std::string of_name, G of) {
  return picked_by(std::move(name), std::move(read), std::move(of_name), std::move(of), Pick::kSmallest,
                   "_at_min_");
}

// -------------------------------------------------------------------------------------------------------- categories

// Exact up to the limit, and the limit beyond it.
template <class F>
[[nodiscard]] auto distinct_count(std::string name, F read, std::size_t limit = 1000) {
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read), distinct_values(limit),
                   {ask("distinct", DistinctOf::kCount)});
}
// 1 if there were more than the limit.
template <class F>
[[nodiscard]] auto distinct_overflowed(std::string name, F read, std::size_t limit = 1000) {
  auto operation = aggregate(ColumnKind::kCategory, std::move(name), std::move(read), distinct_values(limit),
                             {ask("distinct_overflowed", DistinctOf::kOverflowed)});
  operation.spec.tells_overflow = true;
  return operation;
}
// 1 if the record's own category is not among those of the window, as far as the limit goes.
template <class F>
[[nodiscard]] auto is_new(std::string name, F read, std::size_t limit = 1000) {
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read), distinct_values(limit),
                   {ask("is_new", DistinctOf::kIsNew)});
}
// Seconds since the record's own category came last, if it is among the `limit` last ones.
template <class F>
[[nodiscard]] auto since_same(std::string name, F read, std::size_t limit = 20) {
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read), last_distinct_values(limit),
                   {ask("since_same", LastDistinctOf::kAgeOfOwn)});
}
// The `count` different values that came last, the newest first; of a column of numbers.
template <class F>
[[nodiscard]] auto last_distinct_k(std::string name, F read, std::size_t count) {
  Questions questions;
  for (std::size_t i = 0; i < count; ++i) {
    questions.push_back(
        ask("last_distinct" + std::to_string(i + 1), LastDistinctOf::kNumber, static_cast<double>(i)));
  }
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read), last_distinct_values(count),
                   std::move(questions));
}
// How many of each of the categories; `limit` as in categories.h.
template <class F>
[[nodiscard]] auto counts_of(std::string name, F read, std::vector<std::string> categories,
                             std::size_t limit = 1000) {
  Questions questions;
  for (std::size_t i = 0; i < categories.size(); ++i)
    questions.push_back(ask(categories[i] + "_count", ValueCountsOf::kCountOf, static_cast<double>(i)));
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read),
                   value_counts(limit, std::move(categories)), std::move(questions));
}
template <class F>
[[nodiscard]] auto category_counts(std::string name, F read, std::string suffix, ValueCountsOf what,
                                   std::size_t limit) {
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read), value_counts(limit),
                   {ask(std::move(suffix), what)});
}
// How many records had the record's own category, and their share of all.
template <class F>
[[nodiscard]] auto count_of_same(std::string name, F read, std::size_t limit = 1000) {
  return category_counts(std::move(name), std::move(read), "same_count", ValueCountsOf::kCountOfOwn, limit);
}
template <class F>
[[nodiscard]] auto share_of_same(std::string name, F read, std::size_t limit = 1000) {
  return category_counts(std::move(name), std::move(read), "same_share", ValueCountsOf::kShareOfOwn, limit);
}
template <class F>
[[nodiscard]] auto entropy(std::string name, F read, std::size_t limit = 1000) {
  return category_counts(std::move(name), std::move(read), "entropy", ValueCountsOf::kEntropy, limit);
}
// The share of the most frequent category.
template <class F>
[[nodiscard]] auto mode_share(std::string name, F read, std::size_t limit = 1000) {
  return category_counts(std::move(name), std::move(read), "mode_share", ValueCountsOf::kModeShare, limit);
}

// The most frequent value; of a column of numbers.
template <class F>
[[nodiscard]] auto mode(std::string name, F read, std::size_t limit = 1000) {
  return category_counts(std::move(name), std::move(read), "mode", ValueCountsOf::kModeNumber, limit);
}
// How many records had categories beyond the limit, which those above do not tell apart.
template <class F>
[[nodiscard]] auto overflow_count(std::string name, F read, std::size_t limit = 1000) {
  auto operation =
      category_counts(std::move(name), std::move(read), "overflow_count", ValueCountsOf::kOther, limit);
  operation.spec.tells_overflow = true;
  return operation;
}

// ------------------------------------------------------------------------------------- approximately, see sketched.h

// How many different categories: within 1.04 / sqrt(2^precision), one standard error. `precision` from 4 to 16.
template <class F>
[[nodiscard]] auto approx_distinct(std::string name, F read, int precision = 10) {
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read), approximate_distinct(precision),
                   {ask("approx_distinct", ApproximateOf::kDistinct)});
}
// Quantiles, "q0.5" and so on; of the values within the accuracy.
template <class F>
[[nodiscard]] auto quantiles(std::string name, F read, const std::vector<double>& which,
                             double accuracy = 0.01) {
  Questions questions;
  for (const double q : which) questions.push_back(ask(quantile_name(q), ApproximateOf::kQuantile, q));
  return aggregate(std::move(name), std::move(read), relative_quantiles(accuracy), std::move(questions));
}
// The same with an error of the rank (KLL of that size), and with small errors at both ends (t-digest).
template <class F>
[[nodiscard]] auto quantiles_by_rank(std::string name, F read, const std::vector<double>& which,
                                     std::uint32_t size = 200) {
  Questions questions;
  for (const double q : which)
    questions.push_back(ask("rank_" + quantile_name(q), ApproximateOf::kQuantile, q));
  return aggregate(std::move(name), std::move(read), rank_quantiles(size), std::move(questions));
}
template <class F>
[[nodiscard]] auto quantiles_of_tails(std::string name, F read, const std::vector<double>& which,
                                      std::uint32_t compression = 100) {
  Questions questions;
  for (const double q : which)
    questions.push_back(ask("tail_" + quantile_name(q), ApproximateOf::kQuantile, q));
  return aggregate(std::move(name), std::move(read), tail_quantiles(compression), std::move(questions));
}
// The share of values that are not above the record's own.
template <class F>
[[nodiscard]] auto share_below_own(std::string name, F read, double accuracy = 0.01) {
  return aggregate(std::move(name), std::move(read), relative_quantiles(accuracy),
                   {ask("share_below_own", ApproximateOf::kShareUpToOwn)});
}
// The share of the `most` most frequent categories.
template <class F>
[[nodiscard]] auto top_share(std::string name, F read, std::size_t most, std::size_t counters = 64) {
  return aggregate(
      ColumnKind::kCategory, std::move(name), std::move(read), heavy_hitters(counters),
      {ask("top" + std::to_string(most) + "_share", ApproximateOf::kTopShare, static_cast<double>(most))});
}

// By how much that share, and any other of the same counters, may be too high.
template <class F>
[[nodiscard]] auto top_share_error(std::string name, F read, std::size_t counters = 64) {
  return aggregate(ColumnKind::kCategory, std::move(name), std::move(read), heavy_hitters(counters),
                   {ask("top_share_error", ApproximateOf::kShareError)});
}

// -------------------------------------------------------------------------------------------------------------- time

[[nodiscard]] inline Operation<> of_pauses(std::string suffix, PausesOf what) {
  return aggregate_records(pauses(), {ask(std::move(suffix), what)});
}
// In seconds, as are the next four.
[[nodiscard]] inline Operation<> time_since_last() { return of_pauses("since_last", PausesOf::kSinceLast); }
[[nodiscard]] inline Operation<> time_since_first() {
  return of_pauses("since_first", PausesOf::kSinceFirst);
}
[[nodiscard]] inline Operation<> pause_mean() { return of_pauses("pause_mean", PausesOf::kMean); }
[[nodiscard]] inline Operation<> pause_deviation() {
  return of_pauses("pause_deviation", PausesOf::kDeviation);
}
[[nodiscard]] inline Operation<> time_span() { return of_pauses("span", PausesOf::kSpan); }

template <class F>
[[nodiscard]] auto decayed_sum(std::string name, F read, Duration half_life) {
  return aggregate(std::move(name), std::move(read), decayed(half_life),
                   {ask("decayed_sum" + duration_text(half_life), DecayedOf::kSum)});
}
template <class F>
[[nodiscard]] auto decayed_count(std::string name, F read, Duration half_life) {
  return aggregate(std::move(name), std::move(read), decayed(half_life),
                   {ask("decayed_count" + duration_text(half_life), DecayedOf::kCount)});
}
// The mean with weights that halve: what others call an ewma.
template <class F>
[[nodiscard]] auto decayed_mean(std::string name, F read, Duration half_life) {
  return aggregate(std::move(name), std::move(read), decayed(half_life),
                   {ask("decayed_mean" + duration_text(half_life), DecayedOf::kMean)});
}
// Of the least-squares line over time, in units a second.
template <class F>
[[nodiscard]] auto slope(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), trend(), {ask("slope", TrendOf::kSlopePerSecond)});
}
template <class F>
[[nodiscard]] auto forecast(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), trend(), {ask("forecast", TrendOf::kForecast)});
}
template <class F>
[[nodiscard]] auto time_correlation(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), trend(),
                   {ask("time_correlation", TrendOf::kCorrelation)});
}
template <class F>
[[nodiscard]] auto largest_fall(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), drawdown(), {ask("largest_fall", DrawdownOf::kLargest)});
}
template <class F>
[[nodiscard]] auto largest_rise(std::string name, F read) {
  return aggregate(std::move(name), std::move(read), drawdown(), {ask("largest_rise", DrawdownOf::kRise)});
}

}  // namespace agg
}  // namespace weir::ml
