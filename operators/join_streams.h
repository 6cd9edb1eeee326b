// join, left_join and outer_join of two streams pair records of the same key whose times are close.
//
//   orders.join(payments, {.store = "order-payments", .within = 5min, .grace = 1min},
//               [](const Order& order, const Payment& payment) { return Paid(order, payment); })
//       .to("paid-orders");
//   orders.left_join(payments, {.store = "settled", .before = 0min, .after = 5min, .grace = 1min},
//                    [](const Order& order, const std::optional<Payment>& payment) { return Settled(order, payment); });
//   clicks.outer_join(views, {.store = "visits", .within = 10s, .grace = 5s},
//                     [](const Click* click, const View* view) { return Visit(click, view); });
//
// A left record at l and a right one at r match if l - before <= r <= l + after. Whichever comes second makes the result,
// which has the greater of the two times and the headers of the second. A record meets its partners by their times, those of
// the same time as they arrived.
//
// Each side has a store that keeps records for before + after + grace, counted from the largest time put into it; who comes
// later than that finds nobody, and is counted as expired when it is too old to be kept.
//
// left_join: a left record without a match is joined with nothing, once its window and the grace have passed. outer_join:
// the same for both sides. The join's time, by which that is judged, is the largest of either stream. A record whose window
// (without the grace) has passed already when it comes is joined with nothing at once; if its match comes nevertheless, they
// are joined too.
//
// join: records without key or value are dropped and counted. left_join, outer_join: a record without key is joined with
// nothing at once (a right one of a left_join is dropped and counted); records without value are dropped and counted.
//
// The joiners are a JoinerOver, LeftJoinerOver and OuterJoinerOver. If one throws and the policy is to go on, the record that
// came has no further results, but is kept for others. A stream whose keys were changed goes through a repartition topic
// first. Both streams must have the same number of partitions. A stream can be joined with itself; every record then also
// meets itself, once.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <weir/operators/join_self_node.h>
#include <weir/operators/join_streams_node.h>
#include <weir/operators/merge.h>
#include <weir/operators/repartition.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>

namespace weir {

// The part of describing a join that knows no types.
class StreamJoin {
 public:
  StreamJoin(const GraphPoint& left, const GraphPoint& right, JoinKind kind, const StreamJoinOptions& options,
             const Location& where);

  // Returns whether both streams are of one program; if not, that is a problem and nothing must be added.
  [[nodiscard]] bool possible() const { return possible_; }
  // Returns what the repartition topic of a side is called after.
  [[nodiscard]] const std::string& base(JoinSide side) const {
    return side == JoinSide::kLeft ? left_base_ : right_base_;
  }
  [[nodiscard]] const JoinStores& stores() const { return stores_; }
  [[nodiscard]] const JoinWindows& windows() const { return windows_; }
  [[nodiscard]] StoreOptions store_options() const;

  // Adds the node, below nodes that tell which side a record comes from. Stores must be there.
  [[nodiscard]] GraphPoint add(const GraphPoint& left, const GraphPoint& right, NodeFactory pass_left,
                               NodeFactory mark_right, NodeFactory join) const;
  // The same for a join of a stream with itself.
  [[nodiscard]] GraphPoint add_to_self(const GraphPoint& stream, NodeFactory join) const;

  void add_store(StoreSpec spec) const;

