// Sessions.
#include "oracle/topology.h"

#include <chrono>

namespace weir::oracle {
namespace sessions {

using namespace std::chrono_literals;

// Longer than anything a scenario plays with.
constexpr Duration kLong = 1h;

std::string nothing() { return ""; }

WindowOptions kept(WindowEmit emit = WindowEmit::kEveryUpdate) {
  return {.store = "w", .emit = emit, .retention = kLong};
}

void count(StreamBuilder& builder, const SessionWindows& windows, const WindowOptions& options = kept()) {
  builder.stream<Text, Text>("in").group_by_key().windowed_by(windows).count(options).to_stream().to("out");
}

void aggregate(StreamBuilder& builder, const SessionWindows& windows, const WindowOptions& options = kept()) {
  builder.stream<Text, Text>("in")
      .group_by_key()
      .windowed_by(windows)
      .aggregate(
          options, nothing, [](const Text& value, const std::string& all) { return append(all, value); },
          merge_sessions)
      .to_stream()
      .to("out");
}

const Registration kSessions({
    {"session-count",
     [](StreamBuilder& builder, Effects&) { count(builder, session({.gap = 60ms, .grace = 0ms})); }},
    {"quirk-session-default-retention",
     [](StreamBuilder& builder, Effects&) {
       count(builder, session({.gap = 60ms, .grace = 0ms}), {.store = "w"});
     }},
    {"session-gap-one",
     [](StreamBuilder& builder, Effects&) { count(builder, session({.gap = 1ms, .grace = 40ms})); }},
    {"session-aggregate-grace",
     [](StreamBuilder& builder, Effects&) { aggregate(builder, session({.gap = 60ms, .grace = 50ms})); }},
    {"session-reduce-sum",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Long>("in")
           .group_by_key()
           .windowed_by(session({.gap = 60ms, .grace = 30ms}))
           .reduce(kept(), sum)
           .to_stream()
           .to("out");
     }},
    {"session-count-final",
     [](StreamBuilder& builder, Effects&) {
       count(builder, session({.gap = 60ms, .grace = 40ms}), kept(WindowEmit::kOnWindowClose));
     }},
    {"session-aggregate-final",
     [](StreamBuilder& builder, Effects&) {
       aggregate(builder, session({.gap = 60ms, .grace = 0ms}), kept(WindowEmit::kOnWindowClose));
     }},
    {"session-count-cached",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in")
           .flat_map_values(tokens)
           .group_by_key()
           .windowed_by(session({.gap = 60ms, .grace = 30ms}))
           .count(kept(WindowEmit::kOnCommit))
           .to_stream()
           .to("out");
     }},
});

}  // namespace sessions
}  // namespace weir::oracle
