#include <weir/ml/cleaning/dedupe.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/random_cases.h"
#include "support/records.h"

namespace weir {
namespace dedupe_test {

using namespace std::chrono_literals;

// The id is the value, "none" has none.
TextDriver deduping(Duration within, Duration grace, ml::WhenNoId when_no_id,
                    const DriverOptions& options = {}) {
  return TextDriver(
      [=](StreamBuilder& builder) {
        builder.stream<std::string, std::string>("in")
            .apply(ml::dedupe({.store = "seen",
                               .within = within,
                               .grace = grace,
                               .when_no_id = when_no_id,
                               .on_error = ErrorPolicy::kSkip},
                              [](const std::string& value) {
                                return value == "none" ? std::nullopt : std::optional(value);
                              }))
            .to("out");
      },
      options);
}

TEST(Dedupe, TheFirstByOffsetWins) {
  TextDriver driver = deduping(10ms, 20ms, ml::WhenNoId::kDrop);
  // The third is earlier, but it came later.
  driver.feed<std::string, std::string>("in", "a:x@20 b:y@21 c:x@15 d:x@30 e:x@5");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:x@20 b:y@21 d:x@30");
  EXPECT_EQ(driver.dropped(DropReason::kDuplicate), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(Dedupe, RecordsWithoutIdAreDroppedOrFail) {
  TextDriver drops = deduping(10ms, 0ms, ml::WhenNoId::kDrop);
  drops.feed<std::string, std::string>("in", "a:none@0 b:x@0");
  EXPECT_EQ((drops.take<std::string, std::string>("out")), "b:x@0");
  EXPECT_EQ(drops.dropped(DropReason::kNullKey), 1U);
  TextDriver fails = deduping(10ms, 0ms, ml::WhenNoId::kFail);
  fails.feed<std::string, std::string>("in", "a:none@0 b:x@0");
  EXPECT_EQ((fails.take<std::string, std::string>("out")), "b:x@0");
  EXPECT_EQ(fails.dropped(DropReason::kFailed), 1U);
}

// With restarts at any moment, in memory and on disk.
TEST(Dedupe, IsWhatASearchThroughAllRecordsSays) {
  for (const bool on_disk : {false, true}) {
    play_cases(on_disk ? 3 : 30, on_disk, [](unsigned seed, const std::string& folder) {
      std::mt19937 chance(seed);
      const auto within = static_cast<Timestamp>(1 + chance() % 20);
      DriverOptions options;
      options.state_directory = folder;
      TextDriver driver = deduping(Duration(within), 1h, ml::WhenNoId::kDrop, options);
      std::vector<ParsedRecord<std::string, std::string>> passed;
      std::string expected;
      for (int i = 0; i < 60; ++i) {
        const std::string record = "k:" + std::string(1, static_cast<char>('a' + chance() % 3)) + "@" +
                                   std::to_string(chance() % 60);
        const auto parsed = parse_records<std::string, std::string>(record)[0];
        bool repeats = false;
        for (const auto& other : passed) {
          repeats = repeats ||
                    (other.value == parsed.value && std::abs(other.timestamp - parsed.timestamp) < within);
        }
        if (!repeats) {
          passed.push_back(parsed);
          expected += (expected.empty() ? "" : " ") + record;
        }
        driver.feed<std::string, std::string>("in", record);
        if (chance() % 10 == 0) {
          ASSERT_TRUE(driver.driver().restart().ok());
        }
      }
      EXPECT_EQ((driver.take<std::string, std::string>("out")), expected);
    });
  }
}

}  // namespace dedupe_test
}  // namespace weir
