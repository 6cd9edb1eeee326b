#include <weir/operators/peek.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/for_each.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using Seen = std::shared_ptr<std::vector<std::string>>;

TEST(Peek, SeesEachRecordBeforeThoseDownstreamAndPassesItOn) {
  const Seen seen = std::make_shared<std::vector<std::string>>();
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .peek([seen](const std::string& key, std::int64_t) { seen->push_back("peek " + key); })
        .peek([seen](const std::string& key, std::int64_t) { seen->push_back("then " + key); })
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2");
  EXPECT_EQ(*seen, (std::vector<std::string>{"peek a", "then a", "peek b", "then b"}));
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 b:2@2");
}

TEST(Peek, StopsARecordAtWhichItThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in")
        .peek({.on_error = ErrorPolicy::kSkip},
              [](std::int64_t value) {
                if (value == 1) throw std::runtime_error("one");
              })
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@1 b:2@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "b:2@2");
}

TEST(ForEach, IsCalledForEachRecord) {
  const Seen seen = std::make_shared<std::vector<std::string>>();
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").for_each(
        [seen](const std::string& key, std::int64_t value, const RecordInfo& info) {
          seen->push_back(print_record(key, value, info.timestamp));
        });
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@5 b:2@4");
  EXPECT_EQ(*seen, (std::vector<std::string>{"a:1@5", "b:2@4"}));
}

TEST(ForEach, FailsTheTaskWhenItThrowsAndNothingElseIsSaid) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").for_each(
        {.name = "shout"}, [](std::int64_t) { throw std::runtime_error("no"); });
  });
  const absl::Status status = driver.try_feed<std::string, std::int64_t>("in", "a:1@5");
  EXPECT_NE(std::string(status.message()).find("shout"), std::string::npos) << status;
}

}  // namespace
}  // namespace weir
