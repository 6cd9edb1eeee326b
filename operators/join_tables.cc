#include <weir/operators/join_tables.h>

#include <algorithm>

namespace weir {

GraphPoint add_join_of_tables(const GraphPoint& left, const GraphPoint& right, const std::string& verb,
                              const ViewOptions& options, JoinTablesNodes nodes, const Location& where) {
  if (left.graph() != right.graph()) {
    left.problem(verb + ": the tables come from two builders", where);
    return left;
  }
  const std::string name = left.name_for(verb, options.name);
  const GraphPoint from_left = left.extend_named(name + "-left", options.on_error, std::move(nodes.left),
                                                 where, std::move(nodes.left_reads));
  const GraphPoint from_right = right.extend_named(name + "-right", options.on_error, std::move(nodes.right),
                                                   where, std::move(nodes.right_reads));
  TopologyBuilder& topology = left.graph()->topology();
  const NodeIndex both =
      topology.add_processor(name, {from_left.node(), from_right.node()}, std::move(nodes.keeps),
                             options.on_error, std::move(nodes.both), where);
  topology.copartition({left.node(), right.node()}, name, where);
  return {left.graph(), both, /*rekeyed=*/false};
}

std::vector<std::string> united(std::vector<std::string> one, const std::vector<std::string>& other) {
  for (const std::string& name : other) {
    if (std::find(one.begin(), one.end(), name) == one.end()) one.push_back(name);
  }
  return one;
}

}  // namespace weir
