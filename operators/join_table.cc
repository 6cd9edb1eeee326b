#include <weir/operators/join_table.h>

namespace weir {

std::string name_for_join(const GraphPoint& stream, const GraphPoint& table, const std::string& verb,
                          const VerbOptions& options, const Location& where) {
  if (stream.graph() != table.graph())
    stream.problem(verb + ": the stream and the table come from two builders", where);
  if (stream.rekeyed() && options.name.empty()) {
    stream.problem(verb +
                       ": the stream's keys were changed, so the join needs a repartition topic; name the "
                       "join, and the " +
                       "topic is called after it: {.name = \"...\"}",
                   where);
  }
  return stream.name_for(verb, options.name);
}

GraphPoint add_join(const GraphPoint& stream, const GraphPoint& table, const std::string& name,
                    const VerbOptions& options, std::vector<std::string> stores, NodeFactory make,
                    const Location& where) {
  if (stream.graph() != table.graph()) return stream;
  const GraphPoint joined =
      stream.extend_named(name, options.on_error, std::move(make), where, std::move(stores));
  stream.graph()->topology().copartition({stream.node(), table.node()}, name, where);
  return joined;
}

}  // namespace weir
