#include <weir/operators/table.h>

namespace weir {

void rows_are_missing(const GraphPoint& reader, const std::string& verb, const Location& where) {
  reader.problem(verb +
                     ": it needs the rows of a table that keeps none; give the table a store where it is "
                     "made: {.store = \"...\"}",
                 where);
}

}  // namespace weir
