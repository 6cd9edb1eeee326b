#include <weir/ml/model.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::ml {
namespace {

// A model as a user would write it.
class Ratio final : public Model {
 public:
  Ratio() : Model({"ratio", "1", ""}, {{"spent", "limit"}, {"ratio", "over"}}) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::span<const float> row = rows.row(i);
      scores[2 * i] = row[0] / row[1];
      scores[2 * i + 1] = row[0] > row[1] ? 1.0f : 0.0f;
    }
  }
};

TEST(Model, CarriesItsIdentityAndItsColumns) {
  const std::shared_ptr<const Model> model = std::make_shared<Ratio>();
  EXPECT_EQ(model->name(), "ratio");
  EXPECT_EQ(model->version(), "1");
  EXPECT_EQ(model->digest(), "");
  EXPECT_EQ(model->inputs().size(), 2u);
  EXPECT_EQ(model->outputs()[1], "over");
  EXPECT_EQ(model->input_index("limit"), 1u);
  EXPECT_EQ(model->input_index("nothing"), std::nullopt);
}

TEST(Model, ScoresABatchRowByRow) {
  const Ratio model;
  const std::vector<float> values{1, 2, 6, 3};
  std::vector<float> scores(4);
  ASSERT_TRUE(model.predict(RowBatch(values, 2), scores).ok());
  EXPECT_EQ(scores, (std::vector<float>{0.5f, 0.0f, 2.0f, 1.0f}));
}

TEST(Model, ScoresASingleRow) {
  const Ratio model;
  const std::vector<float> row{6, 3};
  std::vector<float> scores(2);
  ASSERT_TRUE(model.predict_row(row, scores).ok());
  EXPECT_EQ(scores, (std::vector<float>{2.0f, 1.0f}));
}

TEST(Model, TakesAnEmptyBatch) {
  const Ratio model;
  EXPECT_TRUE(model.predict(RowBatch({}, 2), {}).ok());
}

TEST(Model, RefusesRowsOfOtherWidth) {
  const Ratio model;
  const std::vector<float> values{1, 2, 3};
  std::vector<float> scores(2, -1.0f);
  const absl::Status status = model.predict(RowBatch(values, 3), scores);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "model ratio: rows have another number of columns: expected=2 got=3");
  EXPECT_EQ(scores, (std::vector<float>{-1.0f, -1.0f}));
  EXPECT_FALSE(model.predict(RowBatch({}, 0), {}).ok());
}

TEST(Model, RefusesARowThatIsNotWhole) {
  const Ratio model;
  const std::vector<float> values{1, 2, 3};
  std::vector<float> scores(2);
  EXPECT_EQ(model.predict(RowBatch(values, 2), scores).message(),
            "model ratio: the last row is not whole: values=3 columns=2");
}

TEST(Model, RefusesRoomForAnotherNumberOfScores) {
  const Ratio model;
  const std::vector<float> values{1, 2, 3, 4};
  std::vector<float> scores(3);
  EXPECT_EQ(model.predict(RowBatch(values, 2), scores).message(),
            "model ratio: room for another number of scores: expected=2 rows x 2 outputs, got=3");
}

TEST(RowBatch, SlicesWithoutCopying) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const RowBatch batch(values, 2);
  const RowBatch tail = batch.slice(1, 2);
  EXPECT_EQ(tail.rows(), 2u);
  EXPECT_EQ(tail.row(1).data(), values.data() + 4);
  EXPECT_EQ(RowBatch::single(values).rows(), 1u);
  EXPECT_EQ(RowBatch::single(values).columns(), 6u);
}

}  // namespace
}  // namespace weir::ml
