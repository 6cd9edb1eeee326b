// group_by_key takes the records of each key together, group_by those of a new key. What to do with a group: grouped.h.
//
//   orders.group_by_key().count({.store = "orders-per-customer"});
//   orders.group_by({.name = "by-city"}, [](const Order& order) { return order.city; }).count({.store = "orders-per-city"});
//
// The selector is a MapperOver: K(value), K(key, value) or K(key, value, info). A group with a name calls its repartition
// topic "<application>-<name>-repartition", and all that is done with the group shares it.
#pragma once

#include <utility>

#include <weir/operators/grouped.h>
#include <weir/operators/select_key.h>

namespace weir {

template <class K, class V>
KGroupedStream<K, V> KStream<K, V>::group_by_key(VerbOptions options) const {
  return KGroupedStream<K, V>(*this, std::move(options.name));
}

template <class K, class V>
template <class Mapper>
  requires MapperOver<Mapper, K, V>
KGroupedStream<ResultOver<Mapper, K, V>, V> KStream<K, V>::group_by(VerbOptions options, Mapper select,
                                                                    Location where) const {
  using J = ResultOver<Mapper, K, V>;
  KStream<J, V> rekeyed_stream(
      extend("group-by", options, node_factory<SelectKeyNode<K, V, Mapper>>(std::move(select)), where)
          .with_rekeyed(true));
  return KGroupedStream<J, V>(std::move(rekeyed_stream), std::move(options.name));
}

}  // namespace weir
