// join and left_join by a foreign key: the rows of the left table, each with the row of the right table whose key it names.
//
//   const auto orders = builder.table<std::string, Order>("orders", {.store = "orders"});
//   const auto customers = builder.table<std::string, Customer>("customers", {.store = "customers"});
//   orders.join({.name = "orders-of-customers"}, customers, [](const Order& order) { return order.customer; },
//               [](const Order& order, const Customer& customer) { return order.text + " for " + customer.name; })
//       .to_stream()
//       .to("orders-and-names");
//
// The result has the left table's keys. join has a row where the right row exists, left_join where the left one does. A change of
// a right row makes a new result for each left row that names it, with the right row's time and headers; a change of a left
// row makes one with its own headers, at the later of the two rows' times. Where the join cannot know whether there was a
// result it deletes once too often: always when a left row of join comes or changes and there is no right row.
//
// The extractor is a KeySelectorOver: key(value), key(key, value) or key(key, value, info); an empty std::optional says that
// the row names none: join drops and counts it, left_join joins it with nothing. The joiners are a JoinerOver and a
// LeftJoinerOver.
//
// Left and right rows of a result usually lie in different partitions, so the tables talk through two topics, and the right
// side remembers who asked: topics "<name>-subscription-registration" (as many partitions as the right table) and
// "<name>-subscription-response" (as many as the left one), store "<name>-subscriptions". That is why the name must be given.
// An answer that comes when the left row has changed again is dropped and counted; the hash that tells is of the left
// value's bytes, so its Serde must write equal values as equal bytes.
//
// Both tables must have rows to look up, so they need a store somewhere upstream; they need not have the same number of
// partitions. The join keeps no rows itself; give it a store, {.store = "...", .name = "..."}, if they are to be read. A table
// may be joined with itself. Updates of a versioned table that are older than its latest row are dropped and counted.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/operators/join_foreign_key_nodes.h>
#include <weir/operators/keep_node.h>
#include <weir/operators/merge.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table.h>

namespace weir {

// What such a join's topics are called.
[[nodiscard]] TopicName registration_topic(const ForeignKeyOptions& options);
[[nodiscard]] TopicName response_topic(const ForeignKeyOptions& options);
[[nodiscard]] std::string subscription_store(const ForeignKeyOptions& options);

// What add_foreign_key_join adds.
struct ForeignKeyNodes {
  NodeFactory to_registration;               // "<name>-registration-sink", below the left table
  NodeFactory subscribe;                     // "<name>-subscribe", below "<name>-registration-source"
  std::vector<std::string> subscribe_reads;  // the right table's stores
  NodeFactory tell;                          // "<name>-tell", below the right table
  NodeFactory resolve;                       // "<name>-resolve", below "<name>-response-source"
  std::vector<std::string> resolve_reads;    // the left table's stores
  NodeFactory keep;                          // "<name>"
  std::vector<std::string> keeps;            // the store, if there is one
};

// Returns the node "<name>".
[[nodiscard]] GraphPoint add_foreign_key_join(const GraphPoint& left, const GraphPoint& right,
                                              const std::string& verb, const ForeignKeyOptions& options,
                                              ForeignKeyNodes nodes, const Location& where);

[[nodiscard]] StoreOptions store_options(const ForeignKeyOptions& options);

template <JoinKind kind, class K, class L, Rows left_rows, class RightKey, class R, Rows right_rows,
          class Extractor, class Joiner>
[[nodiscard]] auto join_foreign_key(const KTable<K, L, left_rows>& left, const std::string& verb,
                                    const ForeignKeyOptions& options,
                                    const KTable<RightKey, R, right_rows>& right, Extractor foreign_key,
                                    Joiner join, const Location& where) {
  using Result = ForeignKeyJoined<kind, left_rows, Joiner, K, L, R>;
  using Value = typename Result::Value;
  demand_before(left.access(), left, verb, where);
  demand_rows(right.access(), left, verb, where);

  const AnsweringSide side{subscription_store(options), left.graph()->like_kafka_streams()};
  ForeignKeyNodes nodes;
  nodes.to_registration = node_factory<RegisterSink<kind, K, L, RightKey, Extractor>>(
      registration_topic(options), left.graph()->like_kafka_streams(), std::move(foreign_key));
  nodes.subscribe = node_factory<TypedSubscribeNode<RightKey, R>>(side, right.access());
  nodes.subscribe_reads = right.access().stores;
  nodes.tell = node_factory<TellNode<RightKey, R>>(side);
  nodes.resolve = node_factory<ResolveNode<kind, K, L, R, Joiner>>(left.access(), std::move(join));
  nodes.resolve_reads = left.access().stores;
  nodes.keep = node_factory<PassNode<K, Change<Value>>>();

  TableAccess<K, Value> access;
  access.before = BeforeWish::impossible();
  if (options.store) {
    const std::string& store = options.store->text();
    if constexpr (Storable<K> && Storable<Value>) {
      left.graph()->topology().add_store(key_value_store_spec<K, Value>(store, store_options(options)),
                                         state_engine(), where);
      access = access_to_store<K, Value>(store);
      nodes.keep = [store, emit = options.emit, before = access.before]() -> std::unique_ptr<Node> {
        return std::make_unique<KeepNode<K, Value>>(store, emit, before);
      };
      nodes.keeps = {store};
    } else {
      left.problem(verb + ": the store '" + store + "' cannot keep this key or value: it has no weir::Serde",
                   where);
    }
  }
  access.window_grace = left.access().window_grace;
  return Result(add_foreign_key_join(left, right, verb, options, std::move(nodes), where), std::move(access));
}

template <class K, class V, Rows rows>
template <class RightKey, class Right, Rows right_rows, class Extractor, class Joiner>
  requires KeySelectorOver<Extractor, K, V, RightKey> && JoinerOver<Joiner, K, V, Right>
ForeignKeyJoined<JoinKind::kInner, rows, Joiner, K, V, Right> KTable<K, V, rows>::join(
    ForeignKeyOptions options, const KTable<RightKey, Right, right_rows>& right, Extractor foreign_key,
    Joiner join_values, Location where) const {
  return join_foreign_key<JoinKind::kInner>(*this, "join", options, right, std::move(foreign_key),
                                            std::move(join_values), where);
}

template <class K, class V, Rows rows>
template <class RightKey, class Right, Rows right_rows, class Extractor, class Joiner>
  requires KeySelectorOver<Extractor, K, V, RightKey> && LeftJoinerOver<Joiner, K, V, Right>
ForeignKeyJoined<JoinKind::kLeft, rows, Joiner, K, V, Right> KTable<K, V, rows>::left_join(
    ForeignKeyOptions options, const KTable<RightKey, Right, right_rows>& right, Extractor foreign_key,
    Joiner join_values, Location where) const {
  return join_foreign_key<JoinKind::kLeft>(*this, "left-join", options, right, std::move(foreign_key),
                                           std::move(join_values), where);
}

}  // namespace weir
