// Joins of tables by a foreign key.
#include "oracle/topology.h"

namespace weir::oracle {
namespace foreign_keys {

using Table = KTable<std::string, std::string>;

Table table(StreamBuilder& builder, const std::string& topic, Emit emit = Emit::kEveryUpdate) {
  return builder.table<std::string, std::string>(topic, {.store = topic + "-rows", .emit = emit});
}

const auto kForeignKey = [](const std::string& value) { return fk(value); };
const auto kJoin = [](const std::string& left, const std::string& right) { return pair(left, right); };
const auto kLeftJoin = [](const std::string& left, const Text& right) { return pair(left, right); };

Table left_kept(StreamBuilder& builder, Emit emit = Emit::kEveryUpdate) {
  return table(builder, "left", emit)
      .left_join({.store = "j", .name = "fkj", .emit = emit}, table(builder, "right", emit), kForeignKey,
                 kLeftJoin);
}

Text before_the_dot(const std::string& key, const std::string&) {
  const std::size_t dot = key.find('.');
  return dot == std::string::npos ? Text() : Text(key.substr(0, dot));
}

const Registration kForeignKeys({
    {"fk-inner",
     [](StreamBuilder& builder, Effects&) {
       table(builder, "left")
           .join({.name = "fkj"}, table(builder, "right"), kForeignKey, kJoin)
           .to_stream()
           .to("out");
     }},
    {"fk-left",
     [](StreamBuilder& builder, Effects&) {
       table(builder, "left")
           .left_join({.name = "fkj"}, table(builder, "right"), kForeignKey, kLeftJoin)
           .to_stream()
           .to("out");
     }},
    {"fk-inner-materialized",
     [](StreamBuilder& builder, Effects&) {
       table(builder, "left")
           .join({.store = "j", .name = "fkj"}, table(builder, "right"), kForeignKey, kJoin)
           .to_stream()
           .to("out");
     }},
    {"fk-left-materialized",
     [](StreamBuilder& builder, Effects&) { left_kept(builder).to_stream().to("out"); }},
    {"fk-left-cached",
     [](StreamBuilder& builder, Effects&) { left_kept(builder, Emit::kOnCommit).to_stream().to("out"); }},
    {"fk-extract-from-key",
     [](StreamBuilder& builder, Effects&) {
       table(builder, "left")
           .join({.name = "fkj"}, table(builder, "right"), before_the_dot, kJoin)
           .to_stream()
           .to("out");
     }},
    {"fk-then-group",
     [](StreamBuilder& builder, Effects&) {
       left_kept(builder)
           .group_by({.name = "all"},
                     [](const std::string& key, const std::string& value) {
                       return std::pair(std::string("all"), kv(key, value));
                     })
           .count({.store = "agg"})
           .to_stream()
           .to("out");
     }},
    {"fk-versioned",
     [](StreamBuilder& builder, Effects&) {
       const auto left =
           builder.table<std::string, std::string>("left", {.store = "lv", .history = Duration(200)});
       const auto right =
           builder.table<std::string, std::string>("right", {.store = "rv", .history = Duration(200)});
       left.left_join({.name = "fkj"}, right, kForeignKey, kLeftJoin).to_stream().to("out");
     }},
    {"fk-chain",
     [](StreamBuilder& builder, Effects&) {
       const auto mid =
           table(builder, "mid")
               .left_join({.store = "mj", .name = "mids"}, table(builder, "right"), kForeignKey, kLeftJoin);
       table(builder, "left").left_join({.name = "lefts"}, mid, kForeignKey, kLeftJoin).to_stream().to("out");
     }},
    {"fk-self",
     [](StreamBuilder& builder, Effects&) {
       const auto rows = builder.table<std::string, std::string>("in", {.store = "t"});
       rows.left_join({.name = "fkj"}, rows, kForeignKey, kLeftJoin).to_stream().to("out");
     }},
});

}  // namespace foreign_keys
}  // namespace weir::oracle
