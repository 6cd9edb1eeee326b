// Several streams folded into one aggregate.
#include "oracle/topology.h"

#include <chrono>

namespace weir::oracle {
namespace cogroup {

using namespace std::chrono_literals;

std::string nothing() { return ""; }

// Adds a value with the number of the input it came from.
template <int n>
constexpr auto kNoted = [](const auto& value, const std::string& all) {
  return append(all, std::to_string(n) + ":" + show(value));
};

auto inputs(StreamBuilder& builder) {
  return builder.stream<Text, Text>("in1").group_by_key().cogroup(kNoted<1>).cogroup(
      builder.stream<Text, Long>("in2").group_by_key(), kNoted<2>);
}

template <class Windows>
void windowed(StreamBuilder& builder, const Windows& windows) {
  inputs(builder)
      .windowed_by(windows)
      .aggregate({.store = "cg", .retention = 1h}, nothing)
      .to_stream()
      .to("out");
}

const Registration kCogroup({
    {"cogroup-plain",
     [](StreamBuilder& builder, Effects&) {
       inputs(builder).aggregate({.store = "cg"}, nothing).to_stream().to("out");
     }},
    {"cogroup-three-rekeyed",
     [](StreamBuilder& builder, Effects&) {
       inputs(builder)
           .cogroup(builder.stream<Text, Text>("in3").group_by(first_char), kNoted<3>)
           .aggregate({.store = "cg"}, nothing)
           .to_stream()
           .to("out");
     }},
    {"cogroup-session",
     [](StreamBuilder& builder, Effects&) {
       inputs(builder)
           .windowed_by(session({.gap = 60ms, .grace = 40ms}))
           .aggregate({.store = "cg", .retention = 1h}, nothing, merge_sessions)
           .to_stream()
           .to("out");
     }},
    {"cogroup-tumbling",
     [](StreamBuilder& builder, Effects&) { windowed(builder, tumbling({.size = 100ms, .grace = 40ms})); }},
    {"cogroup-hopping",
     [](StreamBuilder& builder, Effects&) {
       windowed(builder, hopping({.size = 100ms, .advance = 50ms, .grace = 0ms}));
     }},
    {"cogroup-sliding", [](StreamBuilder& builder,
                           Effects&) { windowed(builder, sliding({.difference = 100ms, .grace = 40ms})); }},
});

}  // namespace cogroup
}  // namespace weir::oracle
