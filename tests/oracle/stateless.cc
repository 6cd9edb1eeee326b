// Record by record: the verbs that keep nothing.
#include "oracle/topology.h"

namespace weir::oracle {
namespace {

const Registration kStateless({
    {"filter",
     [](StreamBuilder& builder, Effects&) { builder.stream<Text, Long>("in").filter(even).to("out"); }},
    {"filter-not",
     [](StreamBuilder& builder, Effects&) { builder.stream<Text, Long>("in").filter_not(even).to("out"); }},
    {"peek",
     [](StreamBuilder& builder, Effects& effects) {
       const auto look = [&effects](const std::string& name) {
         return [&effects, name](const Text& key, const Long& value) { effects.record(name, key, value); };
       };
       builder.stream<Text, Long>("in").peek(look("before")).filter(even).peek(look("after")).to("out");
     }},
});

}  // namespace
}  // namespace weir::oracle
