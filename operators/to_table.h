// to_table keeps the last value of each key of a stream.
//
//   orders.to_table({.store = "last-order"});
//
// A stream of optional values deletes with a null. Records without a key are dropped and counted. If the keys were changed
// the stream first goes through a repartition topic called after the store.
#pragma once

#include <weir/operators/repartition.h>
#include <weir/operators/stream.h>
#include <weir/operators/table_node.h>

namespace weir {

template <class K, class V>
KTable<NonNull<K>, NonNull<V>, kIsOptional<V> ? Rows::kMayVanish : Rows::kStay> KStream<K, V>::to_table(
    TableOptions options, Location where) const
  requires Storable<NonNull<K>> && Storable<NonNull<V>>
{
  constexpr Rows kRows = kIsOptional<V> ? Rows::kMayVanish : Rows::kStay;
  return add_table<kRows>(keyed(*this, options.store.text(), where), "to-table", options, where);
}

}  // namespace weir
