// to writes a stream to a topic, which must exist. It may be called any number of times; the stream goes on.
//
//   orders.to("all-orders");
//   orders.to([](const Order& order) { return "orders-" + order.country; });
//
// Key, value, time and headers go along; the partition is the one Kafka's own clients choose for the key (for the key of a
// window: for the key without the window). A type that cannot be sent stops at Transportable: it needs a weir::Serde, see
// <weir/core/serde.h>. The chooser is a TopicChooserOver: text(value), text(key, value) or text(key, value, info).
#pragma once

#include <map>
#include <string>
#include <utility>

#include <weir/operators/sink.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Chooser>
class ChoosingSink final : public SinkBase<K, V> {
 public:
  explicit ChoosingSink(Chooser choose) : choose_(std::move(choose)) {}

  void accept(const Record<K, V>& record) override {
    const std::optional<std::string> topic =
        this->guarded([&]() -> std::string { return call_with(choose_, record); });
    if (topic) this->send(output(*topic), record);
  }

 private:
  const OutputTopic& output(const std::string& topic) {
    const auto known = outputs_.find(topic);
    if (known != outputs_.end()) return known->second;
    return outputs_.emplace(topic, this->context().output(topic)).first->second;
  }

  const Chooser choose_;
  std::map<std::string, OutputTopic> outputs_;
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

}  // namespace weir
