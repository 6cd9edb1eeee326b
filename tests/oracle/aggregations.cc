// Streams taken together by key, and streams made tables.
#include "oracle/topology.h"

namespace weir::oracle {
namespace aggregations {

Text first_of(const Text& value) { return first_char(value); }
std::string nothing() { return ""; }
std::string appended(const std::string& value, const std::string& list) { return append(list, value); }
std::string joined(const std::string& a, const std::string& b) { return concat(a, b); }
std::int64_t added(std::int64_t a, std::int64_t b) { return sum(a, b); }

KStream<Text, Text> texts(StreamBuilder& builder, const char* topic = "in") {
  return builder.stream<Text, Text>(topic);
}
KGroupedStream<Text, Text> grouped(StreamBuilder& builder) { return texts(builder).group_by_key(); }

void two_aggregates(const KGroupedStream<Text, Text>& first, const KGroupedStream<Text, Text>& second) {
  first.count({.store = "counts"}).to_stream().to("out-count");
  second.reduce({.store = "texts"}, joined).to_stream().to("out-texts");
}

void rekey_twice(StreamBuilder& builder, Effects&) {
  texts(builder)
      .select_key(first_of)
      .group_by_key()
      .count({.store = "by-first"})
      .to_stream()
      .map([](const std::string& key, std::int64_t count) {
        return std::pair<std::string, std::string>(parity(count), kv(key, count));
      })
      .group_by_key()
      .aggregate({.store = "by-parity"}, nothing, appended)
      .to_stream()
      .to("out");
}

std::vector<std::pair<std::string, Text>> tokens_by_token(const Text& value) {
  std::vector<std::pair<std::string, Text>> records;
  for (const std::string& token : tokens(value)) records.emplace_back(token, value);
  return records;
}

Describe count_burst(Emit emit) {
  return [emit](StreamBuilder& builder, Effects&) {
    texts(builder)
        .flat_map(tokens_by_token)
        .group_by_key()
        .count({.store = "counts", .emit = emit})
        .to_stream()
        .to("out");
  };
}

Describe count_tokens(Emit emit) {
  return [emit](StreamBuilder& builder, Effects&) {
    texts(builder)
        .flat_map_values(tokens)
        .group_by_key()
        .count({.store = "counts", .emit = emit})
        .to_stream()
        .to("out");
  };
}

// Two groupings of one stream; weir's name of the group decides whether they share a repartition topic.
Describe two_groupings(const char* first, const char* second) {
  return [first, second](StreamBuilder& builder, Effects&) {
    const auto rekeyed = texts(builder).select_key(first_of);
    two_aggregates(rekeyed.group_by_key({.name = first}), rekeyed.group_by_key({.name = second}));
  };
}

const Registration kAggregations({
    {"count", [](StreamBuilder& builder,
                 Effects&) { grouped(builder).count({.store = "counts"}).to_stream().to("out"); }},
    {"count-group-by",
     [](StreamBuilder& builder, Effects&) {
       texts(builder).group_by(first_of).count({.store = "counts"}).to_stream().to("out");
     }},
    {"reduce-sum",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Long>("in").group_by_key().reduce({.store = "sums"}, added).to_stream().to("out");
     }},
    {"reduce-concat",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder).reduce({.store = "texts"}, joined).to_stream().to("out");
     }},
    {"reduce-null-result",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Long>("in")
           .group_by_key()
           .reduce({.store = "sums"},
                   [](std::int64_t a, std::int64_t b) { return sum(a, b) > 25 ? Long() : Long(sum(a, b)); })
           .to_stream()
           .to("out");
     }},
    {"aggregate-append",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder).aggregate({.store = "lists"}, nothing, appended).to_stream().to("out");
     }},
    {"aggregate-null-result",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .aggregate({.store = "lists"}, nothing,
                      [](const std::string& value, const std::string& list) {
                        return value == "del" ? Text() : Text(append(list, value));
                      })
           .to_stream()
           .to("out");
     }},
    {"aggregate-type-change",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .aggregate(
               {.store = "lengths"}, [] { return std::int64_t{0}; },
               [](const std::string& value, std::int64_t length) {
                 return length + static_cast<std::int64_t>(value.size());
               })
           .to_stream()
           .to("out");
     }},
    {"count-in-memory",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder).count({.store = "counts", .persistent = false}).to_stream().to("out");
     }},
    {"count-lru",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .count({.store = "counts", .persistent = false, .logged = false, .max_rows = 2})
           .to_stream()
           .to("out");
     }},
    {"rekey-twice", rekey_twice},
    {"repartition-count",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .select_key(first_of)
           .repartition({.name = "rk"})
           .group_by_key()
           .count({.store = "counts"})
           .to_stream()
           .to("out");
     }},
    {"merge-count",
     [](StreamBuilder& builder, Effects&) {
       texts(builder, "in1")
           .merge(texts(builder, "in2"))
           .group_by_key()
           .count({.store = "counts"})
           .to_stream()
           .to("out");
     }},
    {"two-aggregates",
     [](StreamBuilder& builder, Effects&) { two_aggregates(grouped(builder), grouped(builder)); }},
    {"two-aggregates-shared-repartition",
     [](StreamBuilder& builder, Effects&) {
       const auto shared = texts(builder).select_key(first_of).group_by_key({.name = "shared"});
       two_aggregates(shared, shared);
     }},
    {"optimized-merged-repartition",
     [](StreamBuilder& builder, Effects&) {
       const auto merged = texts(builder).select_key(first_of).group_by_key({.name = "first"});
       two_aggregates(merged, merged);
     }},
    {"unoptimized-two-repartitions", two_groupings("first", "second")},
    {"count-burst-uncached", count_burst(Emit::kEveryUpdate)},
    {"count-burst-cached", count_burst(Emit::kOnCommit)},
    {"count-burst-process-cached", count_tokens(Emit::kOnCommit)},
    {"count-burst-process-uncached", count_tokens(Emit::kEveryUpdate)},
    {"to-table",
     [](StreamBuilder& builder, Effects&) { texts(builder).to_table({.store = "t"}).to_stream().to("out"); }},
    {"to-table-rekeyed",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .map([](const Text& key, const Text& value) {
             return std::pair<Text, Text>(first_char(value), kv(key, value));
           })
           .to_table({.store = "t"})
           .to_stream()
           .to("out");
     }},
    {"to-table-join-stream",
     [](StreamBuilder& builder, Effects&) {
       const auto table = texts(builder, "table-in").to_table({.store = "t"});
       texts(builder)
           .left_join(table, [](const std::string& left, const Text& right) { return pair(left, right); })
           .to("out");
     }},
    {"group-then-filter-stream",
     [](StreamBuilder& builder, Effects&) {
       grouped(builder)
           .count({.store = "counts"})
           .to_stream()
           .filter([](std::int64_t count) { return count > 2; })
           .map_values([](std::int64_t count) { return count * count; })
           .to("out");
     }},
});

}  // namespace aggregations
}  // namespace weir::oracle
