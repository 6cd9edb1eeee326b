// Tables: read from topics, seen through views, grouped, and with their history.
#include "oracle/topology.h"

namespace weir::oracle {
namespace tables {

using Texts = KTable<std::string, std::string>;
using Numbers = KTable<std::string, std::int64_t>;

Texts texts(StreamBuilder& builder, SourceTableOptions options = {}) {
  return builder.table<std::string, std::string>("in", std::move(options));
}
Numbers numbers(StreamBuilder& builder, SourceTableOptions options = {}) {
  return builder.table<std::string, std::int64_t>("in", std::move(options));
}

Text add(const std::string& value, const std::string& aggregate) { return plus(aggregate, value); }
Text subtract(const std::string& value, const std::string& aggregate) { return minus(aggregate, value); }
std::string nothing() { return ""; }

// | groupBy(mapper) | aggregate(init "", adder plus, subtractor minus, store "agg") | toStream -> out
template <class Table, class Mapper>
void fold_groups(const Table& table, Mapper mapper, Emit emit = Emit::kEveryUpdate) {
  table.group_by(mapper)
      .aggregate({.store = "agg", .emit = emit}, nothing, add, subtract)
      .to_stream()
      .to("out");
}

std::pair<Text, std::string> by_first_char(const std::string& key, const std::string& value) {
  return {first_char(value), kv(key, value)};
}

// Counts how often it was asked about each key, in the store "seen".
class Asked final : public TableTransformer<std::string, std::string, std::string> {
 public:
  void open(Context& context) override {
    seen_ = &context.store<KeyValueStore<std::string, std::int64_t>>("seen");
  }
  Text transform(const std::string& key, const Text& value) override {
    const auto* row = seen_->find(key);
    const std::int64_t times = row == nullptr ? 1 : row->value + 1;
    seen_->put(key, times, /*timestamp=*/0);
    return suffix(value, "#" + show(times));
  }

