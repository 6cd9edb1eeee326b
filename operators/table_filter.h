// filter of a table is the table of those rows that satisfy a predicate, filter_not of those that do not.
//
//   const auto orders = builder.table<std::string, std::int64_t>("orders", {.store = "orders"});
//   orders.filter([](std::int64_t amount) { return amount >= 100; }).to_stream().to("large-orders");
//
// The predicate is a RowPredicateOver: bool(value) or bool(key, value). It is not asked about rows that are deleted.
//
// A row that no longer satisfies it is deleted downstream. Where the table, or one it is a view of, keeps its rows, that
// is told only if the row had been there. A table without a store cannot know, and of a versioned table every change is told:
// there it is deleted once too often.
#pragma once

#include <utility>

#include <weir/operators/table_view.h>
#include <weir/operators/to_stream.h>

namespace weir {

template <class K, class V, class Predicate, bool kWanted>
class FilterStep {
 public:
  using Value = V;
  struct Scratch {};
  static constexpr bool kOnlyTellsNews = true;

  explicit FilterStep(Predicate keep) : keep_(std::move(keep)) {}
  void open(TaskContext&, const Node&) {}
  void close() {}

  const V* operator()(const K& key, const V* value, Scratch&) const {
    if (value == nullptr) return nullptr;
    return static_cast<bool>(call_with_row(keep_, key, *value)) == kWanted ? value : nullptr;
  }

 private:
  const Predicate keep_;
};

template <class K, class V, Rows rows>
template <class Predicate>
  requires RowPredicateOver<Predicate, K, V>
KTable<K, V> KTable<K, V, rows>::filter(ViewOptions options, Predicate keep, Location where) const {
  return add_view<Rows::kMayVanish, FilterStep<K, V, Predicate, true>>(*this, "filter", options, keep, where);
}

template <class K, class V, Rows rows>
template <class Predicate>
  requires RowPredicateOver<Predicate, K, V>
KTable<K, V> KTable<K, V, rows>::filter_not(ViewOptions options, Predicate drop, Location where) const {
  return add_view<Rows::kMayVanish, FilterStep<K, V, Predicate, false>>(*this, "filter-not", options, drop,
                                                                        where);
}

}  // namespace weir
