// Records that cannot be read, processed or written, and what happens to them and to the others.
#include <stdexcept>

#include "oracle/topology.h"

namespace weir::oracle {

// A value that cannot be written when it says "boom".
struct Brittle {
  std::string text;
};

}  // namespace weir::oracle

namespace weir {

template <>
struct Serde<oracle::Brittle> {
  static constexpr std::string_view kFormat = "brittle";
  static constexpr bool kCanonical = false;

  static void encode(const oracle::Brittle& value, Bytes& out) {
    if (value.text == "boom") throw std::runtime_error("boom cannot be written");
    out += value.text;
  }
  static absl::Status decode(BytesView bytes, oracle::Brittle& out) {
    out.text = std::string(bytes);
    return absl::OkStatus();
  }
};

}  // namespace weir

namespace weir::oracle {
namespace errors {

Text fails_at_boom(const Text& value) {
  if (value == "boom") throw std::runtime_error("boom");
  return value;
}
Text with_one(const Text& value) { return suffix(value, "1"); }

KStream<Text, Text> texts(StreamBuilder& builder) { return builder.stream<Text, Text>("in"); }

void add_one(StreamBuilder& builder, Effects&) {
  builder.stream<Text, Long>("in")
      .map_values([](const Long& value) { return value ? Long(*value + 1) : value; })
      .to("out");
}

// Writes a rejected record with headers that say where it failed, and counts it as dropped.
class ToDead final : public Processor<Text, Rejected<Text>, std::string, std::string> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const Record<Text, Rejected<Text>>& record) override {
    const Rejected<Text>& reject = record.value;
    const Headers headers = {{"node", reject.node},
                             {"from", reject.topic + "/" + std::to_string(reject.partition) + "/" +
                                          std::to_string(reject.offset)}};
    context_->drop(DropReason::kFailed);
    context_->forward(show(record.key), show(reject.value), record.timestamp, headers);
  }

 private:
  Context* context_ = nullptr;
};

void custom_dead_letter(StreamBuilder& builder, Effects&) {
  const auto [results, rejects] =
      texts(builder)
          .select_key([](const Text& key, const Text&) { return show(key) + "'"; })
          .map([](const std::string& key, const Text& value) { return std::pair<Text, Text>(key, value); })
          .try_map_values({.name = "bomb"}, fails_at_boom);
  results.to("out");
  rejects.process([] { return std::make_unique<ToDead>(); }).to("dead");
}

const Registration kErrors({
    {"deser-continue", add_one},
    {"deser-fail", add_one},
    {"deser-continue-dlq", add_one},
    {"deser-table-continue",
     [](StreamBuilder& builder, Effects&) {
       builder.table<std::string, std::int64_t>("in", {.store = "t"}).to_stream().to("out");
     }},
    {"processing-fail",
     [](StreamBuilder& builder, Effects&) { texts(builder).map_values(fails_at_boom).to("out"); }},
    {"processing-continue",
     [](StreamBuilder& builder, Effects&) {
       texts(builder).map_values(with_one).to("out");
       texts(builder).map_values(fails_at_boom).to("out2");
     }},
    {"processing-continue-first-child",
     [](StreamBuilder& builder, Effects&) {
       texts(builder).map_values(fails_at_boom).to("out2");
       texts(builder).map_values(with_one).to("out");
     }},
    {"processing-continue-dlq",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .map_values([](const Text& value) { return suffix(value, ""); })
           .map_values(fails_at_boom)
           .to("out");
     }},
    {"processing-continue-state",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .group_by_key()
           .aggregate(
               {.store = "agg"}, [] { return std::string(); },
               [](const std::string& value, const std::string& aggregate) {
                 if (value == "boom") throw std::runtime_error("boom");
                 return append(aggregate, value);
               })
           .to_stream()
           .to("out");
     }},
    {"processing-continue-flatmap",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .flat_map_values(tokens)
           .map_values([](const std::string& value) { return *fails_at_boom(value); })
           .to("out");
     }},
    {"processing-custom-dead-letter", custom_dead_letter},
    {"production-continue",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .map_values([](const Text& value) {
             return value ? std::optional<Brittle>(Brittle{*value}) : std::nullopt;
           })
           .to("out");
     }},
});

}  // namespace errors
}  // namespace weir::oracle
