#include <weir/operators/store_access.h>

#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir {

void wrong_store_type(const Node& node, const StateStore& store) {
  const StoreSpec& spec = store.spec();
  throw ProcessingFailure{fatal_error(
      fmt::format("the store '{}' that node '{}' asks for is of another type: it is a {} store of {} to {}",
                  spec.name, node.name(), spec.kind, spec.key_format, spec.value_format))};
}

void check_versioned(const GraphPoint& table, const std::string& verb, const TableOptions& options,
                     const Location& where) {
  const auto problem = [&](const std::string& what) { table.problem(verb + ": " + what, where); };
  if (options.emit != Emit::kEveryUpdate) problem("a table with a history tells of every update at once");
  if (options.max_rows != 0) problem("a table with a history cannot forget rows by their number");
}

StoreOptions store_options(const TableOptions& options) {
  StoreOptions result;
  result.persistent = options.persistent;
  result.logged = options.logged;
  result.max_rows = options.max_rows;
  return result;
}

StoreOptions store_options(const ViewOptions& options) {
  StoreOptions result;
  result.persistent = options.persistent;
  result.logged = options.logged;
  return result;
}

StoreOptions store_options(const WindowOptions& options) {
  StoreOptions result;
  result.persistent = options.persistent;
  result.logged = options.logged;
  return result;
}

}  // namespace weir
