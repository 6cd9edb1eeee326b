#include <weir/operators/windowed_cogroup.h>

namespace weir {

void check_cogroup_options(const GraphPoint& stream, const WindowOptions& options, bool by_time,
                           const Location& where) {
  if (options.emit == WindowEmit::kOnWindowClose && !by_time) {
    stream.problem(
        "'" + options.store.text() +
            "' is to tell of windows when they close, which a cogroup cannot in windows of this kind",
        where);
  }
  if (options.close_when_idle) {
    stream.problem("'" + options.store.text() + "' has close_when_idle, which a cogroup cannot have", where);
  }
}

}  // namespace weir
