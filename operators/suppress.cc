#include <weir/operators/suppress.h>

#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir {

void too_much_is_held_back(const Node& node, const DueIndex& index) {
  throw ProcessingFailure{fatal_error(
      fmt::format("'{}' holds back more than it may: records={} bytes={}; the limit is .max_records or "
                  ".max_bytes of the suppress",
                  node.name(), index.records(), index.bytes()))};
}

void check_suppression(const GraphPoint& table, const Suppression& how, bool versioned,
                       const Location& where) {
  if (versioned) {
    table.problem("suppress: a versioned table's changes cannot be held back, since they may be out of order",
                  where);
  }
  if (how.wait.count() < 0) table.problem("suppress: .limit must not be negative", where);
}

Duration wait_for_windows(const GraphPoint& table, std::optional<Duration> window_grace,
                          const Location& where) {
  if (!window_grace) {
    table.problem(
        "suppress: nobody knows when these windows close: until_window_closes is for tables that windowed_by "
        "made "
        "in this program, of windows that do close",
        where);
  }
  return window_grace.value_or(Duration(0));
}

}  // namespace weir
