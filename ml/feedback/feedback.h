// feedback joins predictions with the labels that tell, sooner or later, whether they were right.
//
//   const auto joined = decisions.apply(
//       weir::ml::feedback({.store = "fraud-feedback", .horizon = 30d, .grace = 1h}, chargebacks)
//           .otherwise(Chargeback{.is_fraud = false}));
//   joined.examples.apply(weir::ml::evaluate(...));
//   joined.orphans.map_values(...).to("labels-without-place");
//
// Both streams have the prediction's id as their key. Time is the records' own: a prediction's is when it was made, a label's
// when the outcome was known. "Now" is the largest of both streams, so a replay gives the same.
//
//   prediction p                        p + horizon         + grace                + keep
//   ─────●───────────────────────────────────┼────────────────┼────────────────────────┼──────▶ now
//        labels from here to here count      ┘                │ the default is told    │ forgotten
//
//   an example      Of each prediction one is told: with the first label that is made within the horizon, when that comes; or,
//                   if none came until the grace is over too, with the label that `otherwise` declares. Without `otherwise`
//                   nothing is told of it.
//   a correction    A label that comes after the default was told and before the prediction is forgotten, also one from
//                   behind the horizon; with `.choice = kLast` each label after the first. Learners and metrics say by
//                   Example::kind whether they want them.
//   an orphan       A label made behind the horizon, or before its prediction, or for which no prediction came until `now` was
//                   beyond its time and the grace. Labels may come before their prediction; they wait that long.
//
// A second prediction of the same id is dropped and counted as a duplicate; so is a second label with `.choice = kFirst`.
//
// No example learns from its own future: feature time < time of the prediction <= time of the label. The last holds always; the
// first if the program says what the feature time is, `.feature_time([](const Decision& d) { return d.features_at; })`: a
// prediction that breaks it is a failure of the node, whose error policy decides.
//
// Examples have the headers of their prediction, so the model's stamps stay with them, and the label's time as timestamp.
// Everything is in one store with a changelog, and in the commit of its task: a restart changes nothing. The store holds
// predictions for horizon + grace + keep; nothing else bounds it. Which row is due is known from an index in memory, of one
// entry for each.
//
// Streams whose keys were changed go through a repartition topic first. Records without a key are dropped and counted.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <weir/ml/feedback/example.h>
#include <weir/ml/feedback/feedback_node.h>
#include <weir/operators/join_streams_node.h>
#include <weir/operators/merge.h>
#include <weir/operators/repartition.h>
#include <weir/operators/stream.h>

namespace weir::ml {

struct FeedbackOptions {
  StoreName store;
  std::string name = {};     // of the node
  RequiredDuration horizon;  // > 0: how long after its prediction a label counts
  RequiredDuration grace;    // >= 0: how much later than others records may come
  // How long a prediction is remembered for corrections after that.
  Duration keep{0};
  LabelChoice choice = LabelChoice::kFirst;
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

template <class K, class P, class L>
struct Feedback {
  KStream<K, Example<P, L>> examples;
  KStream<K, Orphan<L>> orphans;
};

// Returns what the options mean to the node; problems are noted.
[[nodiscard]] FeedbackTerms feedback_terms(const GraphPoint& stream, const FeedbackOptions& options,
                                           const Location& where);

// For KStream::apply.
template <class LabelK, class L, class FeatureTime>
class FeedbackOperator {
 public:
  FeedbackOperator(FeedbackOptions options, KStream<LabelK, L> labels, std::optional<L> otherwise,
                   FeatureTime feature_time, Location where)
      : options_(std::move(options)),
        labels_(std::move(labels)),
        otherwise_(std::move(otherwise)),
        feature_time_(std::move(feature_time)),
        where_(where) {}

  // Declares the label of predictions for which none came.
  [[nodiscard]] FeedbackOperator otherwise(L label) const {
    return {options_, labels_, std::move(label), feature_time_, where_};
  }

  // Tells when the newest of a prediction's features was made: a MapperOver its record that gives a Timestamp.
  template <class F>
  [[nodiscard]] FeedbackOperator<LabelK, L, F> feature_time(F of) const {
    return {options_, labels_, otherwise_, std::move(of), where_};
  }

  template <class K, class P>
    requires std::same_as<NonNull<K>, NonNull<LabelK>> && Storable<NonNull<K>> && Storable<P> && Storable<L>
  Feedback<NonNull<K>, P, L> operator()(const KStream<K, P>& predictions) const {
    using Key = NonNull<K>;
    using FeedbackJoin = FeedbackNode<Key, P, L, FeatureTime>;
    const FeedbackTerms terms = feedback_terms(predictions, options_, where_);
    const std::string& store = terms.store;
    if (predictions.graph() != labels_.graph()) {
      predictions.problem("feedback: the streams come from two builders", where_);
      return {KStream<Key, Example<P, L>>(predictions), KStream<Key, Orphan<L>>(predictions)};
    }
    const KStream<Key, P> left = keyed(predictions, store + "-predictions", where_);
    const KStream<Key, L> right = keyed(labels_, store + "-labels", where_);
    const GraphPoint marked = right.extend_named(store + "-label-side", ErrorPolicy::kInherit,
                                                 node_factory<RightSideNode<Key, L>>(), where_);
    TopologyBuilder& topology = left.graph()->topology();
    StoreSpec spec = key_value_store_spec<Key, typename FeedbackJoin::Row>(
        store, {.persistent = options_.persistent, .logged = options_.logged});
    spec.value_format.append(" and ").append(Serde<L>::kFormat);
    topology.add_store(std::move(spec), state_engine(), where_);
    const std::string name = left.name_for("feedback", options_.name);
    const NodeIndex node =
        topology.add_processor(name, {left.node(), marked.node()}, {store}, options_.on_error,
                               node_factory<FeedbackJoin>(terms, otherwise_, feature_time_), where_);
    topology.copartition({left.node(), right.node()}, name, where_);
    const GraphPoint point(left.graph(), node, /*rekeyed=*/false);
    return {
        KStream<Key, Example<P, L>>(point.extend_named(name + "-examples", ErrorPolicy::kInherit,
                                                       node_factory<PassNode<Key, Example<P, L>>>(), where_)),
        KStream<Key, Orphan<L>>(point.extend_named(name + "-orphans", ErrorPolicy::kInherit,
                                                   node_factory<PassNode<Key, Orphan<L>>>(), where_))};
  }

 private:
  const FeedbackOptions options_;
  const KStream<LabelK, L> labels_;
  const std::optional<L> otherwise_;
  const FeatureTime feature_time_;
  const Location where_;
};

template <class LabelK, class L>
[[nodiscard]] FeedbackOperator<LabelK, L, NoFeatureTime> feedback(FeedbackOptions options,
                                                                  KStream<LabelK, L> labels,
                                                                  Location where = Location::current()) {
  return {std::move(options), std::move(labels), std::nullopt, NoFeatureTime(), where};
}

}  // namespace weir::ml
