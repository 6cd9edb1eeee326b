// Whose headers a result has.
#include "oracle/topology.h"

#include <chrono>

namespace weir::oracle {
namespace headers {

using namespace std::chrono_literals;

Text first_of(const Text& value) { return first_char(value); }

KStream<Text, Text> texts(StreamBuilder& builder, const char* topic = "in") {
  return builder.stream<Text, Text>(topic);
}

void count_by_first(StreamBuilder& builder, Effects&) {
  texts(builder).group_by(first_of).count({.store = "counts"}).to_stream().to("out");
}

const Registration kHeaders({
    {"headers-map",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .map([](const Text& value) { return std::pair<Text, Text>(first_char(value), value); })
           .flat_map_values([](const Text& value) {
             return std::vector<std::string>{show(value), show(value) + "'"};
           })
           .to("out");
     }},
    {"headers-aggregate", count_by_first},
    // weir's stores hold a row's value and time; headers are those of the record that changed it.
    {"headers-aggregate-store-format", count_by_first},
    {"headers-aggregate-cached",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .flat_map_values(tokens)
           .group_by_key()
           .count({.store = "counts", .emit = Emit::kOnCommit})
           .to_stream()
           .to("out");
     }},
    {"headers-window",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .group_by_key()
           .windowed_by(tumbling({.size = 100ms, .grace = 20ms}))
           .count({.store = "w"})
           .to_stream()
           .to("out");
     }},
    {"headers-stream-table",
     [](StreamBuilder& builder, Effects&) {
       const auto right = builder.table<std::string, std::string>("right", {.store = "right"});
       texts(builder, "left")
           .left_join(right, [](const std::string& l, const Text& r) { return pair(l, r); })
           .to("out");
     }},
    {"headers-stream-join",
     [](StreamBuilder& builder, Effects&) {
       texts(builder, "left")
           .outer_join(texts(builder, "right"), {.store = "join", .within = 100ms, .grace = 20ms},
                       [](const Text& l, const Text& r) { return pair(l, r); })
           .to("out");
     }},
    {"headers-table-table",
     [](StreamBuilder& builder, Effects&) {
       const auto left = builder.table<std::string, std::string>("left", {.store = "left"});
       const auto right = builder.table<std::string, std::string>("right", {.store = "right"});
       left.outer_join(right, [](const Text& l, const Text& r) { return pair(l, r); }).to_stream().to("out");
     }},
    {"headers-foreign-key",
     [](StreamBuilder& builder, Effects&) {
       const auto left = builder.table<std::string, std::string>("left", {.store = "left"});
       const auto right = builder.table<std::string, std::string>("right", {.store = "right"});
       left.left_join(
               {.name = "fkj"}, right, [](const std::string& value) { return fk(value); },
               [](const std::string& l, const Text& r) { return pair(l, r); })
           .to_stream()
           .to("out");
     }},
});

}  // namespace headers
}  // namespace weir::oracle
