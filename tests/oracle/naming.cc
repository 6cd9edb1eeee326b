// Names, and topologies of several parts. What is compared is what they write: names of internal topics are weir's own.
#include "oracle/topology.h"

#include <chrono>

namespace weir::oracle {
namespace naming {

using namespace std::chrono_literals;

Text first_of(const Text& value) { return first_char(value); }
Text upper_of(const Text& value) { return upper(value); }
std::string nothing() { return ""; }
std::string appended(const std::string& value, const std::string& list) { return append(list, value); }

KStream<Text, Text> texts(StreamBuilder& builder, const char* topic = "in") {
  return builder.stream<Text, Text>(topic);
}

Describe count_by_first(const char* group, const char* store) {
  return [group, store](StreamBuilder& builder, Effects&) {
    texts(builder).group_by({.name = group}, first_of).count({.store = store}).to_stream().to("out");
  };
}

void named_stateless(StreamBuilder& builder, Effects& effects) {
  builder.stream<Text, Text>("in", {.name = "my-source"})
      .filter({.name = "my-filter"}, [](const Text& value) { return value.has_value(); })
      .map_values({.name = "my-map"}, upper_of)
      .select_key({.name = "my-key"}, first_of)
      .peek({.name = "my-peek"},
            [&effects](const Text& key, const Text& value) { effects.record("peek", key, value); })
      .to("out", {.name = "my-sink"});
}

void named_branches(StreamBuilder& builder, Effects&) {
  const auto parts = texts(builder)
                         .split({.name = "b"})
                         .branch("a", [](const Text& value) { return starts_with(value, "a"); })
                         .default_branch("rest");
  parts["a"].map_values(upper_of).to("out-a");
  parts["rest"].to("out-rest");
}

void pipeline(StreamBuilder& builder, Effects&) {
  const auto customers = builder.table<std::string, std::string>("customers", {.store = "customers-store"});
  const auto orders =
      texts(builder, "orders").filter([](const Text& value) { return fk(value).has_value(); });
  orders.to("audit");
  const auto enriched = orders.select_key([](const Text& value) { return fk(value); })
                            .left_join({.name = "enrich"}, customers,
                                       [](const std::string& order, const Text& customer) -> Text {
                                         return pair(order, customer);
                                       });
  enriched.to("out");
  enriched.group_by_key({.name = "per-customer"}).count({.store = "totals-store"}).to_stream().to("totals");
}

void three_stages(StreamBuilder& builder, Effects&) {
  const auto first =
      texts(builder).group_by({.name = "stage1"}, first_of).count({.store = "first"}).to_stream();
  const auto second = first.select_key([](std::int64_t count) { return parity(count); })
                          .map_values([](std::int64_t count) { return show(count); })
                          .group_by_key({.name = "stage2"})
                          .aggregate({.store = "second"}, nothing, appended)
                          .to_stream();
  second.to("out");
  second.select_key([](const std::string& value) { return "len" + std::to_string(value.size() % 3); })
      .group_by_key({.name = "stage3"})
      .windowed_by(tumbling({.size = 100ms, .grace = 20ms}))
      .count({.store = "third"})
      .to_stream()
      .to("windows");
}

void named_joins(StreamBuilder& builder, Effects&) {
  const auto both = [](const std::string& l, const std::string& r) { return pair(l, r); };
  const auto table = builder.table<std::string, std::string>("table", {.store = "table"});
  texts(builder, "left")
      .select_key(first_of)
      .join(texts(builder, "right").select_key(first_of),
            {.store = "ssj-store", .name = "ssj", .within = 80ms, .grace = 20ms}, both)
      .join({.name = "stj"}, table, both)
      .to("out");
}

void everything(StreamBuilder& builder, Effects&) {
  const auto both = [](const std::string& l, const Text& r) { return pair(l, r); };
  const auto users = builder.table<std::string, std::string>("users", {.store = "users-rows"});
  const auto regions = builder.table<std::string, std::string>("regions", {.store = "g"});
  const auto user_regions = users.left_join(
      {.store = "user-region", .name = "ur"}, regions, [](const std::string& user) { return fk(user); },
      both);
  const auto clicks = texts(builder, "clicks").left_join(user_regions, both);
  clicks.filter([](const std::string& value) { return value.ends_with("null"); }).to("alerts");
  clicks
      .group_by(
          {.name = "by-region"},
          [](const std::string& value) { return value.size() > 5 ? value.substr(value.size() - 5) : value; })
      .windowed_by(tumbling({.size = 100ms, .grace = 30ms}))
      .count({.store = "w"})
      .suppress(until_window_closes({.store = "final"}))
      .to_stream()
      .to("out");
}

const Registration kNaming({
    {"named-stateless", named_stateless},
    {"named-grouping", count_by_first("by-first", "counts")},
    {"unnamed-grouping", count_by_first("", "counts")},
    {"named-materialized", count_by_first("", "my-store")},
    {"named-branches", named_branches},
    {"named-joins", named_joins},
    {"structure-pipeline", pipeline},
    {"structure-three-stages", three_stages},
    {"structure-everything", everything},
    {"structure-independent",
     [](StreamBuilder& builder, Effects&) {
       texts(builder, "in1").group_by_key().count({.store = "n"}).to_stream().to("out1");
       texts(builder, "in2").map_values(upper_of).to("out2");
     }},
});

}  // namespace naming
}  // namespace weir::oracle
