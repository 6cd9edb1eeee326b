#include <weir/operators/graph.h>

namespace weir {

const Graph::Source* Graph::source_of(const SourceTopics& topics) const {
  const auto found = sources_.find(topics.names());
  return found == sources_.end() ? nullptr : &found->second;
}

void Graph::remember_source(const SourceTopics& topics, const Source& source) {
  sources_.insert_or_assign(topics.names(), source);
}

const Graph::Output* Graph::output_of(const std::string& name) const {
  const auto found = outputs_.find(name);
  return found == outputs_.end() ? nullptr : &found->second;
}

void Graph::remember_output(const std::string& name, const Output& output) { outputs_.emplace(name, output); }

GraphPoint GraphPoint::extend(const std::string& verb, const VerbOptions& options, NodeFactory make,
                              const Location& where, std::vector<std::string> stores) const {
  return extend_named(name_for(verb, options.name), options.on_error, std::move(make), where,
                      std::move(stores));
}

GraphPoint GraphPoint::extend_named(const std::string& name, ErrorPolicy on_error, NodeFactory make,
                                    const Location& where, std::vector<std::string> stores) const {
  const NodeIndex added =
      graph_->topology().add_processor(name, {node_}, std::move(stores), on_error, std::move(make), where);
  return {graph_, added, rekeyed_};
}

std::string GraphPoint::name_for(const std::string& verb, const std::string& wanted) const {
  return graph_->topology().name_for(verb, wanted);
}

void GraphPoint::problem(const std::string& what, const Location& where) const {
  graph_->topology().problem(what, where);
}

}  // namespace weir
