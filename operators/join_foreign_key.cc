#include <weir/operators/join_foreign_key.h>

#include <weir/operators/source.h>

namespace weir {
namespace {

RepartitionTopic between(const TopicName& topic, NodeIndex sink, NodeIndex like, const Location& where) {
  RepartitionTopic repartition;
  repartition.name = topic.name;
  repartition.sink = sink;
  repartition.like = like;
  repartition.where = where;
  return repartition;
}

}  // namespace

TopicName registration_topic(const ForeignKeyOptions& options) {
  return {options.name.text() + "-subscription-registration", /*internal=*/true};
}

TopicName response_topic(const ForeignKeyOptions& options) {
  return {options.name.text() + "-subscription-response", /*internal=*/true};
}

std::string subscription_store(const ForeignKeyOptions& options) {
  return options.name.text() + "-subscriptions";
}

StoreOptions store_options(const ForeignKeyOptions& options) {
  return {.persistent = options.persistent, .logged = options.logged};
}

GraphPoint add_foreign_key_join(const GraphPoint& left, const GraphPoint& right, const std::string& verb,
                                const ForeignKeyOptions& options, ForeignKeyNodes nodes,
                                const Location& where) {
  if (left.graph() != right.graph()) {
    left.problem(verb + ": the tables come from two builders", where);
    return left;
  }
  TopologyBuilder& topology = left.graph()->topology();
  const std::string& name = options.name.text();
  const ErrorPolicy on_error = options.on_error;
  const std::string store = subscription_store(options);
  const TopicName registration = registration_topic(options);
  const TopicName response = response_topic(options);
  // Without its changelog the right side would forget who asked.
  topology.add_store(key_value_store_spec<Bytes, Bytes>(store, {.persistent = options.persistent}),
                     state_engine(), where);

  const NodeIndex asking = topology.add_sink(name + "-registration-sink", left.node(), {registration},
                                             std::move(nodes.to_registration), where, on_error);
  const NodeIndex asked =
      topology.add_source(name + "-registration-source", {registration}, on_error,
                          node_factory<TypedSource<std::optional<Bytes>, Bytes>>(), where);
  std::vector<std::string> reads = std::move(nodes.subscribe_reads);
  reads.push_back(store);
  const NodeIndex subscribe = topology.add_processor(name + "-subscribe", {asked}, std::move(reads), on_error,
                                                     std::move(nodes.subscribe), where);
  const NodeIndex tell =
      topology.add_processor(name + "-tell", {right.node()}, {store}, on_error, std::move(nodes.tell), where);
  const NodeIndex answering =
      topology.add_sink(name + "-response-sink", std::vector<NodeIndex>{subscribe, tell}, {response},
                        node_factory<AnswerSink>(response), where, on_error);
  const NodeIndex answered = topology.add_source(name + "-response-source", {response}, on_error,
                                                 node_factory<TypedSource<Bytes, Bytes>>(), where);
  const NodeIndex resolve =
      topology.add_processor(name + "-resolve", {answered}, std::move(nodes.resolve_reads), on_error,
                             std::move(nodes.resolve), where);
  const NodeIndex keep =
      topology.add_processor(name, {resolve}, std::move(nodes.keeps), on_error, std::move(nodes.keep), where);

  topology.add_repartition(between(registration, asking, right.node(), where));
  topology.add_repartition(between(response, answering, left.node(), where));
  topology.copartition({asked, right.node()}, name, where);
  topology.copartition({answered, left.node()}, name, where);
  return {left.graph(), keep, /*rekeyed=*/false};
}

}  // namespace weir
