// repartition sends a stream through a topic of its own, so that records of one key are together again.
//
//   orders.select_key([](const Order& order) { return order.city; })
//       .repartition({.name = "by-city", .partitions = 12})
//       .process(...)
//
// What groups, joins, or makes a table of a stream whose keys were changed repartitions by itself; the topic is then called
// after the store or the group. Records without a key have no place to go: they are dropped and counted. Time and headers
// travel along. A partitioner, which is a PartitionerOver as for `to`, chooses the partitions if there is one; it must choose by
// the key alone if records of one key are to be together. Three nodes: "<name>-repartition-filter" (if keys can be null), "-sink" and "-source".
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/operators/partitioned_sink.h>
#include <weir/operators/sink.h>
#include <weir/operators/source.h>
#include <weir/operators/stream.h>
#include <weir/operators/topic_key.h>

namespace weir {

// Drops records without a key, and takes the std::optional off the key's type.
template <class K, class V>
class KeyFilterNode final : public UnaryNode<K, V, NonNull<K>, V> {
 public:
  explicit KeyFilterNode(bool counts) : counts_(counts) {}

  void accept(const Record<K, V>& record) override {
    if (is_null(record.key)) {
      if (counts_) this->context().drop(DropReason::kNullKey);
      return;
    }
    this->emit({non_null(record.key), record.value, record.timestamp, record.headers, record.origin,
                record.key_bytes});
  }

 private:
  const bool counts_;  // Kafka Streams does not before repartition topics
};

// Adds the sink, the topic and the source. `base` names them.
GraphPoint through_repartition_topic(const GraphPoint& stream, const std::string& base,
                                     std::optional<Partition> partitions, NodeFactory sink,
                                     NodeFactory source, const Location& where);

// For those who write verbs: returns the stream with its records where their keys belong. `base` names what is added.
template <class K, class V>
KStream<K, V> repartitioned(const KStream<K, V>& stream, const std::string& base,
                            std::optional<Partition> partitions, const Location& where) {
  using KeyFormat = RepartitionKey<NonNull<K>>;
  const TopicName topic{base + "-repartition", /*internal=*/true};
  return KStream<K, V>(through_repartition_topic(stream, base, partitions,
                                                 node_factory<TopicSink<K, V, KeyFormat>>(topic),
                                                 node_factory<TypedSource<K, V, KeyFormat>>(), where));
}

// The same for a stream whose types may have no bytes, which is a problem that build() then reports.
template <class K, class V>
KStream<K, V> repartitioned_or_problem(const KStream<K, V>& stream, const std::string& base,
                                       const Location& where) {
  if constexpr (Transportable<K> && Transportable<V>) {
    return repartitioned(stream, base, std::nullopt, where);
  } else {
    stream.problem(
        "'" + base + "' needs a repartition topic, because the keys were changed, but the key or the value " +
            "has no weir::Serde",
        where);
    return stream;
  }
}

// Returns the stream without records that have no key, and with the others where their keys belong; what is there already
// stays as it is if the keys were not changed. `base` names what is added.
template <class K, class V>
KStream<NonNull<K>, V> keyed(const KStream<K, V>& stream, const std::string& base, const Location& where) {
  const auto filtered = [&](const std::string& name, bool counts) {
    if constexpr (kIsOptional<K>) {
      return KStream<NonNull<K>, V>(
          stream.extend_named(name, ErrorPolicy::kInherit, node_factory<KeyFilterNode<K, V>>(counts), where));
    } else {
      return stream;
    }
  };
  if (!stream.rekeyed()) return filtered(base + "-key-filter", true);
  const bool counts = !stream.graph()->like_kafka_streams();
  return repartitioned_or_problem(filtered(base + "-repartition-filter", counts), base, where);
}

// The same for verbs to which a record without a key has a meaning: those stay.
template <class K, class V>
KStream<K, V> keyed_or_null(const KStream<K, V>& stream, const std::string& base, const Location& where) {
  return stream.rekeyed() ? repartitioned_or_problem(stream, base, where) : stream;
}

template <class K, class V>
KStream<NonNull<K>, V> KStream<K, V>::repartition(RepartitionOptions options, Location where) const
  requires Transportable<K> && Transportable<V>
{
  const std::string& name = options.name.text();
  if constexpr (kIsOptional<K>) {
    const KStream<NonNull<K>, V> filtered(
        extend_named(name + "-repartition-filter", ErrorPolicy::kInherit,
                     node_factory<KeyFilterNode<K, V>>(!graph()->like_kafka_streams()), where));
    return repartitioned(filtered, name, options.partitions, where);
  } else {
    return repartitioned(*this, name, options.partitions, where);
  }
}

template <class K, class V>
template <class Partitioner>
  requires Transportable<K> && Transportable<V> && PartitionerOver<Partitioner, NonNull<K>, V>
KStream<NonNull<K>, V> KStream<K, V>::repartition(RepartitionOptions options, Partitioner choose_partition,
                                                  Location where) const {
  using Grouped = NonNull<K>;
  using KeyFormat = RepartitionKey<Grouped>;
  const std::string& name = options.name.text();
  const TopicName topic{name + "-repartition", /*internal=*/true};
  const auto sink =
      node_factory<PartitionedSink<Grouped, V, Partitioner, KeyFormat>>(topic, std::move(choose_partition));
  const auto source = node_factory<TypedSource<Grouped, V, KeyFormat>>();
  GraphPoint stream = *this;
  if constexpr (kIsOptional<K>) {
    stream = extend_named(name + "-repartition-filter", ErrorPolicy::kInherit,
                          node_factory<KeyFilterNode<K, V>>(!graph()->like_kafka_streams()), where);
  }
  return KStream<Grouped, V>(
      through_repartition_topic(stream, name, options.partitions, sink, source, where));
}

}  // namespace weir
