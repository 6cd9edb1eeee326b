#include <weir/operators/processor_topology.h>

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/filter.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using Str = std::string;

// Numbers the records of each key.
class Numbering final : public Processor<Str, Str, Str, std::int64_t> {
 public:
  void open(Context& context) override {
    context_ = &context;
    numbers_ = &context.store<KeyValueStore<Str, std::int64_t>>("numbers");
  }
  void process(const Record<Str, Str>& record) override {
    const auto* known = numbers_->find(record.key);
    const std::int64_t number = (known != nullptr ? known->value : 0) + 1;
    numbers_->put(record.key, number, record.timestamp);
    context_->forward(record.key, number);
  }

 private:
  Context* context_ = nullptr;
  KeyValueStore<Str, std::int64_t>* numbers_ = nullptr;
};

// Sends each record to the child that its key names, others to all.
class Router final : public Processor<Str, Str, Str, Str> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const Record<Str, Str>& record) override {
    if (record.key == "all") {
      context_->forward(record);
    } else {
      context_->forward_to(record.key, record);
    }
  }

 private:
  Context* context_ = nullptr;
};

const auto kNumbering = [] { return std::make_unique<Numbering>(); };
const auto kRouter = [] { return std::make_unique<Router>(); };

TEST(ProcessorTopology, ConnectsByNameWithSeveralParents) {
  TextDriver driver([](StreamBuilder& builder) {
    ProcessorTopology topology(builder);
    builder.key_value_store<Str, std::int64_t>("numbers");
    topology.source<Str, Str>("web", "web-orders");
    topology.source<Str, Str>("shop", "shop-orders");
    topology.processor("number", {"web", "shop"}, {.stores = {"numbers"}}, kNumbering);
    topology.sink<Str, std::int64_t>("out", {"number"}, "numbered");
  });
  driver.feed<Str, Str>("web-orders", "a:x@1");
  driver.feed<Str, Str>("shop-orders", "a:y@2 b:z@3");
  EXPECT_EQ((driver.take<Str, std::int64_t>("numbered")), "a:1@1 a:2@2 b:1@3");
  EXPECT_NE(
      driver.description().find("Processor: number (stores: [numbers])\n      --> out\n      <-- shop, web"),
      std::string::npos)
      << driver.description();
}

TEST(ProcessorTopology, MixesWithVerbs) {
  TextDriver driver([](StreamBuilder& builder) {
    ProcessorTopology topology(builder);
    const auto numbers = builder.key_value_store<Str, std::int64_t>("numbers");
    const auto orders = builder.stream<Str, Str>("orders");
    const auto late = topology.source<Str, Str>("late", {"late1", "late2"});
    const auto numbered =
        topology.processor("number", {orders, late, "late"}, {.stores = {numbers}}, kNumbering);
    numbered.filter([](std::int64_t number) { return number > 1; }).to("again");
    topology.sink("out", numbered, "numbered");
  });
  driver.feed<Str, Str>("orders", "a:x@1");
  driver.feed<Str, Str>("late2", "b:x@2");
  EXPECT_EQ((driver.take<Str, std::int64_t>("numbered")), "a:1@1 b:1@2 b:2@2");
  EXPECT_EQ((driver.take<Str, std::int64_t>("again")), "b:2@2");
}

TEST(ProcessorTopology, ForwardsToSinksByName) {
  TextDriver driver([](StreamBuilder& builder) {
    ProcessorTopology topology(builder);
    topology.source<Str, Str>("in", "in");
    topology.processor("route", {"in"}, {}, kRouter);
    topology.sink<Str, Str>("A", {"route"}, "out-a");
    topology.sink<Str, Str>("B", {"route"}, "out-b",
                            [](const Str&, const Str&, Partition count) { return count - 1; });
  });
  driver.feed<Str, Str>("in", "A:x@1 B:y@2 all:z@3");
  EXPECT_EQ((driver.take<Str, Str>("out-a")), "A:x@1 all:z@3");
  EXPECT_EQ((driver.take<Str, Str>("out-b")), "B:y@2 all:z@3");
  const absl::Status status = driver.try_feed<Str, Str>("in", "C:x@4");
  EXPECT_NE(Str(status.message()).find("node 'route' has no child 'C'"), Str::npos) << status;
}

TEST(ProcessorTopology, ConnectsStoresAfterwards) {
  TextDriver driver([](StreamBuilder& builder) {
    ProcessorTopology topology(builder);
    topology.source<Str, Str>("in", "in");
    topology.processor("number", {"in"}, {}, kNumbering);
    builder.key_value_store<Str, std::int64_t>("numbers");
    topology.connect("number", {"numbers"});
    topology.sink<Str, std::int64_t>("out", {"number"}, "out");
  });
  driver.feed<Str, Str>("in", "a:x@1");
  EXPECT_EQ((driver.take<Str, std::int64_t>("out")), "a:1@1");
}

TEST(ProcessorTopology, ReportsWhatDoesNotFit) {
  StreamBuilder other;
  const auto foreign = other.stream<Str, Str>("elsewhere");
  const std::string problems = problems_of([&](StreamBuilder& builder) {
    ProcessorTopology topology(builder);
    topology.source<Str, Str>("in", "in");
    topology.processor("number", {"in"}, {.stores = {"nowhere"}}, kNumbering);
    topology.processor("again", {"in", "number"}, {}, kRouter);
    topology.processor("orphan", {"in", "late"}, {}, kRouter);
    topology.processor("stranger", {"in", foreign}, {}, kRouter);
    topology.sink<Str, Str>("out", {"in"}, "out");
    topology.sink<Str, Str>("out", {"in"}, "out2");
    topology.connect("nobody", {"numbers"});
  });
  for (const char* part : {"6 problems", "'number' uses the store 'nowhere', which was never added",
                           "'again' takes records of other types than 'number' emits",
                           "'orphan' takes records from 'late', which was not added before",
                           "'stranger' takes records from a stream of another builder",
                           "two nodes are called 'out'", "there is no processor 'nobody'"}) {
    EXPECT_NE(problems.find(part), std::string::npos) << part << " is not in " << problems;
  }
}

}  // namespace
}  // namespace weir
