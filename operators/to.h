// to writes a stream to a topic, which must exist. It may be called any number of times; the stream goes on.
//
//   orders.to("all-orders");
//   orders.to([](const Order& order) { return "orders-" + order.country; });
//
// Key, value, time and headers go along; the partition is the one Kafka's own clients choose for the key (for the key of a
// window: for the key without the window). A type that cannot be sent stops at Transportable: it needs a weir::Serde, see
// <weir/core/serde.h>. The chooser is a TopicChooserOver: text(value), text(key, value) or text(key, value, info).
//
// A partitioner chooses the partition instead; it is a PartitionerOver: partition(key, value, count).
//
//   orders.to("orders-by-urgency", [](const std::string&, const Order& order, weir::Partition count) {
//     return order.urgent ? 0 : 1 + order.number % (count - 1);
//   });
//
// It may return a std::optional, empty for Kafka's own choice, or a range of partitions that all get the record; with an empty
// range the record is dropped and counted. A partition that is not there is a failure of the partitioner.
#pragma once

#include <map>
#include <string>
#include <utility>

#include <weir/operators/partitioned_sink.h>
#include <weir/operators/sink.h>
#include <weir/operators/stream.h>

namespace weir {

// The topics that a chooser has chosen so far.
class ChosenTopics {
 public:
  const OutputTopic& operator()(const std::string& topic, TaskContext& context) {
    const auto known = outputs_.find(topic);
    if (known != outputs_.end()) return known->second;
    return outputs_.emplace(topic, context.output(topic)).first->second;
  }

 private:
  std::map<std::string, OutputTopic> outputs_;
};

template <class K, class V, class Chooser>
class ChoosingSink final : public SinkBase<K, V> {
 public:
  explicit ChoosingSink(Chooser choose) : choose_(std::move(choose)) {}

  void accept(const Record<K, V>& record) override {
    const std::optional<std::string> topic =
        this->guarded([&]() -> std::string { return call_with(choose_, record); });
    if (topic) this->send(topics_(*topic, this->context()), record);
  }

 private:
  const Chooser choose_;
  ChosenTopics topics_;
};

template <class K, class V, class Chooser, class Partitioner>
class ChoosingPartitionedSink final : public PartitionedSinkBase<K, V, Partitioner> {
 public:
  ChoosingPartitionedSink(Chooser choose, Partitioner choose_partition)
      : PartitionedSinkBase<K, V, Partitioner>(std::move(choose_partition)), choose_(std::move(choose)) {}

  void accept(const Record<K, V>& record) override {
    const std::optional<std::string> topic =
        this->guarded([&]() -> std::string { return call_with(choose_, record); });
    if (topic) this->send_to_chosen(topics_(*topic, this->context()), record);
  }

 private:
  const Chooser choose_;
  ChosenTopics topics_;
};

template <class K, class V>
void KStream<K, V>::to(std::string topic, VerbOptions options, Location where) const
  requires Transportable<K> && Transportable<V>
{
  const TopicName target{std::move(topic), /*internal=*/false};
  graph()->topology().add_sink(name_for("to", options.name), node(), {target},
                               node_factory<TopicSink<K, V>>(target), where, options.on_error);
}

template <class K, class V>
template <class Chooser>
  requires Transportable<K> && Transportable<V> && TopicChooserOver<Chooser, K, V>
void KStream<K, V>::to(VerbOptions options, Chooser choose_topic, Location where) const {
  graph()->topology().add_sink(name_for("to", options.name), node(), {},
                               node_factory<ChoosingSink<K, V, Chooser>>(std::move(choose_topic)), where,
                               options.on_error);
}

template <class K, class V>
template <class Partitioner>
  requires Transportable<K> && Transportable<V> && PartitionerOver<Partitioner, K, V>
void KStream<K, V>::to(std::string topic, VerbOptions options, Partitioner choose_partition,
                       Location where) const {
  const TopicName target{std::move(topic), /*internal=*/false};
  graph()->topology().add_sink(
      name_for("to", options.name), node(), {target},
      node_factory<PartitionedSink<K, V, Partitioner>>(target, std::move(choose_partition)), where,
      options.on_error);
}

template <class K, class V>
template <class Chooser, class Partitioner>
  requires Transportable<K> && Transportable<V> && TopicChooserOver<Chooser, K, V> &&
           PartitionerOver<Partitioner, K, V>
void KStream<K, V>::to(VerbOptions options, Chooser choose_topic, Partitioner choose_partition,
                       Location where) const {
  graph()->topology().add_sink(name_for("to", options.name), node(), {},
                               node_factory<ChoosingPartitionedSink<K, V, Chooser, Partitioner>>(
                                   std::move(choose_topic), std::move(choose_partition)),
                               where, options.on_error);
}

}  // namespace weir