 private:
  GraphPtr graph_;
  StreamJoinOptions options_;
  Location where_;
  bool possible_;
  JoinWindows windows_;
  std::string name_;
  std::string left_base_;
  std::string right_base_;
  JoinStores stores_;
};

template <JoinKind kind, class OutK, class LeftK, class L, class RightK, class R, class Joiner>
[[nodiscard]] GraphPoint add_stream_join(const StreamJoin& join, const KStream<LeftK, L>& left,
                                         const KStream<RightK, R>& right, Joiner join_values) {
  using JoinNode = JoinStreamsNode<kind, LeftK, L, RightK, R, OutK, Joiner>;
  using Key = NonNull<OutK>;
  join.add_store(join_store_spec<Key, NonNull<L>>(join.stores().left, join.windows().retention(),
                                                  Duration(-1), join.store_options()));
  join.add_store(join_store_spec<Key, NonNull<R>>(join.stores().right, join.windows().retention(),
                                                  Duration(-1), join.store_options()));
  if constexpr (kind != JoinKind::kInner) {
    join.add_store(JoinNode::Waiting::store_spec(join.stores().unmatched, join.store_options()));
  }
  return join.add(left, right, node_factory<PassNode<LeftK, L>>(), node_factory<RightSideNode<RightK, R>>(),
                  node_factory<JoinNode>(join.stores(), join.windows(), std::move(join_values)));
}

template <class K, class V>
template <class RightK, class RightV, class Joiner>
  requires JoinableStreams<K, V, RightK, RightV> &&
           JoinerOver<Joiner, NonNull<K>, NonNull<V>, NonNull<RightV>>
KStream<NonNull<K>, JoinedBy<Joiner, NonNull<K>, NonNull<V>, NonNull<RightV>>> KStream<K, V>::join(
    const KStream<RightK, RightV>& other, StreamJoinOptions options, Joiner join_values,
    Location where) const {
  using KeptKey = NonNull<K>;
  using Joined = KStream<KeptKey, JoinedBy<Joiner, KeptKey, NonNull<V>, NonNull<RightV>>>;
  const StreamJoin join(*this, other, JoinKind::kInner, options, where);
  if (!join.possible()) return Joined(*this);
  const KStream<KeptKey, V> left = keyed(*this, join.base(JoinSide::kLeft), where);
  if constexpr (std::same_as<K, RightK> && std::same_as<V, RightV>) {
    if (node() == other.node()) {
      join.add_store(join_store_spec<KeptKey, NonNull<V>>(join.stores().left, join.windows().retention(),
                                                          Duration(-1), join.store_options()));
      return Joined(join.add_to_self(left, node_factory<JoinSelfNode<KeptKey, V, Joiner>>(
                                               join.stores().left, join.windows(),
                                               options.optimized_self_join, std::move(join_values))));
    }
  }
  const KStream<KeptKey, RightV> right = keyed(other, join.base(JoinSide::kRight), where);
  return Joined(add_stream_join<JoinKind::kInner, KeptKey>(join, left, right, std::move(join_values)));
}

template <class K, class V>
template <class RightK, class RightV, class Joiner>
  requires JoinableStreams<K, V, RightK, RightV> && LeftJoinerOver<Joiner, K, NonNull<V>, NonNull<RightV>>
KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, NonNull<RightV>>> KStream<K, V>::left_join(
    const KStream<RightK, RightV>& other, StreamJoinOptions options, Joiner join_values,
    Location where) const {
  using Joined = KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, NonNull<RightV>>>;
  const StreamJoin join(*this, other, JoinKind::kLeft, options, where);
  if (!join.possible()) return Joined(*this);
  return Joined(add_stream_join<JoinKind::kLeft, K>(
      join, keyed_or_null(*this, join.base(JoinSide::kLeft), where),
      keyed_or_null(other, join.base(JoinSide::kRight), where), std::move(join_values)));
}

template <class K, class V>
template <class RightK, class RightV, class Joiner>
  requires JoinableStreams<K, V, RightK, RightV> &&
           OuterJoinerOver<Joiner, OuterKey<K, RightK>, NonNull<V>, NonNull<RightV>>
KStream<OuterKey<K, RightK>, OuterJoinedBy<Joiner, OuterKey<K, RightK>, NonNull<V>, NonNull<RightV>>>
KStream<K, V>::outer_join(const KStream<RightK, RightV>& other, StreamJoinOptions options, Joiner join_values,
                          Location where) const {
  using OutK = OuterKey<K, RightK>;
  using Joined = KStream<OutK, OuterJoinedBy<Joiner, OutK, NonNull<V>, NonNull<RightV>>>;
  const StreamJoin join(*this, other, JoinKind::kOuter, options, where);
  if (!join.possible()) return Joined(*this);
  return Joined(add_stream_join<JoinKind::kOuter, OutK>(
      join, keyed_or_null(*this, join.base(JoinSide::kLeft), where),
      keyed_or_null(other, join.base(JoinSide::kRight), where), std::move(join_values)));
}

}  // namespace weir
