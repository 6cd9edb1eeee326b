// Windows of time: tumbling, hopping, sliding, unlimited.
#include "oracle/topology.h"

#include <chrono>

namespace weir::oracle {
namespace windows {

using namespace std::chrono_literals;

// Longer than anything a scenario plays with.
constexpr Duration kLong = 1h;

std::string nothing() { return ""; }
std::string concatenated(const std::string& all, const Text& value) { return concat(all, value); }

template <class V = Text>
auto grouped(StreamBuilder& builder) {
  return builder.stream<Text, V>("in").group_by_key();
}

template <class Windows>
void count(StreamBuilder& builder, const Windows& windows, WindowOptions options = {.store = "w"}) {
  grouped(builder).windowed_by(windows).count(std::move(options)).to_stream().to("out");
}
template <class Windows>
void aggregate(StreamBuilder& builder, const Windows& windows, WindowOptions options = {.store = "w"}) {
  grouped(builder)
      .windowed_by(windows)
      .aggregate(std::move(options), nothing,
                 [](const auto& value, const std::string& all) { return append(all, value); })
      .to_stream()
      .to("out");
}

WindowOptions finals() { return {.store = "w", .emit = WindowEmit::kOnWindowClose, .retention = kLong}; }

const Registration kTimeWindows({
    {"tumbling-count",
     [](StreamBuilder& builder, Effects&) { count(builder, tumbling({.size = 100ms, .grace = 0ms})); }},
    {"tumbling-count-grace",
     [](StreamBuilder& builder, Effects&) { count(builder, tumbling({.size = 100ms, .grace = 50ms})); }},
    {"tumbling-null-values",
     [](StreamBuilder& builder, Effects&) { count(builder, tumbling({.size = 100ms, .grace = 50ms})); }},
    {"tumbling-reduce-sum",
     [](StreamBuilder& builder, Effects&) {
       grouped<Long>(builder)
           .windowed_by(tumbling({.size = 100ms, .grace = 50ms}))
           .reduce({.store = "w"}, sum)
           .to_stream()
           .to("out");
     }},
    {"tumbling-aggregate",
     [](StreamBuilder& builder, Effects&) { aggregate(builder, tumbling({.size = 100ms, .grace = 50ms})); }},
    {"hopping-count",
     [](StreamBuilder& builder, Effects&) {
       count(builder, hopping({.size = 100ms, .advance = 40ms, .grace = 0ms}));
     }},
    {"hopping-aggregate-grace",
     [](StreamBuilder& builder, Effects&) {
       aggregate(builder, hopping({.size = 100ms, .advance = 50ms, .grace = 60ms}));
     }},
    {"hopping-reduce",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .windowed_by(hopping({.size = 100ms, .advance = 30ms, .grace = 20ms}))
           .reduce({.store = "w"}, concatenated)
           .to_stream()
           .to("out");
     }},
    {"hopping-in-memory",
     [](StreamBuilder& builder, Effects&) {
       count(builder, hopping({.size = 100ms, .advance = 50ms, .grace = 60ms}),
             {.store = "w", .retention = 1000ms, .persistent = false});
     }},
    {"tumbling-count-final",
     [](StreamBuilder& builder, Effects&) {
       count(builder, tumbling({.size = 100ms, .grace = 0ms}), finals());
     }},
    {"tumbling-aggregate-final-grace",
     [](StreamBuilder& builder, Effects&) {
       aggregate(builder, tumbling({.size = 100ms, .grace = 50ms}), finals());
     }},
    {"hopping-count-final",
     [](StreamBuilder& builder, Effects&) {
       count(builder, hopping({.size = 100ms, .advance = 40ms, .grace = 30ms}), finals());
     }},
    {"tumbling-after-rekey",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in")
           .select_key(first_char)
           .group_by_key()
           .windowed_by(tumbling({.size = 100ms, .grace = 40ms}))
           .count({.store = "w"})
           .to_stream()
           .to("out");
     }},
    {"windowed-then-rekey",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .windowed_by(tumbling({.size = 100ms, .grace = 30ms}))
           .count({.store = "w"})
           .to_stream()
           .map([](const Windowed<std::string>& key, std::int64_t count) {
             return std::pair("w" + std::to_string(key.window.start), count);
           })
           .group_by_key()
           .reduce({.store = "max"}, [](std::int64_t a, std::int64_t b) { return std::max(a, b); })
           .to_stream()
           .to("out");
     }},
    {"tumbling-count-cached",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in")
           .flat_map_values(tokens)
           .group_by_key()
           .windowed_by(hopping({.size = 100ms, .advance = 50ms, .grace = 30ms}))
           // Kafka Streams' record cache shows windows that its store has expired.
           .count({.store = "w", .emit = WindowEmit::kOnCommit, .retention = kLong})
           .to_stream()
           .to("out");
     }},
    {"windowed-table-filter",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .windowed_by(tumbling({.size = 100ms, .grace = 50ms}))
           .count({.store = "w", .retention = kLong})
           .filter([](std::int64_t count) { return count >= 2; })
           .map_values([](std::int64_t count) { return count * 10; })
           .to_stream()
           .to("out");
     }},
    {"unlimited-count",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .windowed_by(unlimited({.start = 150}))
           .count({.store = "w"})
           .to_stream()
           .select_key([](const Windowed<std::string>& key, std::int64_t) {
             return key.key + "@" + std::to_string(key.window.start);
           })
           .to("out");
     }},
});

const Registration kSliding({
    {"sliding-count",
     [](StreamBuilder& builder, Effects&) {
       count(builder, sliding({.difference = 100ms, .grace = 0ms}), {.store = "w", .retention = kLong});
     }},
    {"sliding-aggregate-grace",
     [](StreamBuilder& builder, Effects&) {
       aggregate(builder, sliding({.difference = 100ms, .grace = 80ms}), {.store = "w", .retention = kLong});
     }},
    {"sliding-reduce-sum",
     [](StreamBuilder& builder, Effects&) {
       grouped<Long>(builder)
           .windowed_by(sliding({.difference = 100ms, .grace = 50ms}))
           .reduce({.store = "w", .retention = kLong}, sum)
           .to_stream()
           .to("out");
     }},
    {"sliding-count-final",
     [](StreamBuilder& builder, Effects&) {
       count(builder, sliding({.difference = 100ms, .grace = 30ms}), finals());
     }},
});

}  // namespace windows
}  // namespace weir::oracle
