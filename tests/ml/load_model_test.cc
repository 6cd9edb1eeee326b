#include <weir/ml/load_model.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lightgbm_sample.h"
#include "trainer.h"

namespace weir::ml::load_model_test {
namespace {

using testing::generate;
using testing::Label;
using testing::Trained;

std::vector<float> scores_of(const Model& model, const std::vector<float>& values) {
  const RowBatch rows(values, model.inputs().size());
  std::vector<float> scores(rows.rows() * model.outputs().size());
  EXPECT_TRUE(model.predict(rows, scores).ok());
  return scores;
}

std::string message_of(const std::string& bytes) { return std::string(load_model(bytes).status().message()); }

TEST(LoadModel, TellsFormatsApart) {
  const testing::Data data = generate(5, 100, 4, Label::kBinary);
  const Trained trained(data, {{"objective", "binary:logistic"}}, 3);
  const auto from_json = load_model(trained.json());
  const auto from_ubjson = load_model(trained.ubjson());
  ASSERT_TRUE(from_json.ok() && from_ubjson.ok());
  EXPECT_EQ((*from_json)->name(), "xgboost");
  EXPECT_EQ(scores_of(**from_json, data.values), scores_of(**from_ubjson, data.values));
  const auto lightgbm = load_model(testing::lightgbm_sample());
  ASSERT_TRUE(lightgbm.ok());
  EXPECT_EQ((*lightgbm)->name(), "lightgbm");
}

TEST(LoadModel, SaysWhatItReadsWhenItIsNoneOfIt) {
  EXPECT_EQ(message_of(""), "the model is empty");
  EXPECT_TRUE(message_of("PK\x03\x04")
                  .starts_with("neither a model of XGBoost (JSON or UBJSON) nor one of LightGBM"));
  EXPECT_EQ(message_of("{L"), "not UBJSON at byte 2: a number is cut off");
  EXPECT_EQ(message_of("binf0000"),
            "looks like the old binary format: save the model under a name that ends in .json or .ubj");
}

TEST(LoadModel, NamesAModelAfterItsFile) {
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("weir-load-model-" + std::to_string(getpid()) + ".txt");
  std::ofstream(path) << testing::lightgbm_sample();
  const auto model = load_model_file(path.string());
  std::ofstream(path) << "tree\n";
  const absl::Status broken = load_model_file(path.string()).status();
  std::filesystem::remove(path);
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->name(), path.stem().string());
  EXPECT_EQ(broken.message(), path.string() + ": line 1: the text ends before its line 'end of trees'");
  EXPECT_EQ(load_model_file(path.string()).status().message(), path.string() + ": no such file");
}

// Rows of doubles are read as XGBoost reads them: as floats.
TEST(LoadModel, ModelsOfFloatsCanBeAskedInDouble) {
  const testing::Data data = generate(5, 100, 4, Label::kReal);
  const auto model = load_model(Trained(data, {}, 3).ubjson());
  ASSERT_TRUE(model.ok());
  EXPECT_EQ((*model)->precision(), Precision::kFloat);
  const std::vector<double> wide(data.values.begin(), data.values.end());
  std::vector<double> scores(data.rows);
  ASSERT_TRUE((*model)->predict(DoubleRowBatch(wide, 4), scores).ok());
  const std::vector<float> expected = scores_of(**model, data.values);
  EXPECT_EQ(scores, std::vector<double>(expected.begin(), expected.end()));
  EXPECT_EQ((*model)->predict(DoubleRowBatch(wide, 5), scores).message(),
            "model xgboost: rows have another number of columns: expected=4 got=5");
}

}  // namespace
}  // namespace weir::ml::load_model_test
