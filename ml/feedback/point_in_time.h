// Joins labels with a feature log (ml/features/feature_log.h) into rows of a training set in which nothing is known too early.
//
//   const auto log = builder.stream<std::string, FeatureLogEntry>("card-features");
//
//   const auto set = log.apply(weir::ml::point_in_time(                         // labels with the id of a prediction as key
//       {.store = "fraud-truth", .earliest = 24h, .latest = 720h, .grace = 1h}, chargebacks,
//       [](const Chargeback& chargeback) { return chargeback.is_fraud ? 1.0 : 0.0; }));
//
//   const auto set = log.apply(weir::ml::point_in_time(                         // labels with the entity as key
//       {.store = "fraud-truth", .earliest = 24h, .latest = 720h, .grace = 1h}, reports,
//       [](const Report& report) { return report.is_fraud ? 1.0 : 0.0; })
//           .as_of([](const Report& report) { return report.paid_at; }));
//
//   set.rows.to("fraud-training");                                   // TrainingRow by the id of the prediction
//   set.orphans.map_values(...).to("labels-without-place");
//
// The rule: feature time < time of the inference <= time of the label, and the label is mature: it was made from `earliest` to
// `latest` after the inference. A label's time is its record's.
//
// By id the inference is the entry of the log with that id, whose features are of what came before its record. Each label that
// comes in the range makes a row; those after the first are corrections, of which exports take the last.
//
// By entity and time the inference is when `as_of` says, and its features are those of the entity's newest entry before that:
// before, not at, since an entry of the same time may be the inference itself. Each label makes a row. The log is kept for
// `latest` and `grace` as versions by the times of its records.
//
// What has no place becomes an orphan, with the reason: no entry, older than its inference, not mature (kTooEarly) or made too late.
// Entries and labels may come out of order by `grace`; a label waits so long for its entry.
//
// A log may have rows of several views and versions: `hash` chooses those of one (FeaturePlan::hash, the header
// weir.features.hash).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <weir/ml/features/feature_log.h>
#include <weir/ml/features/join_features.h>
#include <weir/ml/feedback/feedback.h>
#include <weir/ml/feedback/training_row.h>
#include <weir/operators/filter.h>
#include <weir/operators/map.h>
#include <weir/operators/map_values.h>
#include <weir/operators/select_key.h>
#include <weir/operators/stream.h>
#include <weir/operators/to_table.h>

namespace weir::ml {

struct PointInTimeOptions {
  StoreName store;
  // How long after the inference a label is made, at least and at most: 0 <= earliest <= latest, 0 < latest.
  Duration earliest{0};
  RequiredDuration latest;
  RequiredDuration grace;  // >= 0
  std::optional<std::uint64_t> hash = std::nullopt;
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

template <class K, class L>
struct PointInTime {
  KStream<std::string, TrainingRow> rows;
  KStream<K, Orphan<L>> orphans;
};

// Takes the id of the prediction for the key of labels.
struct ById {};

// A label beside what is to be learnt from.
template <class L>
struct MatchedLabel {
  L label{};
  FeatureLogEntry entry;  // without topic if there is none
  Timestamp inferred_at = 0;
  Timestamp labelled_at = 0;
};

// Whether a label of that age is one to learn from, and why not.
struct Maturity {
  Timestamp earliest = 0;
  Timestamp latest = 0;

  [[nodiscard]] std::optional<OrphanReason> refuses(Timestamp inferred_at, Timestamp labelled_at) const;
};

[[nodiscard]] TrainingRow training_row(const FeatureLogEntry& entry, double label, Timestamp feature_time,
                                       Timestamp inferred_at, Timestamp labelled_at);

// Notes what is wrong with the options.
void check_point_in_time(const GraphPoint& stream, const PointInTimeOptions& options, const Location& where);

// For KStream::apply, on the stream of the log.
template <class LabelK, class L, class ValueOf, class AsOf = ById>
class PointInTimeOperator {
 public:
  PointInTimeOperator(PointInTimeOptions options, KStream<LabelK, L> labels, ValueOf value_of, AsOf as_of,
                      Location where)
      : options_(std::move(options)),
        labels_(std::move(labels)),
        value_of_(std::move(value_of)),
        as_of_(std::move(as_of)),
        where_(where) {}

  // Says when a label's inference was: a MapperOver the label that gives a Timestamp.
  template <class F>
  [[nodiscard]] PointInTimeOperator<LabelK, L, ValueOf, F> as_of(F time) const {
    return {options_, labels_, value_of_, std::move(time), where_};
  }

  template <class K>
    requires std::same_as<NonNull<K>, NonNull<LabelK>>
  PointInTime<NonNull<LabelK>, L> operator()(const KStream<K, FeatureLogEntry>& log) const {
    check_point_in_time(log, options_, where_);
    const KStream<K, FeatureLogEntry> entries = log.filter(
        {.name = options_.store.text() + "-schema"},
        [hash = options_.hash](const FeatureLogEntry& entry) { return !hash || entry.hash == *hash; },
        where_);
    if constexpr (std::same_as<AsOf, ById>) {
      return by_id(entries);
    } else {
      return by_time(entries);
    }
  }

 private:
  using Key = NonNull<LabelK>;
  using Set = PointInTime<Key, L>;

