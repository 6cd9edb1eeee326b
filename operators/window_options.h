// What the options of windowed verbs mean for their stores and nodes.
#pragma once

#include <optional>
#include <string>

#include <weir/operators/graph.h>
#include <weir/operators/options.h>

namespace weir {

// What a node over windows is told.
struct WindowNodeOptions {
  std::string store;
  std::string clock;  // the name of its time
  WindowEmit emit = WindowEmit::kEveryUpdate;
  std::optional<Duration> close_when_idle = std::nullopt;
  bool like_kafka_streams = false;
};

// `stream`: what the node is to be below.
[[nodiscard]] WindowNodeOptions node_options(const GraphPoint& stream, const WindowOptions& options,
                                             const std::string& clock);

// Notes a problem if the options do not go together. `ever_close`: whether such windows do.
void check_options(const GraphPoint& stream, const WindowOptions& options, bool ever_close,
                   const Location& where);

// Returns for how long the store keeps windows that can change for so long (negative: for ever); a problem is noted if the
// user asked for too little.
[[nodiscard]] Duration retention_of(const GraphPoint& stream, Duration needed, const WindowOptions& options,
                                    const Location& where);

}  // namespace weir
