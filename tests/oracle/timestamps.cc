// Where records' times come from.
#include <chrono>

#include "oracle/topology.h"

namespace weir::oracle {
namespace timestamps {

using namespace std::chrono_literals;

Timestamp in_value(const Text& value) { return embedded_ts(value); }
Timestamp in_value_or_partition(const Text&, const Text& value, const SourceInfo& info) {
  const Timestamp time = embedded_ts(value);
  return time >= 0 ? time : info.partition_time;
}
Text key_and_value(const Text& key, const Text& value) { return kv(key, value); }

const Registration kTimestamps({
    {"extractor-skip",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in", {.timestamp = in_value}).map_values(key_and_value).to("out");
     }},
    {"extractor-partition-time",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in", {.timestamp = in_value_or_partition})
           .map_values(key_and_value)
           .to("out");
     }},
    {"extractor-window",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in", {.timestamp = in_value})
           .group_by_key()
           .windowed_by(tumbling({.size = 100ms, .grace = 50ms}))
           .count({.store = "w"})
           .to_stream()
           .to("out");
     }},
    {"extractor-table",
     [](StreamBuilder& builder, Effects&) {
       builder.table<std::string, std::string>("in", {.store = "t"}, in_value_or_partition)
           .to_stream()
           .to("out");
     }},
    {"extractor-per-source",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in1", {.timestamp = in_value})
           .merge(builder.stream<Text, Text>("in2"))
           .map_values(key_and_value)
           .to("out");
     }},
});

}  // namespace timestamps
}  // namespace weir::oracle
