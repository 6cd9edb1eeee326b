// join and left_join with a global table look up, for each record of a stream, the row whose key the selector says.
//
//   orders.join(rates, [](const Order& order) { return order.currency; },
//               [](const Order& order, double rate) { return order.total * rate; })
//       .to("totals");
//
// Only records of the stream make results, with the stream's key, time and headers; its key may be null. The stream is not
// repartitioned and need not have as many partitions as the table: each instance has all rows.
//
// The selector is a KeySelectorOver; it is asked first, also about records without a value. The joiners are a JoinerOver and a
// LeftJoinerOver; the key they may take is the stream's.
//
// join: no row, no result; records without a value, and those for which the selector finds no key, are dropped and counted.
// left_join: no row, or no key, joins with nothing; records without a value are dropped and counted.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/global_table.h>
#include <weir/operators/join_sides.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>

namespace weir {

template <JoinKind kind, class K, class V, class TableKey, class Right, class Selector, class Joiner>
class JoinGlobalNode final : public UnaryNode<K, V, K, SidesJoinedBy<kind, Joiner, K, NonNull<V>, Right>> {
 public:
  using Result = SidesJoinedBy<kind, Joiner, K, NonNull<V>, Right>;

  JoinGlobalNode(std::string store, Selector select, Joiner join)
      : store_(std::move(store)), select_(std::move(select)), join_(std::move(join)) {}

  void open() override { rows_ = &typed_store<GlobalStore<TableKey, Right>>(this->context(), *this, store_); }

  void accept(const Record<K, V>& record) override {
    const auto key = this->guarded([&]() -> std::optional<TableKey> { return call_with(select_, record); });
    if (!key) return;
    if (is_null(record.value)) {
      this->context().drop(DropReason::kNullValue);
      return;
    }
    if (kind == JoinKind::kInner && !*key) {
      this->context().drop(DropReason::kNullKey);
      return;
    }
    const Timestamped<Right>* row = *key ? rows_->find(**key) : nullptr;
    if (kind == JoinKind::kInner && row == nullptr) return;
    const auto result = this->guarded([&]() -> Result {
      return join_(record.key, &non_null(record.value), row == nullptr ? nullptr : &row->value);
    });
    if (result) this->emit(record.with_value(*result));
  }

 private:
  const std::string store_;
  const Selector select_;
  SidesJoiner<kind, Joiner, K, NonNull<V>, Right> join_;
  GlobalStore<TableKey, Right>* rows_ = nullptr;
};

template <JoinKind kind, class K, class V, class TableKey, class Right, class Selector, class Joiner>
[[nodiscard]] auto join_global(const KStream<K, V>& stream, const std::string& verb,
                               const VerbOptions& options, const GlobalKTable<TableKey, Right>& table,
                               Selector select, Joiner join, const Location& where) {
  if (stream.graph() != table.graph()) {
    stream.problem(verb + ": the stream and the global table come from two builders", where);
  }
  using JoinNode = JoinGlobalNode<kind, K, V, TableKey, Right, Selector, Joiner>;
  return KStream<K, typename JoinNode::Result>(stream.extend(
      verb, options, node_factory<JoinNode>(table.store().name, std::move(select), std::move(join)), where));
}

template <class K, class V>
template <class TableKey, class Right, class Selector, class Joiner>
  requires KeySelectorOver<Selector, K, V, TableKey> && JoinerOver<Joiner, K, NonNull<V>, Right>
KStream<K, JoinedBy<Joiner, K, NonNull<V>, Right>> KStream<K, V>::join(
    VerbOptions options, const GlobalKTable<TableKey, Right>& table, Selector select, Joiner join_values,
    Location where) const {
  return join_global<JoinKind::kInner>(*this, "join-global", options, table, std::move(select),
                                       std::move(join_values), where);
}

template <class K, class V>
template <class TableKey, class Right, class Selector, class Joiner>
  requires KeySelectorOver<Selector, K, V, TableKey> && LeftJoinerOver<Joiner, K, NonNull<V>, Right>
KStream<K, LeftJoinedBy<Joiner, K, NonNull<V>, Right>> KStream<K, V>::left_join(
    VerbOptions options, const GlobalKTable<TableKey, Right>& table, Selector select, Joiner join_values,
    Location where) const {
  return join_global<JoinKind::kLeft>(*this, "left-join-global", options, table, std::move(select),
                                      std::move(join_values), where);
}

}  // namespace weir
