// Tables that hold changes back.
#include <chrono>

#include "oracle/topology.h"

namespace weir::oracle {
namespace suppress {

using std::chrono_literals::operator""ms;

KGroupedStream<Text, Text> grouped(StreamBuilder& builder) {
  return builder.stream<Text, Text>("in").group_by_key();
}

auto counted(StreamBuilder& builder, Duration grace) {
  return grouped(builder).windowed_by(tumbling({.size = 100ms, .grace = grace})).count({.store = "w"});
}

auto rows(StreamBuilder& builder) {
  return builder.table<std::string, std::string>("in", {.store = "in-rows"});
}

Describe limited(const UntilTimeLimit& how) {
  return [how](StreamBuilder& builder, Effects&) { rows(builder).suppress(how).to_stream().to("out"); };
}

void final_tumbling(StreamBuilder& builder, const Duration& grace) {
  counted(builder, grace).suppress(until_window_closes({.store = "final"})).to_stream().to("out");
}

const Registration kSuppress({
    {"suppress-final-tumbling", [](StreamBuilder& builder, Effects&) { final_tumbling(builder, 50ms); }},
    {"suppress-final-grace-zero", [](StreamBuilder& builder, Effects&) { final_tumbling(builder, 0ms); }},
    {"suppress-final-hopping",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .windowed_by(hopping({.size = 100ms, .advance = 40ms, .grace = 30ms}))
           .aggregate(
               {.store = "w"}, [] { return std::string(); },
               [](const Text& value, const std::string& aggregate) { return append(aggregate, value); })
           .suppress(until_window_closes({.store = "final"}))
           .to_stream()
           .to("out");
     }},
    {"suppress-final-sliding",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .windowed_by(sliding({.difference = 100ms, .grace = 30ms}))
           .count({.store = "w", .retention = std::chrono::hours(1)})
           .suppress(until_window_closes({.store = "final"}))
           .to_stream()
           .to("out");
     }},
    {"suppress-final-session",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .windowed_by(session({.gap = 60ms, .grace = 40ms}))
           .count({.store = "w", .retention = std::chrono::hours(1)})
           .suppress(until_window_closes({.store = "final"}))
           .to_stream()
           .to("out");
     }},
    {"suppress-final-shutdown",
     [](StreamBuilder& builder, Effects&) {
       counted(builder, 20ms)
           .suppress(until_window_closes({.store = "final", .max_records = 6}))
           .to_stream()
           .to("out");
     }},
    {"suppress-time-limit", limited({.store = "held", .limit = 100ms})},
    {"suppress-time-limit-zero", limited({.store = "held", .limit = 0ms})},
    {"suppress-max-records-emit-early", limited({.store = "held", .limit = 200ms, .max_records = 3})},
    {"suppress-max-records-shutdown",
     limited({.store = "held", .limit = 15ms, .max_records = 4, .when_full = WhenFull::kFail})},
    {"suppress-windowed-emit-early",
     [](StreamBuilder& builder, Effects&) {
       counted(builder, 50ms)
           .suppress(until_time_limit({.store = "held", .limit = 80ms, .max_records = 2}))
           .to_stream()
           .to("out");
     }},
    {"suppress-then-group",
     [](StreamBuilder& builder, Effects&) {
       rows(builder)
           .suppress(until_time_limit({.store = "held", .limit = 100ms}))
           .group_by([](const std::string& key, const std::string& value) {
             return std::pair(first_char(value), kv(key, value));
           })
           .aggregate(
               {.store = "agg"}, [] { return std::string(); },
               [](const std::string& value, const std::string& group) { return plus(group, value); },
               // Perhaps from nothing, and then nothing is told of.
               [](const std::string& value, const std::string& group) { return Text(minus(group, value)); })
           .to_stream()
           .to("out");
     }},
    {"suppress-then-join",
     [](StreamBuilder& builder, Effects&) {
       const auto other = builder.table<std::string, std::string>("other", {.store = "other-rows"});
       rows(builder)
           .suppress(until_time_limit({.store = "held", .limit = 100ms}))
           .left_join(other, [](const std::string& left, const Text& right) { return pair(left, right); })
           .to_stream()
           .to("out");
     }},
    {"suppress-count",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .count({.store = "counts"})
           .suppress(until_time_limit({.store = "held", .limit = 80ms}))
           .to_stream()
           .to("out");
     }},
    {"headers-suppress", [](StreamBuilder& builder, Effects&) { final_tumbling(builder, 20ms); }},
});

}  // namespace suppress
}  // namespace weir::oracle
