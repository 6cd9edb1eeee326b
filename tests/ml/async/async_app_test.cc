// Models on other threads, in applications with threads of their own.
#include <weir/ml/async/model_pool.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/ml/async/score_async.h>
#include <weir/weir.h>

#include "support/eventually.h"
#include "support/scratch_folder.h"

namespace weir::ml {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// Three times its input. Throws for -7; waits at 0 until it is let go.
class Tripling final : public Model {
 public:
  Tripling() : Model({"tripling", "3"}, {{"x"}, {"y"}}) {}
  void let_go() {
    const std::lock_guard lock(mutex_);
    waits_ = false;
    changed_.notify_all();
  }
  void wait_until_it_waits() const {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return at_zero_; });
  }
  std::size_t rows() const { return rows_; }

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const float value = rows.row(i)[0];
      if (value == -7) throw std::runtime_error("seven is not served");
      if (value == 0) {
        std::unique_lock lock(mutex_);
        at_zero_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !waits_; });
      }
      scores[i] = value * 3;
    }
    rows_ += rows.rows();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable bool at_zero_ = false;
  bool waits_ = true;
  mutable std::atomic<std::size_t> rows_{0};
};

// Answers of a pool, by what was asked.
class Answers {
 public:
  AsyncScorer::Done of(int number) {
    return [this, number](absl::StatusOr<ScoreAnswer> answer) {
      const std::lock_guard lock(mutex_);
      answers_[number] = answer.ok() ? std::to_string(static_cast<int>(answer->scores[0]))
                                     : std::string(answer.status().message());
      changed_.notify_all();
    };
  }
  std::map<int, std::string> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_.size() >= count; });
    return answers_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<int, std::string> answers_;
};

ScoreRequest request_of(float value) {
  ScoreRequest request;
  request.row = {value};
  return request;
}

TEST(ModelPool, ScoresBatchesAndOnlyTheRowThatThrowsGoesWithout) {
  const auto model = std::make_shared<Tripling>();
  Answers answers;
  ModelPool pool(model, {.threads = 1, .max_batch = 4, .waiting = 3});
  pool.submit(request_of(0), answers.of(0));
  model->wait_until_it_waits();
  pool.submit(request_of(1), answers.of(1));
  pool.submit(request_of(-7), answers.of(2));
  pool.submit(request_of(3), answers.of(3));
  pool.submit(request_of(4), answers.of(4));
  ScoreRequest wide;
  wide.row = {1, 2};
  pool.submit(wide, answers.of(5));
  model->let_go();
  EXPECT_EQ(answers.wait_for(6),
            (std::map<int, std::string>{{0, "0"},
                                        {1, "3"},
                                        {2, "model tripling: seven is not served"},
                                        {3, "9"},
                                        {4, "3 rows wait already"},
                                        {5, "model tripling: it takes rows of 1 columns, this one has 2"}}));
}

TEST(ModelPool, AnswersEveryRowWhenItIsClosed) {
  const auto model = std::make_shared<Tripling>();
  Answers answers;
  auto pool = std::make_unique<ModelPool>(model, ModelPoolOptions{.threads = 1, .max_batch = 1});
  pool->submit(request_of(0), answers.of(0));
  model->wait_until_it_waits();
  pool->submit(request_of(1), answers.of(1));
  std::thread closing([&] { pool.reset(); });
  model->let_go();
  closing.join();
  const auto given = answers.wait_for(2);
  EXPECT_EQ(given.at(0), "0");
  EXPECT_TRUE(given.at(1) == "3" || given.at(1) == "the pool is being closed") << given.at(1);
}

