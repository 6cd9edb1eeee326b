// A table with a table, and a stream with a table.
#include <chrono>

#include "oracle/topology.h"

namespace weir::oracle {
namespace table_joins {

using std::chrono_literals::operator""ms;
using Texts = KTable<std::string, std::string>;

Texts table(StreamBuilder& builder, const char* topic, const char* store, Emit emit = Emit::kEveryUpdate) {
  return builder.table<std::string, std::string>(topic, {.store = store, .emit = emit});
}

Texts versioned(StreamBuilder& builder, const char* topic, const char* store, Duration history) {
  return builder.table<std::string, std::string>(topic, {.store = store, .history = history});
}

// The joiners by what they may find missing.
std::string inner(const std::string& left, const std::string& right) { return pair(left, right); }
std::string left(const std::string& left, const Text& right) { return pair(left, right); }
std::string outer(const Text& left, const Text& right) { return pair(left, right); }

// A topology of the tables "left" and "right".
template <class F>
Describe tables(F join, Emit emit = Emit::kEveryUpdate) {
  return [join, emit](StreamBuilder& builder, Effects&) {
    const Texts lefts = table(builder, "left", "lt", emit);
    join(lefts, table(builder, "right", "rt", emit)).to_stream().to("out");
  };
}

template <class F>
Describe three_tables(F join) {
  return [join](StreamBuilder& builder, Effects&) {
    const Texts a = table(builder, "a", "rows-a");
    const Texts b = table(builder, "b", "rows-b");
    join(a, b, table(builder, "c", "rows-c")).to_stream().to("out");
  };
}

auto counts(StreamBuilder& builder, const char* topic, const char* store) {
  return builder.stream<Text, Text>(topic).group_by_key().count({.store = store});
}

const Registration kTableTable({
    {"tt-inner", tables([](const Texts& l, const Texts& r) { return l.join(r, inner); })},
    {"tt-left", tables([](const Texts& l, const Texts& r) { return l.left_join(r, left); })},
    {"tt-outer", tables([](const Texts& l, const Texts& r) { return l.outer_join(r, outer); })},
    {"tt-inner-materialized",
     tables([](const Texts& l, const Texts& r) { return l.join({.store = "j"}, r, inner); })},
    {"tt-left-materialized",
     tables([](const Texts& l, const Texts& r) { return l.left_join({.store = "j"}, r, left); })},
    {"tt-outer-materialized",
     tables([](const Texts& l, const Texts& r) { return l.outer_join({.store = "j"}, r, outer); })},
    {"tt-outer-cached",
     tables([](const Texts& l,
               const Texts& r) { return l.outer_join({.store = "j", .emit = Emit::kOnCommit}, r, outer); },
            Emit::kOnCommit)},
    // The filter tells of all that does not pass, as above a table of which nobody knows what was there before.
    {"tt-left-filtered",
     [](StreamBuilder& builder, Effects&) {
       const Texts lefts = table(builder, "left", "lt");
       const auto rights = builder.table<std::string, std::string>("right").filter(
           {.store = "rt"}, [](const std::string& value) { return !starts_with(value, "R1"); });
       lefts.left_join(rights, left).to_stream().to("out");
     }},
    {"tt-self",
     [](StreamBuilder& builder, Effects&) {
       const Texts rows = table(builder, "in", "rows");
       rows.join(rows.map_values([](const std::string& value) { return *upper(value); }), inner)
           .to_stream()
           .to("out");
     }},
    {"tt-join-then-group",
     [](StreamBuilder& builder, Effects&) {
       const Texts lefts = table(builder, "left", "lt");
       lefts.outer_join(table(builder, "right", "rt"), outer)
           .group_by([](const std::string& key, const std::string& value) {
             return std::pair(first_char(value), kv(key, value));
           })
           .aggregate(
               {.store = "agg"}, [] { return std::string(); },
               [](const std::string& value, const std::string& group) { return plus(group, value); },
               [](const std::string& value, const std::string& group) { return minus(group, value); })
           .to_stream()
           .to("out");
     }},
    {"tt-versioned",
     [](StreamBuilder& builder, Effects&) {
       const Texts lefts = versioned(builder, "left", "lv", 200ms);
       lefts.left_join(versioned(builder, "right", "rv", 200ms), left).to_stream().to("out");
     }},
    {"tt-chain", three_tables([](const Texts& a, const Texts& b, const Texts& c) {
       return a.join(b, inner).left_join(c, left);
     })},
    {"tt-chain-outer", three_tables([](const Texts& a, const Texts& b, const Texts& c) {
       return a.outer_join(b, outer).outer_join(c, outer);
     })},
    {"tt-chain-materialized", three_tables([](const Texts& a, const Texts& b, const Texts& c) {
       return a.left_join({.store = "ab"}, b, left).join({.store = "abc"}, c, inner);
     })},
    {"tt-from-aggregates",
     [](StreamBuilder& builder, Effects&) {
       const auto lefts = counts(builder, "left", "lc");
       lefts.join(counts(builder, "right", "rc"), [](std::int64_t l, std::int64_t r) { return pair(l, r); })
           .to_stream()
           .to("out");
     }},
    {"tt-table-topic-read-twice",
     [](StreamBuilder& builder, Effects&) {
       const Texts lefts = table(builder, "left", "lt");
       lefts.join(table(builder, "right", "rt"), inner).to_stream().to("out");
       lefts.to_stream().map_values([](const Text& value) { return suffix(value, "'"); }).to("copy");
     }},
    {"headers-table-table", tables([](const Texts& l, const Texts& r) { return l.outer_join(r, outer); })},
});

KStream<Text, Text> stream(StreamBuilder& builder, const char* topic = "in") {
  return builder.stream<Text, Text>(topic);
}

Text first_of(const Text& value) { return first_char(value); }

const Registration kStreamTable({
    {"st-inner", [](StreamBuilder& builder,
                    Effects&) { stream(builder).join(table(builder, "table-in", "t"), inner).to("out"); }},
    {"st-left", [](StreamBuilder& builder,
                   Effects&) { stream(builder).left_join(table(builder, "table-in", "t"), left).to("out"); }},
    {"st-inner-with-key",
     [](StreamBuilder& builder, Effects&) {
       stream(builder)
           .join(table(builder, "table-in", "t"), [](const std::string& key, const std::string& l,
                                                     const std::string& r) { return pair_key(key, l, r); })
           .to("out");
     }},
    {"st-inner-rekeyed",
     [](StreamBuilder& builder, Effects&) {
       stream(builder)
           .select_key(first_of)
           .join({.name = "rj"}, table(builder, "table-in", "t"), inner)
           .to("out");
     }},
    {"st-left-rekeyed",
     [](StreamBuilder& builder, Effects&) {
       stream(builder)
           .select_key([](const Text& value) { return starts_with(value, "c") ? Text() : first_char(value); })
           .left_join({.name = "rj"}, table(builder, "table-in", "t"), left)
           .to("out");
     }},
    {"st-filtered-table",
     [](StreamBuilder& builder, Effects&) {
       const auto view = table(builder, "table-in", "t")
                             .filter([](const std::string& value) { return !starts_with(value, "t1"); })
                             .map_values([](const std::string& value) { return *upper(value); });
       stream(builder).left_join(view, left).to("out");
     }},
    {"st-aggregated-table",
     [](StreamBuilder& builder, Effects&) {
       const auto table_counts = counts(builder, "table-in", "counts");
       stream(builder)
           .left_join(table_counts, [](const std::string& l, const Long& r) { return pair(l, r); })
           .to("out");
     }},
    {"st-two-tables",
     [](StreamBuilder& builder, Effects&) {
       const Texts first = table(builder, "t1", "first");
       stream(builder).join(first, inner).left_join(table(builder, "t2", "second"), left).to("out");
     }},
    {"st-versioned",
     [](StreamBuilder& builder, Effects&) {
       stream(builder).left_join(versioned(builder, "table-in", "v", 200ms), left).to("out");
     }},
    {"st-inner-versioned-grace",
     [](StreamBuilder& builder, Effects&) {
       stream(builder)
           .join({.store = "gj", .grace = 50ms}, versioned(builder, "table-in", "v", 400ms), inner)
           .to("out");
     }},
    {"st-left-versioned-grace",
     [](StreamBuilder& builder, Effects&) {
       stream(builder)
           .left_join({.store = "gj", .grace = 50ms}, versioned(builder, "table-in", "v", 400ms), left)
           .to("out");
     }},
    {"headers-stream-table",
     [](StreamBuilder& builder, Effects&) {
       stream(builder, "left").left_join(table(builder, "right", "t"), left).to("out");
     }},
});

}  // namespace table_joins
}  // namespace weir::oracle
