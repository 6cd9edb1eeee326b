#include <weir/ml/cleaning/impute_last.h>

#include <array>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace impute_last_test {

using namespace std::chrono_literals;

// Values are "x/y", where "" is missing.
std::array<float, 2> row_of(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto number = [](const std::string& digits) {
    return digits.empty() ? std::numeric_limits<float>::quiet_NaN() : std::stof(digits);
  };
  return {number(text.substr(0, slash)), number(text.substr(slash + 1))};
}

TextDriver filling(Duration within) {
  return TextDriver([=](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in")
        .apply(ml::impute_last({.store = "last", .within = within, .on_error = ErrorPolicy::kSkip}, row_of,
                               [](const std::string&, std::span<const float> row) {
                                 return fmt::format("{}/{}", row[0], row[1]);
                               }))
        .to("out");
  });
}
std::string take(TextDriver& driver) { return driver.take<std::string, std::string>("out"); }

TEST(ImputeLast, FillsWithTheLastValueOfTheKey) {
  TextDriver driver = filling(0ms);
  driver.feed<std::string, std::string>("in", "a:1/@0 b:/7@1 a:/2@2 b:/@3 a:/@9999");
  EXPECT_EQ(take(driver), "a:1/nan@0 b:nan/7@1 a:1/2@2 b:nan/7@3 a:1/2@9999");
}

TEST(ImputeLast, TakesNothingThatIsTooOld) {
  TextDriver driver = filling(10ms);
  driver.feed<std::string, std::string>("in", "a:1/2@0 a:/@10 a:/3@11 a:/@21 a:/@22");
  EXPECT_EQ(take(driver), "a:1/2@0 a:1/2@10 a:nan/3@11 a:nan/3@21 a:nan/nan@22");
}

TEST(ImputeLast, LateRecordsNeitherSeeNorReplaceWhatIsNewer) {
  TextDriver driver = filling(0ms);
  driver.feed<std::string, std::string>("in", "a:5/5@10 a:/4@5 a:/@20 a:6/@10 a:/@10");
  EXPECT_EQ(take(driver), "a:5/5@10 a:nan/4@5 a:5/5@20 a:6/5@10 a:6/5@10");
}

TEST(ImputeLast, InfiniteValuesAreValues) {
  TextDriver driver = filling(0ms);
  driver.feed<std::string, std::string>("in", "a:inf/-inf@0");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::string>("in", "a:/@1");
  EXPECT_EQ(take(driver), "a:inf/-inf@0 a:inf/-inf@1");
}

TEST(ImputeLast, ARecordThatCannotBeReadChangesNothing) {
  TextDriver driver = filling(0ms);
  driver.feed<std::string, std::string>("in", "a:1/1@0 a:2/x@1 a:/@2");
  EXPECT_EQ(take(driver), "a:1/1@0 a:1/1@2");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(ImputeLast, GoesOnAfterRestartsAsIfNothingHadHappened) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  TextDriver calm = filling(20ms);
  TextDriver restarted = filling(20ms);
  std::string expected;
  std::string got;
  for (int i = 0; i < 200; ++i) {
    const auto cell = [&] { return random() % 2 == 0 ? std::string() : std::to_string(random() % 100); };
    const std::string record =
        fmt::format("{}:{}/{}@{}", "abc"[random() % 3], cell(), cell(), i + static_cast<int>(random() % 9));
    calm.feed<std::string, std::string>("in", record);
    restarted.feed<std::string, std::string>("in", record);
    if (random() % 5 == 0) {
      ASSERT_TRUE(restarted.driver().restart().ok());
    }
    expected += take(calm) + " ";
    got += take(restarted) + " ";
  }
  EXPECT_EQ(got, expected);
}

}  // namespace impute_last_test
}  // namespace weir
