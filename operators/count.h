// count counts the records of each key, in a 64-bit integer that begins at 1.
//
//   orders.group_by_key().count({.store = "orders-per-customer"}).to_stream().to("order-counts");
//
// Serde of the counts: 8 bytes, big-endian, as Kafka's Long.
#pragma once

#include <utility>

#include <weir/operators/aggregate_node.h>

namespace weir {

template <class K, class V>
auto KGroupedStream<K, V>::count(TableOptions options, Location where) const
    -> KTable<NonNull<K>, std::int64_t, Rows::kStay>
  requires Storable<NonNull<K>>
{
  return add_aggregate(*this, "count", options, CountStep{stream_.graph()->like_kafka_streams()}, where);
}

}  // namespace weir
