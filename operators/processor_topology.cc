#include <weir/operators/processor_topology.h>

#include <fmt/format.h>

namespace weir {

void ProcessorTopology::connect(const std::string& processor, const std::vector<StoreReference>& stores,
                                Location where) {
  const Graph::Output* known = graph_->output_of(processor);
  if (known == nullptr) {
    graph_->topology().problem(fmt::format("there is no processor '{}' to connect to a store", processor),
                               where);
    return;
  }
  graph_->topology().connect_stores(known->node, names_of(stores));
}

void ProcessorTopology::add_parent(const std::string& node, const GraphPoint& parent,
                                   std::vector<NodeIndex>& nodes, const Location& where) {
  if (parent.graph() == graph_) {
    nodes.push_back(parent.node());
  } else {
    graph_->topology().problem(fmt::format("node '{}' takes records from a stream of another builder", node),
                               where);
  }
}

void ProcessorTopology::add_parent(const std::string& node, const std::string& parent, std::type_index key,
                                   std::type_index value, std::vector<NodeIndex>& nodes,
                                   const Location& where) {
  const Graph::Output* known = graph_->output_of(parent);
  if (known == nullptr) {
    graph_->topology().problem(
        fmt::format("node '{}' takes records from '{}', which was not added before", node, parent), where);
  } else if (known->key != key || known->value != value) {
    graph_->topology().problem(
        fmt::format("node '{}' takes records of other types than '{}' emits", node, parent), where);
  } else {
    nodes.push_back(known->node);
  }
}

}  // namespace weir
