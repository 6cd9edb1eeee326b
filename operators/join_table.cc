#include <weir/operators/join_table.h>

#include <fmt/format.h>

namespace weir {

std::string name_for_join(const GraphPoint& stream, const GraphPoint& table, const std::string& verb,
                          const JoinTableOptions& options, const Location& where) {
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

void check_join(const GraphPoint& stream, const std::string& verb, const JoinTableOptions& options,
                std::optional<Duration> history, const Location& where) {
  if (!options.grace) {
    if (options.store) {
      stream.problem(verb +
                         ": the store is for records that wait, and without a grace none do: {.store = "
                         "\"...\", .grace = ...}",
                     where);
    }
    return;
  }
  if (options.grace->count() < 0) stream.problem(verb + ": .grace must not be negative", where);
  if (!options.store) {
    stream.problem(verb + ": records that wait need a store: {.store = \"...\", .grace = ...}", where);
  }
  if (!history) {
    stream.problem(verb + ": a grace needs a table that keeps its history", where);
  } else if (history->count() >= 0 && *history < *options.grace) {
    stream.problem(
        fmt::format("{}: the table keeps its history for {} ms, which is less than the grace of {} ms", verb,
                    history->count(), options.grace->count()),
        where);
  }
}

GraphPoint add_join(const GraphPoint& stream, const GraphPoint& table, const std::string& name,
                    const JoinTableOptions& options, std::vector<std::string> stores, NodeFactory make,
                    const Location& where) {
  if (stream.graph() != table.graph()) return stream;
  const GraphPoint joined =
      stream.extend_named(name, options.on_error, std::move(make), where, std::move(stores));
  stream.graph()->topology().copartition({stream.node(), table.node()}, name, where);
  return joined;
}

}  // namespace weir
