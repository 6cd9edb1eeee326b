// reduce combines the values of each key into one of the same type. The first value of a key is taken as it is.
//
//   payments.group_by_key()
//       .reduce({.store = "paid"}, [](const Money& sum, const Money& next) { return sum + next; });
//
// The reducer is a ReducerOver: T(T aggregate, value). If it returns a std::optional, an empty one deletes the row, and the
// next value begins anew.
#pragma once

#include <utility>

#include <weir/operators/aggregate_node.h>

namespace weir {

template <class K, class V>
template <class Reducer>
  requires ReducerOver<Reducer, NonNull<V>, NonNull<V>> && Storable<NonNull<K>> && Storable<NonNull<V>>
auto KGroupedStream<K, V>::reduce(TableOptions options, Reducer reduce_values, Location where) const
    -> KTable<NonNull<K>, NonNull<V>, kRowsReducedBy<Reducer, NonNull<V>, NonNull<V>>> {
  return add_aggregate(*this, "reduce", options, ReduceStep<Value, Value, Reducer>(std::move(reduce_values)),
                       where);
}

}  // namespace weir
