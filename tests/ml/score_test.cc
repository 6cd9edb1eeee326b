// Does the score verb do in a topology what ml/score.h says?
#include <weir/ml/score.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/weir.h>

#include "support/records.h"

namespace weir::ml {
namespace {

// Answers the ratio of its two inputs, and their sum.
class RatioModel final : public Model {
 public:
  RatioModel() : Model({"ratio", "7", "0123456789abcdef"}, {{"spent", "limit"}, {"ratio", "sum"}}) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      scores[2 * i] = rows.row(i)[0] / rows.row(i)[1];
      scores[2 * i + 1] = rows.row(i)[0] + rows.row(i)[1];
    }
  }
};

// A row of a value: the value itself and 4.
std::array<float, 2> row_of(std::int64_t value) {
  if (value < 0) throw std::invalid_argument("a negative value");
  return {static_cast<float>(value), value == 13 ? 0.0F : 4.0F};
}

std::string shown(std::int64_t value, std::span<const float> scores) {
  return std::to_string(value) + "/" + std::to_string(scores[0]).substr(0, 4);
}

ScoreOptions ratio(ErrorPolicy on_error = ErrorPolicy::kInherit) {
  return {.model = std::make_shared<RatioModel>(), .name = "ratio", .on_error = on_error};
}

void score_numbers(StreamBuilder& builder, const ScoreOptions& options) {
  builder.stream<std::string, std::int64_t>("in").apply(score(options, row_of, shown)).to("out");
}

TEST(Score, ReplacesTheValueByWhatIsMadeOfTheScores) {
  TextDriver driver([](StreamBuilder& builder) { score_numbers(builder, ratio()); });
  driver.feed<std::string, std::int64_t>("in", "a:1@5 b:2@3 a:8@9");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:1/0.25@5 b:2/0.50@3 a:8/2.00@9");
}

TEST(Score, StampsTheModelBesideTheRecordsOwnHeaders) {
  StreamBuilder builder;
  score_numbers(builder, ratio());
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  auto driver = TopologyDriver::create(*topology);
  ASSERT_TRUE(driver.ok()) << driver.status();
  ASSERT_TRUE(((*driver)->pipe<std::string, std::int64_t>("in", "a", 1, 5, {{"trace", "t1"}})).ok());
  const auto outputs = (*driver)->read<std::string, std::string>("out");
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].headers, (Headers{{"trace", "t1"},
                                         {kModelNameHeader, "ratio"},
                                         {kModelVersionHeader, "7"},
                                         {kModelDigestHeader, "0123456789ab"},
                                         {kPredictionHeader, "in-0-0"}}));
}

TEST(Score, LeavesHeadersAloneWhenToldSo) {
  StreamBuilder builder;
  ScoreOptions options = ratio();
  options.stamp = false;
  score_numbers(builder, options);
  auto driver = TopologyDriver::create(*builder.build());
  ASSERT_TRUE(driver.ok()) << driver.status();
  ASSERT_TRUE(((*driver)->pipe<std::string, std::int64_t>("in", "a", 1, 5)).ok());
  EXPECT_TRUE(((*driver)->read<std::string, std::string>("out").at(0).headers.empty()));
}

TEST(Score, TreatsAScoreThatIsNotFiniteByThePolicyOfTheNode) {
  StreamBuilder builder;
  score_numbers(builder, ratio(ErrorPolicy::kSkip));
  auto driver = TopologyDriver::create(*builder.build());
  ASSERT_TRUE(driver.ok()) << driver.status();
  for (const std::int64_t value : {1, 13, -1, 2}) {
    ASSERT_TRUE(((*driver)->pipe<std::string, std::int64_t>("in", "a", value, 5)).ok());
  }
  EXPECT_EQ(((*driver)->read<std::string, std::string>("out").size()), 2u);
  EXPECT_EQ((*driver)->counters().dropped[static_cast<std::size_t>(DropReason::kFailed)], 2u);
}

TEST(Score, NamesModelAndOutputWhenItFails) {
  StreamBuilder builder;
  score_numbers(builder, ratio());
  auto driver = TopologyDriver::create(*builder.build());
  ASSERT_TRUE(driver.ok()) << driver.status();
  const absl::Status status = (*driver)->pipe<std::string, std::int64_t>("in", "a", 13, 5);
  EXPECT_NE(message_of(status).find("model ratio: output 0 is inf"), std::string::npos) << status;
  EXPECT_NE(message_of(status).find("node 'ratio'"), std::string::npos) << status;
}

TEST(Score, RefusesARowOfAnotherWidthBeforeAnythingRuns) {
  StreamBuilder builder;
  builder.stream<std::string, std::int64_t>("in")
      .apply(score(
          ratio(),
          [](std::int64_t value) {
            return std::array<float, 3>{static_cast<float>(value), 1, 2};
          },
          shown))
      .to("out");
  const auto topology = builder.build();
  ASSERT_FALSE(topology.ok());
  EXPECT_NE(message_of(topology.status()).find("takes rows of 2 columns, these have 3"), std::string::npos)
      << topology.status();
  EXPECT_NE(message_of(topology.status()).find("score_test.cc"), std::string::npos) << topology.status();
}

TEST(Score, RefusesARowWhoseWidthTurnsOutWrong) {
  StreamBuilder builder;
  builder.stream<std::string, std::int64_t>("in")
      .apply(score(
          ratio(), [](std::int64_t value) { return std::vector<float>{static_cast<float>(value)}; }, shown))
      .to("out");
  auto driver = TopologyDriver::create(*builder.build());
  ASSERT_TRUE(driver.ok()) << driver.status();
  EXPECT_FALSE(((*driver)->pipe<std::string, std::int64_t>("in", "a", 1, 5)).ok());
}

TEST(Score, NeedsAModel) {
  StreamBuilder builder;
  score_numbers(builder, {});
  const auto topology = builder.build();
  ASSERT_FALSE(topology.ok());
  EXPECT_NE(message_of(topology.status()).find("neither options.model nor options.models is set"),
            std::string::npos)
      << topology.status();
}

template <class F>
concept CanMakeRows = RowMakerOver<F, std::string, std::int64_t>;
static_assert(CanMakeRows<decltype([](std::int64_t) { return std::vector<float>(); })>);
static_assert(!CanMakeRows<decltype([](std::int64_t) { return std::vector<double>(); })>);  // not floats
static_assert(
    !CanMakeRows<decltype([](const std::string&) { return std::vector<float>(); })>);  // another value type

}  // namespace
}  // namespace weir::ml
