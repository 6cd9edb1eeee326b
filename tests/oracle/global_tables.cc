// Tables and stores of which every instance has all rows.
#include "oracle/topology.h"

namespace weir::oracle {
namespace global_tables {

GlobalKTable<std::string, std::string> global(StreamBuilder& builder, const char* topic = "global",
                                              const char* store = "g") {
  return builder.global_table<std::string, std::string>(topic, {.store = store});
}

Text foreign_key(const Text& value) { return fk(value); }
Text own_key(const Text& key, const Text&) { return key; }

// Keeps values in upper case.
class KeepUpper final : public Processor<std::string, Text, std::string, Text> {
 public:
  void open(Context& context) override {
    rows_ = &context.store<KeyValueStore<std::string, std::string>>("gs");
  }
  void process(const Record<std::string, Text>& record) override {
    if (record.value) {
      rows_->put(record.key, *upper(record.value), record.timestamp);
    } else {
      rows_->erase(record.key, record.timestamp);
    }
  }

 private:
  KeyValueStore<std::string, std::string>* rows_ = nullptr;
};

class PairWithStored final : public Processor<Text, Text, Text, Text> {
 public:
  void open(Context& context) override {
    context_ = &context;
    rows_ = &context.store<GlobalStore<std::string, std::string>>("gs");
  }
  void process(const Record<Text, Text>& record) override {
    const auto* row = record.key ? rows_->find(*record.key) : nullptr;
    const Text stored = row != nullptr ? Text(row->value) : Text();
    context_->forward(record.with_value(Text(pair(record.value, stored))));
  }

 private:
  Context* context_ = nullptr;
  GlobalStore<std::string, std::string>* rows_ = nullptr;
};

const Registration kGlobalTables({
    {"gt-inner",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in").join(global(builder), foreign_key, kPair).to("out");
     }},
    {"gt-left",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in")
           .left_join(global(builder), foreign_key,
                      [](const std::string& left, const Text& right) { return pair(left, right); })
           .to("out");
     }},
    {"gt-inner-by-key",
     [](StreamBuilder& builder, Effects&) {
       builder.stream<Text, Text>("in")
           .join(global(builder), own_key,
                 [](const Text& key, const std::string& left, const std::string& right) {
                   return pair_key(key, left, right);
                 })
           .to("out");
     }},
    {"gt-two",
     [](StreamBuilder& builder, Effects&) {
       const auto join = [](const std::string& left, const Text& right) { return pair(left, right); };
       builder.stream<Text, Text>("in")
           .left_join(global(builder), foreign_key, join)
           .left_join(
               global(builder, "global2", "g2"), [](const Text& key, const std::string&) { return key; },
               join)
           .to("out");
     }},
    {"global-store",
     [](StreamBuilder& builder, Effects&) {
       builder.add_global_store<std::string, Text>("global", {.store = "gs"},
                                                   [] { return std::make_unique<KeepUpper>(); });
       builder.stream<Text, Text>("in").process([] { return std::make_unique<PairWithStored>(); }).to("out");
     }},
});

}  // namespace global_tables
}  // namespace weir::oracle
