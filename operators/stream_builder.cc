#include <weir/operators/stream_builder.h>

namespace weir {

std::optional<GraphPoint> StreamBuilder::known_source(const SourceTopics& topics, std::type_index key,
                                                      std::type_index value) const {
  const Graph::Source* source = graph_->source_of(topics);
  if (source == nullptr || source->key != key || source->value != value) return std::nullopt;
  return GraphPoint(graph_, source->node, /*rekeyed=*/false);
}

GraphPoint StreamBuilder::add_source(const SourceTopics& topics, const std::string& verb,
                                     const std::string& name, ErrorPolicy on_error, NodeFactory make,
                                     std::type_index key, std::type_index value, const Location& where) {
  TopologyBuilder& topology = graph_->topology();
  const std::string chosen = verb.empty() ? name : topology.name_for(verb, name);
  const std::vector<TopicName> names(topics.names().begin(), topics.names().end());
  const NodeIndex node =
      topics.pattern()
          ? topology.add_pattern_source(chosen, *topics.pattern(), on_error, std::move(make), where)
          : topology.add_source(chosen, names, on_error, std::move(make), where);
  graph_->remember_source(topics, {node, key, value, where});
  return {graph_, node, /*rekeyed=*/false};
}

GraphPoint StreamBuilder::with_window_ends(const SourceTopics& topics, const GraphPoint& source,
                                           NodeFactory make) {
  Graph::Source known = *graph_->source_of(topics);
  const std::string name = graph_->topology().node(source.node()).name + "-windows";
  const GraphPoint added = source.extend_named(name, ErrorPolicy::kInherit, std::move(make), known.where);
  known.node = added.node();
  graph_->remember_source(topics, known);
  return added;
}

void StreamBuilder::add_store(StoreSpec spec, const Location& where) {
  graph_->topology().add_store(std::move(spec), state_engine(), where);
}

absl::StatusOr<Topology> StreamBuilder::build() const { return graph_->topology().build(); }

}  // namespace weir
