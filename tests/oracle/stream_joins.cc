// Joins of two streams.
#include <chrono>

#include <weir/weir.h>

#include "oracle/topology.h"

namespace weir::oracle {
namespace stream_joins {

using namespace std::chrono_literals;

using Texts = KStream<Text, Text>;

// As joiner of any kind.
std::string both(const Text& left, const Text& right) { return pair(left, right); }

Texts left(StreamBuilder& builder) { return builder.stream<Text, Text>("left"); }
Texts right(StreamBuilder& builder) { return builder.stream<Text, Text>("right"); }

template <int before, int after, int grace>
StreamJoinOptions windows(const char* store = "join") {
  return {.store = store, .before = Duration(before), .after = Duration(after), .grace = Duration(grace)};
}

template <int before, int after, int grace>
void inner(StreamBuilder& builder, Effects&) {
  left(builder).join(right(builder), windows<before, after, grace>(), both).to("out");
}
template <int before, int after, int grace>
void left_join(StreamBuilder& builder, Effects&) {
  left(builder).left_join(right(builder), windows<before, after, grace>(), both).to("out");
}
template <int before, int after, int grace>
void outer(StreamBuilder& builder, Effects&) {
  left(builder).outer_join(right(builder), windows<before, after, grace>(), both).to("out");
}

void with_key(StreamBuilder& builder, Effects&) {
  left(builder)
      .join(right(builder), windows<60, 60, 10>(),
            [](const Text& key, const Text& l, const Text& r) { return pair_key(key, l, r); })
      .to("out");
}

void left_in_memory(StreamBuilder& builder, Effects&) {
  StreamJoinOptions options = windows<100, 100, 50>();
  options.persistent = false;
  left(builder).left_join(right(builder), options, both).to("out");
}

void outer_named(StreamBuilder& builder, Effects&) {
  StreamJoinOptions options = windows<80, 80, 0>("my-store");
  options.name = "my-join";
  left(builder).outer_join(right(builder), options, both).to("out");
}

template <int before, int after, bool optimized>
void self(StreamBuilder& builder, Effects&) {
  const Texts stream = builder.stream<Text, Text>("in");
  StreamJoinOptions options = windows<before, after, 20>();
  options.optimized_self_join = optimized;
  stream.join(stream, options, both).to("out");
}

Text initial(const Text& value) { return first_char(value); }
Text initial_letter(const Text& value) {
  return value && !value->empty() && value->front() >= '0' && value->front() <= '9' ? Text()
                                                                                    : first_char(value);
}

void inner_rekeyed(StreamBuilder& builder, Effects&) {
  left(builder)
      .select_key(initial)
      .join(right(builder).select_key(initial), windows<100, 100, 30>(), both)
      .to("out");
}

void outer_rekeyed(StreamBuilder& builder, Effects&) {
  left(builder)
      .select_key(initial_letter)
      .outer_join(right(builder).select_key(initial), windows<100, 100, 0>(), both)
      .to("out");
}

void three_way(StreamBuilder& builder, Effects&) {
  left(builder)
      .join(right(builder), windows<100, 100, 20>("first"), both)
      .left_join(builder.stream<Text, Text>("third"), windows<50, 50, 20>("second"), both)
      .to("out");
}

void join_then_count(StreamBuilder& builder, Effects&) {
  left(builder)
      .join(right(builder), windows<60, 60, 20>(), both)
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to("out");
}

const Registration kStreamJoins({
    {"ss-inner", inner<100, 100, 0>},
    {"ss-inner-grace", inner<100, 100, 50>},
    {"ss-left", left_join<100, 100, 0>},
    {"ss-left-grace", left_join<100, 100, 50>},
    {"ss-outer", outer<100, 100, 0>},
    {"ss-outer-grace", outer<100, 100, 50>},
    {"ss-inner-asymmetric", inner<20, 120, 20>},
    {"ss-inner-after-only", inner<0, 100, 30>},
    {"ss-inner-before-only", inner<100, 0, 30>},
    {"ss-inner-future", inner<-20, 100, 30>},
    {"ss-left-asymmetric", left_join<20, 120, 20>},
    {"ss-outer-asymmetric", outer<20, 120, 20>},
    {"ss-inner-with-key", with_key},
    {"ss-left-in-memory", left_in_memory},
    {"ss-outer-named", outer_named},
    {"ss-self-join", self<60, 60, false>},
    {"ss-self-join-optimized", self<60, 60, true>},
    {"ss-self-join-asymmetric", self<0, 60, false>},
    {"ss-inner-rekeyed", inner_rekeyed},
    {"ss-outer-rekeyed", outer_rekeyed},
    {"ss-three-way", three_way},
    {"ss-join-then-count", join_then_count},
});

}  // namespace stream_joins
}  // namespace weir::oracle
