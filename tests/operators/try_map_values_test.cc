#include <weir/operators/try_map_values.h>

#include <stdexcept>
#include <string>

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/map_values.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

std::int64_t number(const std::string& text) { return std::stoll(text); }

TEST(TryMapValues, GivesResultsAndRejects) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto [numbers, rejects] = builder.stream<std::string, std::string>("in").try_map_values(
        {.name = "parse"}, [](const std::string& text) { return number(text); });
    numbers.to("numbers");
    rejects
        .map_values([](const Rejected<std::string>& reject) {
          return reject.value + "|" + reject.error + "|" + reject.node + "|" + reject.topic + "/" +
                 std::to_string(reject.partition) + "/" + std::to_string(reject.offset);
        })
        .to("rejects");
  });
  driver.feed<std::string, std::string>("in", "a:1@5 b:x@6 c:3@7");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("numbers")), "a:1@5 c:3@7");
  EXPECT_EQ((driver.take<std::string, std::string>("rejects")), "b:x|stoll|parse|in/0/1@6");
  EXPECT_EQ(driver.driver().counters().dropped_total(), 0U);
}

TEST(TryMapValues, TakesAStatusForAnAnswer) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto [numbers, rejects] = builder.stream<std::string, std::string>("in").try_map_values(
        [](const std::string& key, const std::string& text) -> absl::StatusOr<std::int64_t> {
          if (key == "b") return absl::InvalidArgumentError("not b");
          return number(text);
        });
    static_assert(std::same_as<decltype(numbers), const KStream<std::string, std::int64_t>>);
    numbers.to("numbers");
    rejects.map_values([](const Rejected<std::string>& reject) { return reject.error; }).to("rejects");
  });
  driver.feed<std::string, std::string>("in", "a:1@5 b:2@6");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("numbers")), "a:1@5");
  EXPECT_EQ((driver.take<std::string, std::string>("rejects")), "b:not b@6");
}

TEST(TryMapValues, LeavesTheKeyWhereItIs) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto [numbers, rejects] = builder.stream<std::string, std::string>("in").try_map_values(number);
    rejects.map_values([](const Rejected<std::string>& reject) { return reject.value; })
        .group_by_key()
        .count({.store = "bad"})
        .to_stream()
        .to("bad-per-key");
  });
  EXPECT_EQ(driver.description().find("repartition"), std::string::npos) << driver.description();
  driver.feed<std::string, std::string>("in", "a:x@5 a:1@6 a:y@7");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("bad-per-key")), "a:1@5 a:2@7");
}

}  // namespace
}  // namespace weir
