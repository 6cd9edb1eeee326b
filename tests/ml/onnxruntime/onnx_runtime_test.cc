// ONNX Runtime as a backend: what it scores, and what is said where it cannot.
#include <weir/ml/onnxruntime/onnx_runtime.h>

#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <weir/ml/load_model.h>

#include "onnx/onnx_graph.h"
#include "onnxruntime/library_of_wheel.h"

namespace weir::ml {
namespace {

using testing::attribute;
using testing::constant;
using testing::convolution_model;
using ::testing::HasSubstr;
using testing::learned;
using testing::library_of_wheel;
using testing::model;
using testing::node;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

absl::Status status_of(const std::string& bytes, const LoadOptions& options) {
  return load_model(bytes, options).status();
}

class OnnxRuntimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    library_ = library_of_wheel();
    if (library_.empty())
      GTEST_SKIP() << "skipped: ONNX Runtime is not there to load; ./dev test installs it";
  }

  LoadOptions options(bool always = false) const {
    return {.onnx_runtime = {.library = library_, .always = always}};
  }

  Floats scores_of(const std::string& bytes, const Floats& rows, bool always = false) const {
    const auto loaded = load_model(bytes, options(always));
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    if (!loaded.ok()) return {};
    const std::size_t columns = (*loaded)->inputs().size();
    Floats scores(rows.size() / columns * (*loaded)->outputs().size());
    EXPECT_TRUE((*loaded)->predict(RowBatch(rows, columns), scores).ok());
    return scores;
  }

  std::string library_;
};

TEST_F(OnnxRuntimeTest, ScoresWhatIsBeyondTheNativeOperators) {
  EXPECT_EQ(status_of(convolution_model(), {}).message(), "the operator Conv is not supported");
  EXPECT_EQ(scores_of(convolution_model(), {1, 2, 4, 10, 20, 40}), (Floats{3, 6, 30, 60}));
}

TEST_F(OnnxRuntimeTest, ScoresAsTheNativeOperatorsDo) {
  const Floats rows = {1, 1, 1, -1, 0.5f, 3};
  EXPECT_EQ(scores_of(testing::network_model(), rows, true),
            scores_of(testing::network_model(), rows, false));
  const auto loaded = load_model(testing::network_model(), options(true));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT((*loaded)->inputs(), ::testing::ElementsAre("X_0", "X_1"));
  EXPECT_THAT((*loaded)->outputs(), ::testing::ElementsAre("c_0", "c_1", "c_2", "label"));
  EXPECT_EQ((*loaded)->version(), (*loaded)->digest().substr(0, 12));
}

TEST_F(OnnxRuntimeTest, ScoresARowTheSameWhateverItsBatch) {
  std::vector<float> weights(40 * 3);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = std::sin(static_cast<float>(i)) * 100.0f;
  const std::string bytes =
      model(constant("W", {40, 3}, weights) + node("MatMul", {"X", "W"}, {"Y"}), 40, {"Y"});
  Floats rows(40 * 9);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = std::cos(static_cast<float>(i)) * 10.0f;
  const Floats together = scores_of(bytes, rows, true);
  ASSERT_EQ(together.size(), 27u);
  for (std::size_t i = 0; i < 9; ++i) {
    const Floats alone = scores_of(bytes,
                                   Floats(rows.begin() + static_cast<std::ptrdiff_t>(i * 40),
                                          rows.begin() + static_cast<std::ptrdiff_t>(i * 40 + 40)),
                                   true);
    EXPECT_EQ(alone, Floats(together.begin() + static_cast<std::ptrdiff_t>(i * 3),
                            together.begin() + static_cast<std::ptrdiff_t>(i * 3 + 3)));
  }
}

