// Record by record: the verbs that keep nothing.
#include "oracle/topology.h"

namespace weir::oracle {
namespace stateless {

Text key_and_value(const Text& key, const Text& value) { return kv(key, value); }
Text first_of(const Text& value) { return first_char(value); }
Text upper_of(const Text& value) { return upper(value); }
const auto kBeginsWith = [](const char* prefix) {
  return [prefix](const Text& value) { return starts_with(value, prefix); };
};

KStream<Text, Text> texts(StreamBuilder& builder, const char* topic = "in") {
  return builder.stream<Text, Text>(topic);
}
KStream<Text, Long> numbers(StreamBuilder& builder) { return builder.stream<Text, Long>("in"); }

std::vector<std::pair<Text, Long>> several(const Text& key, const Long& value) {
  std::vector<std::pair<Text, Long>> records;
  if (!value) return records;
  const std::int64_t count = ((*value % 4) + 4) % 4;
  for (std::int64_t i = 0; i < count; ++i) {
    records.emplace_back(show(key) + "." + std::to_string(i), *value * 10 + i);
  }
  return records;
}

auto look(Effects& effects, std::string name) {
  return [&effects, name = std::move(name)](const Text& key, const Long& value) {
    effects.record(name, key, value);
  };
}

void split_overlap_map(StreamBuilder& builder, Effects&) {
  const auto parts = numbers(builder)
                         .split({.name = "sp"})
                         .branch("big", [](const Long& value) { return value && *value > 10; })
                         .branch("even", even)
                         .default_branch("rest");
  const auto hundredfold =
      parts["even"].map_values([](const Long& value) -> Long { return value ? Long(*value * 100) : value; });
  parts["big"].merge(hundredfold).merge(parts["rest"]).to("out");
}

void merge_diamond(StreamBuilder& builder, Effects&) {
  const auto source = numbers(builder);
  const auto filtered = source.filter(even);
  const auto mapped =
      source.map_values([](const Long& value) -> Long { return value ? Long(*value + 1000) : value; });
  filtered.merge(mapped).to("out");
}

void chain(StreamBuilder& builder, Effects&) {
  numbers(builder)
      .filter_not([](const Long& value) { return !value; })
      .map_values([](const Long& value) -> Long { return *value * 3; })
      .select_key([](const Long& value) -> Text { return parity(value); })
      .filter([](const Text& key, const Long& value) { return key == "even" || *value > 10; })
      .map([](const Text& key, const Long& value) { return std::pair<Text, Text>(*key + "!", show(value)); })
      .map_values([](const Text& value) { return suffix(value, "?"); })
      .to("out");
}

void fan_out(StreamBuilder& builder, Effects&) {
  const auto source = numbers(builder);
  source.to("out1");
  source.map_values([](const Text& key, const Long& value) -> Text { return kv(key, value); }).to("out2");
  source.filter(even).to("out3");
}

const Registration kStateless({
    {"filter", [](StreamBuilder& builder, Effects&) { numbers(builder).filter(even).to("out"); }},
    {"filter-not", [](StreamBuilder& builder, Effects&) { numbers(builder).filter_not(even).to("out"); }},
    {"map",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .map([](const Text& key, const Text& value) {
             return std::pair<Text, Text>(first_char(value), kv(key, value));
           })
           .to("out");
     }},
    {"map-values", [](StreamBuilder& builder, Effects&) { texts(builder).map_values(upper_of).to("out"); }},
    {"map-values-with-key",
     [](StreamBuilder& builder, Effects&) { texts(builder).map_values(key_and_value).to("out"); }},
    {"flat-map", [](StreamBuilder& builder, Effects&) { numbers(builder).flat_map(several).to("out"); }},
    {"flat-map-values",
     [](StreamBuilder& builder, Effects&) { texts(builder).flat_map_values(tokens).to("out"); }},
    {"peek",
     [](StreamBuilder& builder, Effects& effects) {
       numbers(builder).peek(look(effects, "before")).filter(even).peek(look(effects, "after")).to("out");
     }},
    {"foreach", [](StreamBuilder& builder,
                   Effects& effects) { numbers(builder).filter(even).for_each(look(effects, "seen")); }},
    {"select-key", [](StreamBuilder& builder, Effects&) { texts(builder).select_key(first_of).to("out"); }},
    {"split-default",
     [](StreamBuilder& builder, Effects&) {
       const auto parts = texts(builder)
                              .split()
                              .branch("a", kBeginsWith("a"))
                              .branch("b", kBeginsWith("b"))
                              .default_branch("rest");
       parts["a"].to("out-a");
       parts["b"].to("out-b");
       parts["rest"].to("out-rest");
     }},
    {"split-no-default",
     [](StreamBuilder& builder, Effects&) {
       const auto parts =
           texts(builder).split().branch("a", kBeginsWith("a")).branch("b", kBeginsWith("b")).no_default();
       parts["a"].to("out-a");
       parts["b"].to("out-b");
     }},
    {"split-overlap-map", split_overlap_map},
    {"merge",
     [](StreamBuilder& builder, Effects&) { texts(builder, "in1").merge(texts(builder, "in2")).to("out"); }},
    {"merge-diamond", merge_diamond},
    {"through-topic",
     [](StreamBuilder& builder, Effects&) {
       texts(builder).map_values(upper_of).to("mid");
       texts(builder, "mid").map_values([](const Text& value) { return suffix(value, "!"); }).to("out");
     }},
    {"repartition",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .select_key(first_of)
           .repartition({.name = "rp"})
           .map_values([](const std::string& key, const Text& value) { return kv(key, value); })
           .to("out");
     }},
    {"repartition-unnamed-twice",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .repartition({.name = "first", .partitions = 4})
           .select_key(first_of)
           .repartition({.name = "second"})
           .to("out");
     }},
    {"to-dynamic",
     [](StreamBuilder& builder, Effects&) {
       texts(builder).to([](const Text& value) { return starts_with(value, "a") ? "out-a" : "out-other"; });
     }},
    {"multi-topic-source",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>({"in1", "in2"}).map_values(key_and_value).to("out");
     }},
    {"pattern-source",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>(TopicPattern("in[0-9]")).map_values(key_and_value).to("out");
     }},
    {"chain", chain},
    {"fan-out", fan_out},
});

}  // namespace stateless
}  // namespace weir::oracle
