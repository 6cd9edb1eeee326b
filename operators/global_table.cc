#include <weir/operators/global_table.h>

namespace weir {

void add_global(Graph& graph, const std::string& verb, const std::string& topic, const GlobalOptions& options,
                StoreSpec store, NodeFactory source, NodeFactory keep, const Location& where) {
  TopologyBuilder& topology = graph.topology();
  const std::string name = topology.name_for(verb, options.name);
  topology.add_store(std::move(store), state_engine(), where);
  const NodeIndex reader =
      topology.add_source(name + "-source", {{topic}}, options.on_error, std::move(source), where);
  const NodeIndex keeper = topology.add_processor(name, {reader}, {options.store.text()}, options.on_error,
                                                  std::move(keep), where);
  topology.make_global(reader);
  topology.make_global(keeper);
}

}  // namespace weir
