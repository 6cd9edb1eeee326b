// join, left_join and outer_join of two tables: a table that has, for each key, what the joiner makes of their rows.
//
//   const auto profiles = builder.table<std::string, std::string>("profiles", {.store = "profiles"});
//   const auto cities = builder.table<std::string, std::string>("cities", {.store = "cities"});
//   profiles.join(cities, [](const std::string& profile, const std::string& city) { return profile + " of " + city; })
//       .to_stream()
//       .to("people");
//
// join has a row where both tables have one, left_join where the left one has, outer_join where one of them has. A change of
// either side makes a new result, at the greater of the two rows' timestamps and with the headers of the change. A row that
// is deleted deletes that of the join; where the join cannot know whether it had one, it deletes once too often.
//
// The joiners are a JoinerOver, LeftJoinerOver and OuterJoinerOver: T(left, right) or T(key, left, right), where a side that
// may be missing is a std::optional or a pointer. A joiner that returns a std::optional can leave a row out.
//
// Both tables must have rows to look up, so they need a store somewhere upstream, and the same number of partitions. The
// join itself keeps nothing and is computed when it is read; give it a store, {.store = "people"}, to keep it. Updates of a
// versioned table that are older than its latest row are dropped and counted.
//
// A table may be joined with itself or with a view of itself: each change then comes once from either side, and both
// results see the table as it is after the change. So an inner join of that kind is not told when a row is deleted, as in
// Kafka Streams; map_values says the same about one table without that.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/operators/join_tables_node.h>
#include <weir/operators/keep_node.h>
#include <weir/operators/merge.h>
#include <weir/operators/table.h>
#include <weir/operators/to_stream.h>

namespace weir {

// What add_join_of_tables adds: "<name>-left" and "<name>-right", and below them "<name>".
struct JoinTablesNodes {
  NodeFactory left;
  std::vector<std::string> left_reads;  // stores
  NodeFactory right;
  std::vector<std::string> right_reads;
  NodeFactory both;
  std::vector<std::string> keeps;
};

// Returns the node where the sides come together, and demands that they have the same number of partitions.
[[nodiscard]] GraphPoint add_join_of_tables(const GraphPoint& left, const GraphPoint& right,
                                            const std::string& verb, const ViewOptions& options,
                                            JoinTablesNodes nodes, const Location& where);

// Returns all that is in one or the other, once.
[[nodiscard]] std::vector<std::string> united(std::vector<std::string> one,
                                              const std::vector<std::string>& other);

// Returns how to read a join that keeps no rows.
template <JoinKind kind, class F, class K, class L, class R>
[[nodiscard]] auto access_to_join(const TableAccess<K, L>& left, const TableAccess<K, R>& right, F join) {
  using Getter = JoinedGetter<kind, F, K, L, R>;
  using Value = typename Getter::Value;
  TableAccess<K, Value> access;
  access.stores = united(left.stores, right.stores);
  const bool shared = access.stores.size() < left.stores.size() + right.stores.size();
  access.open_getter = [left, right, shared, join](
                           TaskContext& context,
                           const Node& reader) -> std::unique_ptr<TableGetter<K, Value>> {
    return std::make_unique<Getter>(left.open_getter(context, reader), right.open_getter(context, reader),
                                    shared, join);
  };
  access.before = std::make_shared<BeforeWish>(std::vector{left.before, right.before});
  return access;
}

template <JoinKind kind, class K, class L, Rows left_rows, class R, Rows right_rows, class F>
[[nodiscard]] auto join_tables(const KTable<K, L, left_rows>& left, const std::string& verb,
                               const ViewOptions& options, const KTable<K, R, right_rows>& right,
                               const F& join, const Location& where) {
  using Joined = JoinedTable<kind, left_rows, right_rows, F, K, L, R>;
  using Value = typename Joined::Value;
  const auto demand = [&](const auto& access, bool before) {
    before ? demand_before(access, left, verb, where) : demand_rows(access, left, verb, where);
  };
  // Where a side's row is enough for a result, deleting it tells only if there was one.
  demand(left.access(), kind != JoinKind::kInner);
  demand(right.access(), kind == JoinKind::kOuter);

  TableAccess<K, Value> access = access_to_join<kind>(left.access(), right.access(), join);
  JoinTablesNodes nodes;
  nodes.left_reads = right.access().stores;
  nodes.right_reads = left.access().stores;
  nodes.both = node_factory<PassNode<K, Change<Value>>>();
  if (options.store) {
    const std::string& store = options.store->text();
    if constexpr (Storable<K> && Storable<Value>) {
      left.graph()->topology().add_store(key_value_store_spec<K, Value>(store, store_options(options)),
                                         state_engine(), where);
      access = access_to_store<K, Value>(store);
      nodes.both = [store, emit = options.emit, before = access.before]() -> std::unique_ptr<Node> {
        return std::make_unique<KeepNode<K, Value>>(store, emit, before);
      };
      nodes.keeps = {store};
    } else {
      left.problem(verb + ": the store '" + store + "' cannot keep this key or value: it has no weir::Serde",
                   where);
    }
  }
  access.window_grace = std::max(left.access().window_grace, right.access().window_grace);
  // What the sides are asked for: a join that keeps its rows knows itself what was there before.
  const auto before = options.store ? BeforeWish::impossible() : access.before;
  nodes.left = [other = right.access(), before, join]() -> std::unique_ptr<Node> {
    return std::make_unique<JoinTablesNode<kind, JoinSide::kLeft, F, K, L, R>>(other, before, join);
  };
  nodes.right = [other = left.access(), before, join]() -> std::unique_ptr<Node> {
    return std::make_unique<JoinTablesNode<kind, JoinSide::kRight, F, K, L, R>>(other, before, join);
  };
  return Joined(add_join_of_tables(left, right, verb, options, std::move(nodes), where), std::move(access));
}

template <class K, class V, Rows rows>
template <class Right, Rows right_rows, class Joiner>
  requires JoinerOver<Joiner, K, V, Right>
JoinedTable<JoinKind::kInner, rows, right_rows, Joiner, K, V, Right> KTable<K, V, rows>::join(
    ViewOptions options, const KTable<K, Right, right_rows>& right, Joiner join_values,
    Location where) const {
  return join_tables<JoinKind::kInner>(*this, "join", options, right, join_values, where);
}

template <class K, class V, Rows rows>
template <class Right, Rows right_rows, class Joiner>
  requires LeftJoinerOver<Joiner, K, V, Right>
JoinedTable<JoinKind::kLeft, rows, right_rows, Joiner, K, V, Right> KTable<K, V, rows>::left_join(
    ViewOptions options, const KTable<K, Right, right_rows>& right, Joiner join_values,
    Location where) const {
  return join_tables<JoinKind::kLeft>(*this, "left-join", options, right, join_values, where);
}

template <class K, class V, Rows rows>
template <class Right, Rows right_rows, class Joiner>
  requires OuterJoinerOver<Joiner, K, V, Right>
JoinedTable<JoinKind::kOuter, rows, right_rows, Joiner, K, V, Right> KTable<K, V, rows>::outer_join(
    ViewOptions options, const KTable<K, Right, right_rows>& right, Joiner join_values,
    Location where) const {
  return join_tables<JoinKind::kOuter>(*this, "outer-join", options, right, join_values, where);
}

}  // namespace weir
