#include <weir/operators/window_options.h>

#include <algorithm>

#include <fmt/format.h>

namespace weir {

WindowNodeOptions node_options(const GraphPoint& stream, const WindowOptions& options,
                               const std::string& clock) {
  return {options.store.text(), clock, options.emit, options.close_when_idle,
          stream.graph()->like_kafka_streams()};
}

void check_options(const GraphPoint& stream, const WindowOptions& options, bool ever_close,
                   const Location& where) {
  const std::string& store = options.store.text();
  const bool on_close = options.emit == WindowEmit::kOnWindowClose;
  if (on_close && !ever_close) {
    stream.problem(fmt::format("'{}' is to tell of windows when they close, but these never do", store),
                   where);
  }
  if (!options.close_when_idle) return;
  if (!on_close) {
    stream.problem(
        fmt::format("'{}' has close_when_idle, which needs .emit = WindowEmit::kOnWindowClose", store),
        where);
  }
  if (options.close_when_idle->count() <= 0) {
    stream.problem(fmt::format("'{}' has close_when_idle of {} ms; it must be positive", store,
                               options.close_when_idle->count()),
                   where);
  }
}

Duration retention_of(const GraphPoint& stream, Duration needed, const WindowOptions& options,
                      const Location& where) {
  if (needed.count() < 0) return needed;
  if (!options.retention) return needed;
  if (*options.retention < needed) {
    stream.problem(fmt::format("the store '{}' keeps windows for {} ms, but they can change for {} ms",
                               options.store.text(), options.retention->count(), needed.count()),
                   where);
  }
  return std::max(*options.retention, needed);
}

}  // namespace weir