TEST_F(OnnxRuntimeTest, GivesRowsTogetherWhereThatIsWanted) {
  LoadOptions together = options(true);
  together.onnx_runtime.batches = true;
  const auto loaded = load_model(testing::network_model(), together);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  Floats rows;
  for (int i = 0; i < 600; ++i) rows.push_back(static_cast<float>(i % 7) - 3);
  Floats scores(300 * (*loaded)->outputs().size());
  ASSERT_TRUE((*loaded)->predict(RowBatch(rows, 2), scores).ok());
  EXPECT_EQ(scores, scores_of(testing::network_model(), rows, true));

  // A row that is refused takes no others with it, and one that makes two of a row is asked for each alone.
  const std::string strict = model(learned("OneHotEncoder", {"X"}, {"Y"},
                                           attribute("cats_int64s", Integers{0, 2}) + attribute("zeros", 0)),
                                   1, {"Y"});
  const std::string list =
      model(constant("one", {1}, Integers{-1}) + node("Reshape", {"X", "one"}, {"Y"}), 2, {"Y"});
  for (const auto& [bytes, row, columns, expected] :
       {std::tuple{strict, Floats{2, 3, 0}, 1, Floats{0, 1, -1, -1, 1, 0}},
        std::tuple{list, Floats{1, 2, 3, 4}, 2, Floats{1, 2, 3, 4}}}) {
    const auto each = load_model(bytes, together);
    ASSERT_TRUE(each.ok()) << each.status();
    Floats result(expected.size());
    ASSERT_TRUE((*each)->predict(RowBatch(row, static_cast<std::size_t>(columns)), result).ok());
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (expected[i] < 0) {
        EXPECT_TRUE(std::isnan(result[i]));
      } else {
        EXPECT_EQ(result[i], expected[i]);
      }
    }
  }
}

TEST_F(OnnxRuntimeTest, GivesNothingForARowThatTheLibraryRefuses) {
  const std::string strict = model(learned("OneHotEncoder", {"X"}, {"Y"},
                                           attribute("cats_int64s", Integers{0, 2}) + attribute("zeros", 0)),
                                   1, {"Y"});
  const Floats scores = scores_of(strict, {2, 3, 0}, true);
  ASSERT_EQ(scores.size(), 6u);
  EXPECT_EQ(scores[1], 1);
  EXPECT_TRUE(std::isnan(scores[2]) && std::isnan(scores[3]));
  EXPECT_EQ(scores[4], 1);
}

TEST_F(OnnxRuntimeTest, ScoresOnManyThreads) {
  const auto loaded = load_model(convolution_model(), options());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const auto number = static_cast<float>(thread);
      Floats scores(2);
      for (int i = 0; i < 200; ++i) {
        const bool is_ok = (*loaded)->predict_row(Floats{number, 1, 2}, scores).ok();
        if (!is_ok || scores != Floats{number + 1, 3}) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(OnnxRuntimeTest, RefusesModelsWithTheReason) {
  const absl::Status garbage = load_onnx_by_runtime("\x08\x08 no model", options()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(garbage)) << garbage;
  EXPECT_THAT(garbage.message(), HasSubstr("does not take the model"));
  EXPECT_THAT(status_of(testing::stumps_model(), options(true)).message(),
              HasSubstr("'label' is of elements of ONNX's type 8"));
  LoadOptions margin = options(true);
  margin.output = Output::kMargin;
  EXPECT_TRUE(absl::IsUnimplemented(status_of(convolution_model(), margin)));
  LoadOptions narrow = options(true);
  narrow.limits.outputs = 1;
  EXPECT_TRUE(absl::IsResourceExhausted(status_of(convolution_model(), narrow)));
  narrow = options(true);
  narrow.limits.features = 2;
  EXPECT_TRUE(absl::IsResourceExhausted(status_of(convolution_model(), narrow)));
  LoadOptions none = options(true);
  none.onnx_runtime.threads = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(status_of(convolution_model(), none)));
}

TEST(OnnxRuntimeLibrary, IsRefusedWithTheReason) {
  const absl::Status missing =
      status_of(convolution_model(), {.onnx_runtime = {.library = "/nowhere/libonnxruntime.so"}});
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_THAT(missing.message(), HasSubstr("/nowhere/libonnxruntime.so"));
  const absl::Status other = status_of(convolution_model(), {.onnx_runtime = {.library = "libm.so.6"}});
  EXPECT_TRUE(absl::IsInvalidArgument(other)) << other;
  EXPECT_EQ(other.message(), "libm.so.6 is no library of ONNX Runtime: it has no OrtGetApiBase");
  EXPECT_TRUE(absl::IsInvalidArgument(load_onnx_by_runtime(convolution_model(), {}).status()));
}

TEST(OnnxRuntimeLibrary, IsNotOpenedForModelsThatAreScoredWithoutIt) {
  EXPECT_TRUE(
      load_model(testing::network_model(), {.onnx_runtime = {.library = "/nowhere/libonnxruntime.so"}}).ok());
}

}  // namespace
}  // namespace weir::ml
