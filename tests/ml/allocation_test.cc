// Counts what predict(), and a record on its way through a score operator or a feature view, take from the heap. A program of
// its own, because it replaces operator new.
#include <weir/ml/double_forest_model.h>
#include <weir/ml/forest_model.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/ensemble.h>
#include <weir/ml/features/feature_view.h>
#include <weir/ml/load_model.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/onnx/onnx_graph.h"
#include "support/batch_task.h"

namespace {
std::atomic<long> allocations{0};
}  // namespace

// Kept out of line, where the compiler cannot see one half of a pair without the other and warn of it.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weir::ml {
namespace {

// A forest of stumps over `features` columns, one per column.
ForestModel stumps(std::size_t features, std::size_t outputs, Link link) {
  std::vector<Tree> trees;
  for (std::size_t i = 0; i < features; ++i) {
    Tree tree;
    tree.output = i % outputs;
    tree.nodes = {
        {1, 2, static_cast<std::int32_t>(i), 0.5f, i % 2 == 0, 0.0f}, {.value = 1.0f}, {.value = -1.0f}};
    trees.push_back(tree);
  }
  Forest forest = *Forest::build(trees, features, std::vector<float>(outputs, 0.0f));
  return ForestModel(
      {"stumps", "1", ""},
      {std::vector<std::string>(features, "x"), std::vector<std::string>(outputs_of(link, outputs), "y")},
      std::move(forest), link);
}

std::shared_ptr<const Model> shared_stumps() {
  return std::shared_ptr<const Model>(new ForestModel(stumps(5, 1, Link::kSigmoid)));
}

TEST(Allocation, TheCounterCounts) {
  const long before = allocations.load();
  ::operator delete(::operator new(8));  // a new-expression could be optimised away
  EXPECT_GT(allocations.load(), before);
}

TEST(Allocation, PredictTakesNothingFromTheHeap) {
  // 20,000 columns are more than the walk keeps on its stack, so that path is here too.
  for (const std::size_t features : {std::size_t{5}, std::size_t{2'000}, std::size_t{20'000}}) {
    for (const Link link : {Link::kSigmoid, Link::kSoftmax, Link::kArgmax}) {
      const ForestModel model = stumps(features, 3, link);
      for (const std::size_t rows : {1, 3, 64}) {
        const std::vector<float> values(rows * features, 0.25f);
        std::vector<float> scores(rows * model.outputs().size());
        const long before = allocations.load();
        const absl::Status status = model.predict(RowBatch(values, features), scores);
        EXPECT_EQ(allocations.load(), before) << features << " features, " << rows << " rows";
        EXPECT_TRUE(status.ok());
      }
    }
  }
}

TEST(Allocation, AnEnsembleTakesNothingTheSecondTime) {
  const auto member = shared_stumps();
  const auto model = *ensemble({"both", "1"}, {member, member}, Combine::kMean);
  const std::vector<float> values(64 * 5, 0.25f);
  std::vector<float> scores(64);
  ASSERT_TRUE(model->predict(RowBatch(values, 5), scores).ok());
  const long before = allocations.load();
  const absl::Status status = model->predict(RowBatch(values, 5), scores);
  EXPECT_EQ(allocations.load(), before);
  EXPECT_TRUE(status.ok());
}

// Has a task work off three rounds of a thousand records; returns how often the last one took something from the heap.
long taken_by_a_round(BatchTask& task, const std::string& topic) {
  long taken = 0;
  for (int round = 0; round < 3; ++round) {
    for (std::int64_t i = 0; i < 1'000; ++i) task.add<std::string, std::int64_t>(topic, "k", i, i);
    const long before = allocations.load();
    const absl::Status worked = task.work();
    taken = allocations.load() - before;
    EXPECT_TRUE(worked.ok()) << worked;
  }
  return taken;
}

TEST(Allocation, ARecordThatIsScoredTakesNothing) {
  for (const std::size_t max_batch : {1, 64}) {
    const auto sum = std::make_shared<double>(0);
    BatchTask task([&](StreamBuilder& builder) {
      builder.stream<std::string, std::int64_t>("in")
          .apply(score(
              {.model = shared_stumps(), .stamp = false, .max_batch = max_batch},
              [](std::int64_t value) {
                std::array<float, 5> row{};
                row.fill(static_cast<float>(value) / 1'000);
                return row;
              },
              [](std::int64_t, std::span<const float> scores) { return scores[0]; }))
          .for_each([sum](float value) { *sum += static_cast<double>(value); });
    });
    EXPECT_EQ(taken_by_a_round(task, "in"), 0) << "batches of " << max_batch;
    EXPECT_GT(*sum, 0);
  }
}

TEST(Allocation, ARecordIsCleanedAndScoredWithoutTheHeap) {
  std::vector<ColumnPlan> columns(5);
  for (std::size_t i = 0; i < columns.size(); ++i)
    columns[i] = {.name = "x" + std::to_string(i), .steps = {impute(0), standardise(1, 2), clip(-3, 3)}};
  columns[4].steps = {label_encode({"some category", "another one"})};
  const auto cleaner = RowCleaner::make({.columns = std::move(columns)});
  ASSERT_TRUE(cleaner.ok()) << cleaner.status();
  const auto models = fixed_model(shared_stumps(), std::make_shared<const RowCleaner>(*cleaner));
  for (const std::size_t max_batch : {1, 64}) {
    const auto sum = std::make_shared<double>(0);
    BatchTask task([&](StreamBuilder& builder) {
      builder.stream<std::string, std::int64_t>("in")
          .apply(score(
              {.models = models, .stamp = false, .max_batch = max_batch},
              [](std::int64_t value) {
                const Cell number = static_cast<double>(value) / 100;
                return std::array<Cell, 5>{number, Cell(), number, number, "another one"};
              },
              [](std::int64_t, std::span<const float> scores) { return scores[0]; }))
          .for_each([sum](float value) { *sum += static_cast<double>(value); });
    });
    EXPECT_EQ(taken_by_a_round(task, "in"), 0) << "batches of " << max_batch;
    EXPECT_GT(*sum, 0);
  }
}

// With stamps: the strings of the headers, of which only the prediction's id is made anew.
TEST(Allocation, ARecordThatIsScoredAndStampedTakesOneString) {
  BatchTask task([&](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in-of-a-long-name")
        .apply(score(
            {.model = shared_stumps()}, [](std::int64_t) { return std::array<float, 5>{}; },
            [](std::int64_t, std::span<const float> scores) { return scores[0]; }))
        .for_each([](float) {});
  });
  EXPECT_LE(taken_by_a_round(task, "in-of-a-long-name"), 1'000);
}

// A view of four windows and their moments, of one key; rounds are of so many records, `pause` apart.
void expect_features_to_take(Duration pause, std::int64_t records, long most) {
  using namespace agg;
  const auto amount = [](std::int64_t value) { return static_cast<double>(value); };
  const auto view = features<std::int64_t>("card", 1)
                        .agg(statistics("amount", amount),
                             {std::chrono::hours(1), std::chrono::hours(24), days(7), days(30)})
                        .agg(maximum("amount", amount), {tumbling_window(std::chrono::hours(1))})
                        .agg(decayed_sum("amount", amount, std::chrono::minutes(10)))
                        .agg(time_since_last());
  const auto sum = std::make_shared<double>(0);
  BatchTask task([&](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").apply(view).for_each(
        [sum](const Featured<std::int64_t>& value) { *sum += static_cast<double>(value.row.values()[0]); });
  });
  Timestamp time = days(20'000).count();
  long taken = 0;
  for (int round = 0; round < 4; ++round) {
    for (std::int64_t i = 0; i < records; ++i, time += pause.count())
      task.add<std::string, std::int64_t>("in", "k", i, time);
    const long before = allocations.load();
    const absl::Status worked = task.work();
    taken = allocations.load() - before;
    ASSERT_TRUE(worked.ok()) << worked;
    ASSERT_TRUE(task.commit().ok());
  }
  EXPECT_LE(taken, most);
  EXPECT_GT(*sum, 0);
}

TEST(Allocation, ARecordThatIsGivenFeaturesTakesNothing) {
  expect_features_to_take(Duration(1), 1'000, /*most=*/0);
}

TEST(Allocation, FeaturesTakeFromTheHeapForTilesAndNotForRecords) {
  // 14 hours a round: 168 tiles of five minutes, 14 of an hour.
  expect_features_to_take(std::chrono::seconds(5), 10'000, /*most=*/200);
}

TEST(Allocation, ModelsOfOnnxTakeNothingFromTheHeapOnceAThreadHasScoredARow) {
  for (const std::string& bytes :
       {testing::network_model(), testing::stumps_model(), testing::neighbours_model()}) {
    const auto model = load_model(bytes);
    ASSERT_TRUE(model.ok()) << model.status();
    for (const std::size_t rows : {1, 64}) {
      const std::vector<float> values(rows * (*model)->inputs().size(), 0.25f);
      std::vector<float> scores(rows * (*model)->outputs().size());
      const RowBatch batch(values, (*model)->inputs().size());
      ASSERT_TRUE((*model)->predict(batch, scores).ok());
      const long before = allocations.load();
      const bool scored = (*model)->predict(batch, scores).ok();
      EXPECT_EQ(allocations.load(), before) << rows << " rows";
      EXPECT_TRUE(scored);
    }
  }
}

TEST(Allocation, ModelsInDoubleTakeNothingFromTheHeap) {
  for (const std::size_t features : {std::size_t{5}, std::size_t{2'000}, std::size_t{20'000}}) {
    std::vector<Tree> trees(40);
    for (std::size_t i = 0; i < trees.size(); ++i) {
      trees[i].output = i % 3;
      trees[i].nodes = {
          {1, 2, static_cast<std::int32_t>(i * 7 % features), 0.5}, {.value = 1.0}, {.value = -1.0}};
    }
    const DoubleForestModel model(
        {"stumps", "1", ""}, {std::vector<std::string>(features, "x"), std::vector<std::string>(3, "y")},
        *DoubleForest::build(trees, features, std::vector<double>(3, 0.0)), {DoubleLink::kSoftmax});
    for (const std::size_t rows : {1, 3, 64}) {
      const std::vector<float> values(rows * features, 0.25f);
      const std::vector<double> wide(values.begin(), values.end());
      std::vector<float> scores(rows * 3);
      std::vector<double> wide_scores(rows * 3);
      const long before = allocations.load();
      const bool scored = model.predict(RowBatch(values, features), scores).ok() &&
                          model.predict(DoubleRowBatch(wide, features), wide_scores).ok();
      EXPECT_EQ(allocations.load(), before) << features << " features, " << rows << " rows";
      EXPECT_TRUE(scored);
    }
  }
}

}  // namespace
}  // namespace weir::ml