class AsyncApp : public testing::TestWithParam<Guarantee> {
 protected:
  static constexpr int kRecords = 3000;

  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("in", 4).ok());
    ASSERT_TRUE(broker_->create_topic("out", 4).ok());
    model_->let_go();
    for (int i = 1; i <= kRecords; ++i) {
      const std::string key = "k" + std::to_string(i % 50);
      ASSERT_TRUE(
          broker_->append("in", kAnyPartition, {.key = key, .value = std::to_string(i), .timestamp = i})
              .ok());
    }
  }

  std::unique_ptr<App> start(const std::string& instance) {
    StreamBuilder builder;
    builder.stream<std::string, std::string>("in")
        .apply(score_async(
            {.scorer = pool_, .capacity = 32, .order = AsyncOrder::kKey, .timeout = Duration{60'000}},
            [](const std::string& value) { return std::array{std::stof(value)}; },
            [](const std::string& value, std::span<const float> scores) {
              return value + "=" + std::to_string(static_cast<int>(scores[0]));
            }))
        .to("out");
    AppConfig config;
    config.application_id = "asking";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = GetParam();
    config.commit_interval = 20ms;
    config.workers = 2;
    config.state_directory = scratch_ / instance;
    config.session_timeout = 2s;
    auto app = App::create(*builder.build(), config);
    EXPECT_TRUE(app.ok()) << app.status();
    EXPECT_TRUE((*app)->start().ok());
    return *std::move(app);
  }

  // Of each key.
  std::map<std::string, std::vector<std::string>> results() {
    std::map<std::string, std::vector<std::string>> results;
    for (Partition partition = 0; partition < 4; ++partition) {
      for (const BrokerRecord& record : broker_->read("out", partition))
        results[record.key.value_or("")].push_back(record.value.value_or(""));
    }
    return results;
  }

  std::size_t count() {
    std::size_t count = 0;
    for (const auto& [key, values] : results()) count += values.size();
    return count;
  }

  const ScratchFolder scratch_;
  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  std::shared_ptr<Tripling> model_ = std::make_shared<Tripling>();
  std::shared_ptr<ModelPool> pool_ = std::make_shared<ModelPool>(model_, ModelPoolOptions{.threads = 3});
};

INSTANTIATE_TEST_SUITE_P(BothGuarantees, AsyncApp,
                         testing::Values(Guarantee::kAtLeastOnce, Guarantee::kExactlyOnce),
                         [](const auto& parameter) {
                           return parameter.param == Guarantee::kAtLeastOnce ? "AtLeastOnce" : "ExactlyOnce";
                         });

TEST_P(AsyncApp, EveryRecordIsScoredOnceInItsKeysOrderWhileInstancesComeAndGo) {
  auto first = start("a");
  ASSERT_TRUE(eventually([&] { return count() > 100; }));
  auto second = start("b");
  ASSERT_TRUE(eventually([&] { return count() > 600; }));
  EXPECT_TRUE(first->close(30s).ok());
  ASSERT_TRUE(eventually([&] { return count() >= kRecords; }));
  EXPECT_TRUE(second->close(30s).ok());

  std::map<std::string, std::vector<std::string>> expected;
  for (int i = 1; i <= kRecords; ++i)
    expected["k" + std::to_string(i % 50)].push_back(std::to_string(i) + "=" + std::to_string(3 * i));
  EXPECT_EQ(results(), expected);
  Offset total = 0;
  for (Partition partition = 0; partition < 4; ++partition)
    total += broker_->committed("asking", {"in", partition})->offset;
  EXPECT_EQ(total, kRecords);
}

// The pool, and with it whoever may answer, outlives the instance that asked.
TEST_P(AsyncApp, AnInstanceThatGoesWithoutACommitLeavesNothingBehindThatCouldBeCommitted) {
  {
    auto first = start("a");
    ASSERT_TRUE(eventually([&] { return model_->rows() > 100; }));
  }
  auto second = start("b");
  ASSERT_TRUE(eventually([&] {
    std::size_t keys = 0;
    for (const auto& [key, values] : results())
      keys += std::set<std::string>(values.begin(), values.end()).size();
    return keys >= kRecords;
  }));
  EXPECT_TRUE(second->close(30s).ok());
  if (GetParam() == Guarantee::kExactlyOnce) {
    EXPECT_EQ(count(), static_cast<std::size_t>(kRecords));
  }
}

}  // namespace
}  // namespace weir::ml
