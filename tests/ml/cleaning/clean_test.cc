#include <weir/ml/cleaning/clean.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/json_serde.h>
#include <weir/ml/cleaning/dedupe.h>
#include <weir/ml/cleaning/validate.h>
#include <weir/operators/map_values.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace clean_test {

using namespace std::chrono_literals;

struct Payment {
  std::string id;
  std::optional<double> amount = {};
  std::string country = {};
};

std::shared_ptr<const ml::RowCleaner> cleaner(ml::WhenMissing when_missing) {
  auto made = ml::RowCleaner::make(
      {.columns = {{.name = "amount", .steps = {ml::standardise(10, 5)}, .when_missing = when_missing},
                   {.name = "country", .steps = {ml::one_hot({"DE"})}}}});
  EXPECT_TRUE(made.ok()) << made.status();
  return std::make_shared<const ml::RowCleaner>(*std::move(made));
}

std::string text_of(std::span<const float> row) {
  std::string text;
  for (const float value : row) text += (text.empty() ? "" : ",") + Text<float>::print(value);
  return text;
}

}  // namespace clean_test

template <>
struct Serde<clean_test::Payment> : JsonSerde<clean_test::Payment> {
  static constexpr auto kFields =
      fields(field("id", &clean_test::Payment::id), field("amount", &clean_test::Payment::amount),
             field("country", &clean_test::Payment::country));
};

namespace clean_test {

// All of the room in one stream.
TEST(Clean, MakesRowsOfWhatIsValidAndNew) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto rules =
        ml::Rules<Payment>().required("id", &Payment::id).between("amount", &Payment::amount, 0, 100);
    const auto checked = builder.stream<std::string, Payment>("payments").apply(ml::validate(rules));
    checked.invalid.map_values([](const ml::Invalid<Payment>& payment) { return payment.reasons.front(); })
        .to("refused");
    checked.valid
        .apply(ml::dedupe({.store = "seen", .within = 1h, .grace = 1h},
                          [](const Payment& payment) { return payment.id; }))
        .apply(ml::clean(
            {.cleaner = cleaner(ml::WhenMissing::kRefuse), .on_error = ErrorPolicy::kSkip},
            [](const Payment& payment) {
              return std::array<ml::Cell, 2>{payment.amount ? ml::Cell(*payment.amount) : ml::Cell(),
                                             payment.country};
            },
            [](const Payment& payment, std::span<const float> row) {
              return payment.id + "=" + text_of(row);
            }))
        .to("rows");
  });
  Timestamp time = 0;
  const auto pay = [&](const Payment& payment) {
    EXPECT_TRUE((driver.driver().pipe<std::string, Payment>("payments", "k", payment, time++).ok()));
  };
  pay({"1", 20, "DE"});
  pay({"1", 25, "DE"});
  pay({"2", 200, "DE"});
  pay({"", 1, "DE"});
  pay({"3", std::nullopt, "DE"});
  pay({"4", 0, "IT"});
  EXPECT_EQ((driver.take<std::string, std::string>("rows")), "k:1=2,0,1@0 k:4=-2,1,0@5");
  const auto refused = driver.driver().read<std::string, std::string>("refused");
  ASSERT_EQ(refused.size(), 2U);
  EXPECT_EQ(refused[0].value, "amount: 200 is not between 0 and 100");
  EXPECT_EQ(refused[1].value, "id: it is missing");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
  EXPECT_EQ(driver.dropped(DropReason::kDuplicate), 1U);
}

TEST(Clean, TakesRowsOfFloatsAndKeepsTimeAndHeaders) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, double>("in")
        .apply(ml::clean(
            {.cleaner = cleaner(ml::WhenMissing::kKeep)},
            [](double number) {
              return std::vector<float>{static_cast<float>(number), 1};
            },
            [](double, std::span<const float> row) { return text_of(row); }))
        .to("out");
  });
  ASSERT_TRUE((driver.driver().pipe<std::string, double>("in", "a", 15, 7, {{"h", "v"}}).ok()));
  const auto out = driver.driver().read<std::string, std::string>("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].value, "1,1,0");
  EXPECT_EQ(out[0].timestamp, 7);
  EXPECT_EQ(out[0].headers, (Headers{{"h", "v"}}));
}

TEST(Clean, WithoutCleanerIsAProblem) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, double>("in")
        .apply(ml::clean(
            {}, [](double number) { return std::vector<float>{static_cast<float>(number)}; },
            [](double, std::span<const float> row) { return static_cast<double>(row[0]); }))
        .to("out");
  });
  EXPECT_NE(problems.find("clean: options.cleaner is not set"), std::string::npos) << problems;
}

}  // namespace clean_test
}  // namespace weir