 private:
  KeyValueStore<std::string, std::int64_t>* seen_ = nullptr;
};

void filter_old_values(StreamBuilder& builder, Effects&) {
  fold_groups(numbers(builder, {.store = "in-rows"}).filter(even),
              [](const std::string& key, std::int64_t value) {
                return std::pair<std::string, std::string>("all", kv(key, value));
              });
}

void transform_values(StreamBuilder& builder, Effects&) {
  const auto seen = builder.key_value_store<std::string, std::int64_t>("seen");
  texts(builder)
      .transform_values({.store = "tv", .uses = {seen}}, [] { return std::make_unique<Asked>(); })
      .to_stream()
      .to("out");
}

void group_reduce(StreamBuilder& builder, Effects&) {
  numbers(builder, {.store = "in-rows"})
      .group_by([](std::int64_t value) { return std::pair(parity(value), value); })
      .reduce({.store = "sums"}, sum, diff)
      .to_stream()
      .to("out");
}

void chain(StreamBuilder& builder, Effects&) {
  const auto named = numbers(builder, {.store = "in-rows"})
                         .filter([](std::int64_t value) { return value > 0; })
                         .map_values([](std::int64_t value) { return "n" + show(value); });
  named.to_stream().to("out-mid");
  fold_groups(named, [](const std::string& key, const std::string& value) {
    return std::pair(value.substr(value.size() - 1), kv(key, value));
  });
}

void stream_round_trip(StreamBuilder& builder, Effects&) {
  numbers(builder)
      .to_stream()
      .filter([](const Long& value) { return !value || *value >= 0; })
      .to_table({.store = "t2"})
      .filter(even)
      .to_stream()
      .to("out");
}

void materialized(StreamBuilder& builder, Effects&) { texts(builder, {.store = "t"}).to_stream().to("out"); }

auto window_counts(StreamBuilder& builder) {
  return builder.stream<Text, Text>("in")
      .group_by_key()
      .windowed_by(tumbling({.size = Duration(100), .grace = Duration(50)}))
      .count({.store = "w", .retention = Duration(3'600'000)});
}

const SourceTableOptions kVersions{.store = "v", .history = Duration(100)};

const Registration kTables({
    {"table-passthrough", [](StreamBuilder& builder, Effects&) { texts(builder).to_stream().to("out"); }},
    {"table-materialized", materialized},
    {"table-source-optimized", materialized},
    {"table-in-memory",
     [](StreamBuilder& builder, Effects&) {
       texts(builder, {.store = "t", .persistent = false}).to_stream().to("out");
     }},
    {"table-cached",
     [](StreamBuilder& builder, Effects&) {
       texts(builder, {.store = "t", .emit = Emit::kOnCommit}).to_stream().to("out");
     }},
    {"table-filter",
     [](StreamBuilder& builder, Effects&) { numbers(builder).filter(even).to_stream().to("out"); }},
    {"table-filter-materialized",
     [](StreamBuilder& builder, Effects&) {
       numbers(builder, {.store = "t"}).filter({.store = "f"}, even).to_stream().to("out");
     }},
    {"table-filter-not",
     [](StreamBuilder& builder, Effects&) { numbers(builder).filter_not(even).to_stream().to("out"); }},
    {"table-filter-old-values", filter_old_values},
    {"table-map-values",
     [](StreamBuilder& builder, Effects&) {
       texts(builder).map_values([](const std::string& value) { return upper(value); }).to_stream().to("out");
     }},
    {"table-map-values-materialized",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .map_values({.store = "m"},
                       [](const std::string& key, const std::string& value) { return kv(key, value); })
           .to_stream()
           .to("out");
     }},
    {"table-transform-values", transform_values},
    {"table-group-count",
     [](StreamBuilder& builder, Effects&) {
       texts(builder, {.store = "in-rows"})
           .group_by([](const std::string& value) { return std::pair(first_char(value), value); })
           .count({.store = "counts"})
           .to_stream()
           .to("out");
     }},
    {"table-group-reduce", group_reduce},
    {"table-group-aggregate",
     [](StreamBuilder& builder, Effects&) {
       fold_groups(texts(builder, {.store = "in-rows"}), by_first_char);
     }},
    {"table-group-aggregate-cached",
     [](StreamBuilder& builder, Effects&) {
       fold_groups(texts(builder, {.store = "in-rows", .emit = Emit::kOnCommit}), by_first_char,
                   Emit::kOnCommit);
     }},
    {"table-group-null-key",
     [](StreamBuilder& builder, Effects&) {
       fold_groups(texts(builder, {.store = "in-rows"}),
                   [](const std::string& value) { return std::pair(fk(value), value); });
     }},
    {"table-chain", chain},
    {"table-to-stream-rekey",
     [](StreamBuilder& builder, Effects&) {
       texts(builder).to_stream([](const Text& value) { return show(value); }).to("out");
     }},
    {"table-stream-round-trip", stream_round_trip},
    {"versioned-table",
     [](StreamBuilder& builder, Effects&) { texts(builder, kVersions).to_stream().to("out"); }},
    {"versioned-table-group",
     [](StreamBuilder& builder, Effects&) { fold_groups(texts(builder, kVersions), by_first_char); }},
    {"versioned-table-filter",
     [](StreamBuilder& builder, Effects&) {
       texts(builder, kVersions)
           .filter([](const std::string& value) { return starts_with(value, "x"); })
           .to_stream()
           .to("out");
     }},
    {"versioned-aggregate",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in")
           .group_by_key()
           .count({.store = "vc", .history = Duration(100)})
           .to_stream()
           .to("out");
     }},
    {"count-filtered-table",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in")
           .group_by_key()
           .count({.store = "counts"})
           .filter(even)
           .to_stream()
           .to("out");
     }},
    {"headers-table", [](StreamBuilder& builder,
                         Effects&) { fold_groups(texts(builder, {.store = "in-rows"}), by_first_char); }},
    {"windowed-table-group",
     [](StreamBuilder& builder, Effects&) {
       fold_groups(window_counts(builder), [](const Windowed<std::string>& key, std::int64_t count) {
         return std::pair("start" + show(key.window.start), kv(key.key, count));
       });
     }},
});

}  // namespace tables
}  // namespace weir::oracle
