#include <weir/ml/cleaning/row_cleaner.h>

#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/cleaning/column_fit.h>

#include "support/random_cases.h"

namespace weir::ml {
namespace row_cleaner_test {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

CleaningPlan plan() {
  return {.columns = {{.name = "amount", .steps = {impute(20), clip(0, 500), standardise(100, 50)}},
                      {.name = "country", .steps = {one_hot({"DE", "FR"})}},
                      {.name = "shop", .steps = {label_encode({"corner", "mall"})}},
                      {.name = "device", .steps = {hash_feature(1024, 7)}},
                      {.name = "age"}}};
}

RowCleaner made(CleaningPlan wanted) {
  absl::StatusOr<RowCleaner> cleaner = RowCleaner::make(std::move(wanted));
  EXPECT_TRUE(cleaner.ok()) << cleaner.status();
  return *std::move(cleaner);
}

std::vector<float> cleaned(const RowCleaner& cleaner, const std::vector<Cell>& row) {
  std::vector<float> out(cleaner.outputs().size(), -77);
  const absl::Status status = cleaner.clean(row, out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

std::string refusal(CleaningPlan wanted) {
  return std::string(RowCleaner::make(std::move(wanted)).status().message());
}

std::string refusal(const RowCleaner& cleaner, const std::vector<Cell>& row) {
  std::vector<float> out(cleaner.outputs().size());
  return std::string(cleaner.clean(row, out).message());
}

TEST(RowCleaner, NamesWhatGoesInAndWhatComesOut) {
  const RowCleaner cleaner = made(plan());
  const auto texts = [](std::span<const std::string> names) {
    return std::vector<std::string>(names.begin(), names.end());
  };
  EXPECT_EQ(texts(cleaner.inputs()),
            (std::vector<std::string>{"amount", "country", "shop", "device", "age"}));
  EXPECT_EQ(texts(cleaner.outputs()), (std::vector<std::string>{"amount", "country=?", "country=DE",
                                                                "country=FR", "shop", "device", "age"}));
}

TEST(RowCleaner, TakesEachColumnThroughItsSteps) {
  const RowCleaner cleaner = made(plan());
  std::vector<float> row = cleaned(cleaner, {150.0, "FR", "mall", "phone", 33.0});
  EXPECT_EQ(row[5], std::floor(row[5]));
  EXPECT_GE(row[5], 1);
  EXPECT_LT(row[5], 1024);
  row[5] = 0;
  EXPECT_EQ(row, (std::vector<float>{1, 0, 0, 1, 2, 0, 33}));
  EXPECT_EQ(cleaned(cleaner, {9'000.0, "DE", "corner", "phone", 33.0})[0], 8);
}

TEST(RowCleaner, UnknownAndMissingCategoriesAreTheReservedOne) {
  const RowCleaner cleaner = made(plan());
  EXPECT_EQ(cleaned(cleaner, {0.0, "IT", "kiosk", std::monostate(), 1.0}),
            (std::vector<float>{-2, 1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(cleaned(cleaner, {0.0, std::monostate(), std::nan(""), std::monostate(), 1.0}),
            (std::vector<float>{-2, 1, 0, 0, 0, 0, 1}));
}

TEST(RowCleaner, MissingNumbersAreImputedOrStayNan) {
  const RowCleaner cleaner = made(plan());
  for (const Cell& missing : {Cell(), Cell(std::nan("")), Cell(kInfinity)}) {
    const std::vector<float> row = cleaned(cleaner, {missing, "DE", "mall", "phone", missing});
    EXPECT_EQ(row[0], -1.6F);
    EXPECT_TRUE(std::isnan(row[6]));
  }
}

TEST(RowCleaner, RefusesWhatThePlanSays) {
  const RowCleaner cleaner = made({.columns = {{.name = "a", .when_missing = WhenMissing::kRefuse},
                                               {.name = "b", .when_infinite = WhenInfinite::kRefuse},
                                               {.name = "c", .when_infinite = WhenInfinite::kKeep}}});
  EXPECT_EQ(refusal(cleaner, {Cell(), 1.0, 1.0}), "column 'a': the number is missing");
  EXPECT_EQ(refusal(cleaner, {kInfinity, 1.0, 1.0}), "column 'a': the number is missing");
  EXPECT_EQ(refusal(cleaner, {1.0, -kInfinity, 1.0}), "column 'b': the number is infinite");
  EXPECT_EQ(refusal(cleaner, {1.0, 1e300, 1.0}), "column 'b': the number is too large for a float");
  EXPECT_EQ(refusal(cleaner, {1.0, "2", 1.0}), "column 'b': expected a number, got '2'");
  EXPECT_EQ(refusal(cleaner, {1.0, 2.0}),
            "the plan makes 3 values of 3, the row has 2 and there is room for 3");
  EXPECT_EQ(cleaned(cleaner, {1.0, 2.0, -1e300})[2], -std::numeric_limits<float>::infinity());
}

TEST(RowCleaner, NumbersAreCategoriesByTheirShortestText) {
  const RowCleaner cleaner =
      made({.columns = {{.name = "code", .steps = {label_encode({"3", "0.1", "0"})}}}});
  EXPECT_EQ(cleaned(cleaner, {3.0}), std::vector<float>{1});
  EXPECT_EQ(cleaned(cleaner, {0.1}), std::vector<float>{2});
  EXPECT_EQ(cleaned(cleaner, {-0.0}), std::vector<float>{3});
  const std::vector<float> floats = {3};
  std::vector<float> out(1);
  ASSERT_TRUE(cleaner.clean(floats, out).ok());
  EXPECT_EQ(out, std::vector<float>{1});
}

TEST(RowCleaner, HashesSpreadAndNeverChange) {
  const RowCleaner cleaner = made({.columns = {{.name = "a", .steps = {hash_feature(11)}},
                                               {.name = "b", .steps = {hash_feature(11, 1)}}}});
  std::map<float, int> counts;
  int same = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string text = "item " + std::to_string(i);
    const std::vector<float> row = cleaned(cleaner, {text, text});
    ++counts[row[0]];
    same += row[0] == row[1] ? 1 : 0;
  }
  ASSERT_EQ(counts.size(), 10U);
  for (const auto& [bucket, count] : counts) EXPECT_NEAR(count, 1'000, 150) << bucket;
  EXPECT_NEAR(same, 1'000, 150);
  // Models are trained on these.
  const RowCleaner wide = made({.columns = {{.name = "a", .steps = {hash_feature(1 << 24)}}}});
  EXPECT_EQ(cleaned(wide, {"corner shop"}), cleaned(wide, {"corner shop"}));
  EXPECT_NE(cleaned(wide, {"corner shop"}), cleaned(wide, {"corner shoq"}));
}

TEST(RowCleaner, IsTheSameAfterJson) {
  const RowCleaner cleaner = made(plan());
  const absl::StatusOr<RowCleaner> read = RowCleaner::parse(cleaner.to_json());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->to_json(), cleaner.to_json());
  const std::vector<Cell> row = {151.3, "FR", "mall", "phone", 33.0};
  EXPECT_EQ(cleaned(*read, row), cleaned(cleaner, row));
  EXPECT_EQ(
      RowCleaner::parse(R"({"version":1,"columns":[{"name":"x","steps":[{"clip":{"low":0,"high":1}}]}]})")
          ->to_json(),
      R"({"version":1,"columns":[{"name":"x","steps":[{"clip":{"low":0,"high":1}}],"when_missing":"keep","when_infinite":"missing"}]})");
}

TEST(RowCleaner, RefusesPlansThatCannotBe) {
  EXPECT_EQ(refusal({.version = 2, .columns = {{.name = "a"}}}),
            "the plan has version 2, this program knows 1");
  EXPECT_EQ(refusal({.columns = {}}), "the plan has no columns");
  EXPECT_EQ(refusal({.columns = {{.name = "a"}, {.name = "a"}}}),
            "column 1 has no name, or that of another: 'a'");
  EXPECT_EQ(refusal({.columns = {{.name = "a", .steps = {clip(2, 1)}}}}),
            "column 'a': clip: low=2 is not below high=1");
  EXPECT_EQ(refusal({.columns = {{.name = "a", .steps = {one_hot({"x", "x"})}}}}),
            "column 'a': the category 'x' is there twice");
  EXPECT_EQ(refusal({.columns = {{.name = "a", .steps = {hash_feature(1)}}}}),
            "column 'a': hash_feature: 1 buckets, there may be 2 to 16777216");
  EXPECT_EQ(refusal({.columns = {{.name = "a", .steps = {impute(1), label_encode({})}}}}),
            "column 'a': an encoder is its only step");
  EXPECT_EQ(
      refusal({.columns = {{.name = "a", .steps = {Step()}}}}),
      "column 'a': a step is exactly one of impute, normalise, clip, one_hot, label_encode and hash_feature");
  EXPECT_EQ(refusal({.columns = {{.name = "a", .steps = {impute(kInfinity)}}}}),
            "column 'a': impute: the value is not finite");
  EXPECT_EQ(refusal({.columns = {{.name = "a=?"}, {.name = "a", .steps = {one_hot({})}}}}),
            "two outputs are called 'a=?'");
}

// Whatever text arrives is a plan or is refused.
TEST(RowCleaner, DamagedJsonIsRefusedOrHarmless) {
  const unsigned seed = number_from_environment("WEIR_MUTATION_SEED", 1);
  std::mt19937 chance(seed);
  SCOPED_TRACE("WEIR_MUTATION_SEED=" + std::to_string(seed));
  const std::string json = made(plan()).to_json();
  int accepted = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string damaged = json;
    for (unsigned i = 1 + chance() % 3; i-- > 0;) {
      const std::size_t at = chance() % damaged.size();
      if (chance() % 2 == 0) {
        damaged[at] = "{}[]\",:0123456789eE-.x"[chance() % 22];
      } else {
        damaged.erase(at, 1 + chance() % 4);
      }
    }
    const auto cleaner = RowCleaner::parse(damaged);
    if (!cleaner.ok()) continue;
    ++accepted;
    std::vector<float> out(cleaner->outputs().size());
    static_cast<void>(cleaner->clean(std::vector<Cell>(cleaner->inputs().size(), Cell(1e9)), out));
  }
  EXPECT_GT(accepted, 0);
}

TEST(ColumnFit, FitsWhatThePlanNeeds) {
  NumberFit fit;
  for (const double number : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0, std::nan(""), kInfinity})
    fit.add(number);
  EXPECT_EQ(fit.count(), 8U);
  EXPECT_EQ(fit.left_out(), 2U);
  EXPECT_DOUBLE_EQ(fit.mean(), 5);
  EXPECT_DOUBLE_EQ(fit.deviation(), 2);
  EXPECT_EQ(fit.least(), 2);
  EXPECT_EQ(fit.largest(), 9);
  EXPECT_NEAR(fit.median(), 4, 0.04);
  EXPECT_NEAR(fit.quartile_distance(), 1, 0.1);
  const RowCleaner constant = made({.columns = {{.name = "x", .steps = {standardise(3, 0)}}}});
  EXPECT_EQ(cleaned(constant, {3.0}), std::vector<float>{0});

  CategoryFit categories(2);
  for (const char* category : {"b", "a", "b", "b", "a"}) categories.add(category);
  EXPECT_EQ(categories.categories(), (std::vector<std::string>{"a", "b"}));
}

}  // namespace row_cleaner_test
}  // namespace weir::ml