  [[nodiscard]] Maturity maturity() const {
    return {options_.earliest.count(), options_.latest.value().count()};
  }

  template <class K>
  Set by_id(const KStream<K, FeatureLogEntry>& log) const {
    const std::string& base = options_.store.text();
    const auto id_of = [](const FeatureLogEntry& entry) { return entry.prediction_id(); };
    const auto predictions = log.select_key({.name = base + "-id"}, id_of, where_);
    const auto joined = predictions.apply(feedback({.store = options_.store,
                                                    .name = base + "-join",
                                                    .horizon = options_.latest,
                                                    .grace = options_.grace,
                                                    .choice = LabelChoice::kLast,
                                                    .persistent = options_.persistent,
                                                    .logged = options_.logged,
                                                    .on_error = options_.on_error},
                                                   labels_, where_));
    using Labelled = Example<FeatureLogEntry, L>;
    const auto is_mature = [maturity = maturity()](const Labelled& example) {
      return !maturity.refuses(example.predicted_at, example.labelled_at);
    };
    const auto row_of = [value_of = value_of_](const std::string&, const Labelled& example) {
      TrainingRow row = training_row(example.prediction, std::invoke(value_of, example.label), kNoTimestamp,
                                     example.predicted_at, example.labelled_at);
      row.kind = example.kind;
      return row;
    };
    // What comes too late is an orphan of the join already.
    const auto is_early = [maturity = maturity()](const Labelled& example) {
      return maturity.refuses(example.predicted_at, example.labelled_at) == OrphanReason::kTooEarly;
    };
    const auto orphan_of = [](const Labelled& example) {
      return Orphan<L>{example.label, OrphanReason::kTooEarly, example.labelled_at};
    };
    const auto early = joined.examples.filter({.name = base + "-early"}, is_early, where_)
                           .map_values({.name = base + "-too-early"}, orphan_of, where_);
    return {joined.examples.filter({.name = base + "-mature"}, is_mature, where_)
                .map_values({.name = base + "-rows", .on_error = options_.on_error}, row_of, where_),
            joined.orphans.merge(early, where_)};
  }

  template <class K>
  Set by_time(const KStream<K, FeatureLogEntry>& log) const {
    using Matched = MatchedLabel<L>;
    const std::string& base = options_.store.text();
    const Duration latest = options_.latest.value();
    const Duration grace = options_.grace.value();
    const auto table = log.to_table({.store = base,
                                     .name = base + "-log",
                                     .history = latest + 2 * grace + Duration(1),
                                     .persistent = options_.persistent,
                                     .logged = options_.logged},
                                    where_);
    const auto beside = [as_of = as_of_](const Key&, const L& label, const FeatureLogEntry& entry) {
      return Matched{label, entry, std::invoke(as_of, label), 0};
    };
    const auto before = [as_of = as_of_](const L& label) -> Timestamp {
      return std::invoke(as_of, label) - 1;
    };
    const auto matched = labels_
                             .apply(join_features({.name = base + "-join",
                                                   .store = StoreName(base + "-labels"),
                                                   .grace = grace,
                                                   .persistent = options_.persistent,
                                                   .logged = options_.logged,
                                                   .on_error = options_.on_error},
                                                  table, SameKey(), beside, where_)
                                        .as_of(before))
                             .map_values(
                                 {.name = base + "-times"},
                                 [](const Key&, const Matched& match, const RecordInfo& info) {
                                   Matched timed = match;
                                   timed.labelled_at = info.timestamp;
                                   return timed;
                                 },
                                 where_);
    const auto refusal = [maturity = maturity()](const Matched& match) {
      if (match.entry.topic.empty() || match.entry.time >= match.inferred_at)
        return std::optional(OrphanReason::kNoPrediction);
      return maturity.refuses(match.inferred_at, match.labelled_at);
    };
    const auto has_place = [refusal](const Matched& match) { return !refusal(match); };
    const auto row_of = [value_of = value_of_](const Key&, const Matched& match) {
      return std::pair(match.entry.prediction_id(),
                       training_row(match.entry, std::invoke(value_of, match.label), match.entry.time,
                                    match.inferred_at, match.labelled_at));
    };
    const auto orphan_of = [refusal](const Matched& match) {
      return Orphan<L>{match.label, *refusal(match), match.labelled_at};
    };
    return {matched.filter({.name = base + "-fitting"}, has_place, where_)
                .map({.name = base + "-rows", .on_error = options_.on_error}, row_of, where_),
            matched.filter_not({.name = base + "-orphaned"}, has_place, where_)
                .map_values({.name = base + "-orphans"}, orphan_of, where_)};
  }

  const PointInTimeOptions options_;
  const KStream<LabelK, L> labels_;
  const ValueOf value_of_;
  [[no_unique_address]] const AsOf as_of_;
  const Location where_;
};

template <class LabelK, class L, class ValueOf>
[[nodiscard]] PointInTimeOperator<LabelK, L, ValueOf> point_in_time(PointInTimeOptions options,
                                                                    KStream<LabelK, L> labels,
                                                                    ValueOf value_of,
                                                                    Location where = Location::current()) {
  return {std::move(options), std::move(labels), std::move(value_of), ById(), where};
}

}  // namespace weir::ml
