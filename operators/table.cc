#include <weir/operators/table_view.h>

namespace weir {

void rows_are_missing(const GraphPoint& reader, const std::string& verb, const Location& where) {
  reader.problem(verb +
                     ": it needs the rows of a table that keeps none; give the table a store where it is "
                     "made: {.store = \"...\"}",
                 where);
}

void view_has_no_bytes(const GraphPoint& table, const std::string& verb, const std::string& store,
                       const Location& where) {
  table.problem(verb + ": the store '" + store + "' cannot keep this key or value: it has no weir::Serde",
                where);
}

}  // namespace weir
