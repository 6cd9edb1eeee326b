// Do batches of scoring change nothing but how often the model is called?
#include <weir/ml/score.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/weir.h>

#include "ml/counting_model.h"
#include "support/batch_task.h"

namespace weir::ml {
namespace {

using Number = std::int64_t;

std::array<float, 1> row_of(Number value) { return {static_cast<float>(value)}; }
std::string shown(Number value, std::span<const float> scores) {
  return std::to_string(value) + "*2=" + std::to_string(static_cast<int>(scores[0]));
}

struct Bench {
  std::shared_ptr<CountingModel> model =
      std::make_shared<CountingModel>(ModelIdentity{"doubling", "1", "0123456789abcdef"}, 2.0F);

  ScoreOptions options(std::size_t max_batch = 64) const {
    return {.model = model, .name = "score", .max_batch = max_batch};
  }
  std::function<void(StreamBuilder&)> plain(const ScoreOptions& options) const {
    return [options](StreamBuilder& builder) {
      builder.stream<std::string, Number>("in").apply(score(options, row_of, shown)).to("out");
    };
  }
};

std::string texts(const std::vector<OwnedRecord>& records) {
  std::string text;
  for (const OwnedRecord& record : records) {
    if (!text.empty()) text += ' ';
    text += record.key.value_or("null") + ":" + record.value.value_or("null") + "@" +
            std::to_string(record.timestamp);
  }
  return text;
}

void add_numbers(BatchTask& task, Number from, Number until, Partition partition = 0) {
  for (Number i = from; i < until; ++i) task.add<std::string, Number>("in", "k", i, i, partition);
}

TEST(ScoreBatch, ScoresWhatThePollBroughtInOneGo) {
  const Bench bench;
  BatchTask task(bench.plain(bench.options()));
  add_numbers(task, 0, 5);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(bench.model->calls(), (std::vector<std::size_t>{5}));
  EXPECT_EQ(texts(task.written("out")), "k:0*2=0@0 k:1*2=2@1 k:2*2=4@2 k:3*2=6@3 k:4*2=8@4");
}

TEST(ScoreBatch, IsNeverLongerThanAllowed) {
  const Bench bench;
  BatchTask task(bench.plain(bench.options(2)));
  add_numbers(task, 0, 5);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(bench.model->calls(), (std::vector<std::size_t>{2, 2, 1}));
}

TEST(ScoreBatch, StampsTheInputOfEachRecord) {
  const Bench bench;
  BatchTask task(bench.plain(bench.options()));
  task.add<std::string, Number>("in", "a", 1, 5, 0, {{"trace", "t"}});
  task.add<std::string, Number>("in", "a", 2, 5);
  ASSERT_TRUE(task.work().ok());
  const auto records = task.written("out");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].headers, (Headers{{"trace", "t"},
                                         {kModelNameHeader, "doubling"},
                                         {kModelVersionHeader, "1"},
                                         {kModelDigestHeader, "0123456789ab"},
                                         {kPredictionHeader, "in-0-0"}}));
  EXPECT_EQ(records[1].headers.last(kPredictionHeader)->value, "in-0-1");
}

TEST(ScoreBatch, NumbersThePredictionsOfOneRecord) {
  const Bench bench;
  for (const std::size_t max_batch : {1, 64}) {
    BatchTask task([&](StreamBuilder& builder) {
      builder.stream<std::string, Number>("in")
          .flat_map_values([](Number value) {
            return std::vector<Number>{value, value + 1};
          })
          .apply(score(bench.options(max_batch), row_of, shown))
          .to("out");
    });
    add_numbers(task, 0, 2);
    ASSERT_TRUE(task.work().ok());
    std::string ids;
    for (const OwnedRecord& record : task.written("out"))
      ids += *record.headers.last(kPredictionHeader)->value + " ";
    EXPECT_EQ(ids, "in-0-0 in-0-0#1 in-0-1 in-0-1#1 ") << max_batch;
  }
}

TEST(ScoreBatch, ABadRowDoesNotSpoilItsNeighbours) {
  const Bench bench;
  ScoreOptions options = bench.options();
  options.on_error = ErrorPolicy::kDeadLetter;
  for (const std::size_t max_batch : {1, 64}) {
    options.max_batch = max_batch;
    BatchTask task(bench.plain(options));
    for (const Number value : {1, -7, 2, -8, 3}) task.add<std::string, Number>("in", "k", value, 9);
    ASSERT_TRUE(task.work().ok());
    EXPECT_EQ(task.task().counters().dropped[static_cast<std::size_t>(DropReason::kFailed)], 2u);
    const auto records = task.written("out");
    EXPECT_EQ(texts(records), "k:1*2=2@9 k:2*2=4@9 k:3*2=6@9") << max_batch;
  }
}

TEST(ScoreBatch, SendsAsideTheRecordThatFailedNotTheLast) {
  const Bench bench;
  ScoreOptions options = bench.options();
  options.on_error = ErrorPolicy::kDeadLetter;
  BatchTask task(bench.plain(options));
  for (const Number value : {1, -7, 2}) task.add<std::string, Number>("in", "k", value, 9);
  ASSERT_TRUE(task.work().ok());
  const auto letters = task.written("aside");
  ASSERT_EQ(letters.size(), 1u);
  Bytes original;
  Serde<Number>::encode(-7, original);
  EXPECT_EQ(letters[0].value, original);
  EXPECT_EQ(letters[0].headers.last("__streams.errors.offset")->value, "1");
  EXPECT_EQ(letters[0].headers.last("__streams.errors.message")->value,
            "model doubling: seven is not served");
}

TEST(ScoreBatch, APolicyToFailNamesTheRecordThatFailed) {
  const Bench bench;
  BatchTask task(bench.plain(bench.options()));
  for (const Number value : {1, -8, 2}) task.add<std::string, Number>("in", "k", value, 9);
  const absl::Status failed = task.work();
  EXPECT_NE(message_of(failed).find("offset=1"), std::string::npos) << failed;
  // What was not passed on counts as not processed.
  EXPECT_EQ(task.task().positions().at(0).offset, 0);
}

TEST(ScoreBatch, TriesTheRecordAgainThatFailed) {
  const Bench bench;
  ScoreOptions options = bench.options();
  options.on_error = ErrorPolicy::kRetry;
  BatchTask task(bench.plain(options));
  for (const Number value : {1, -7}) task.add<std::string, Number>("in", "k", value, 9);
  const absl::Status failed = task.work();
  EXPECT_EQ(class_of(failed), ErrorClass::kRetriable) << failed;
  EXPECT_NE(message_of(failed).find("offset=1"), std::string::npos) << failed;
}

TEST(ScoreBatch, IsPassedOnBeforeTheCommit) {
  const Bench bench;
  ScoreOptions options = bench.options();
  options.max_wait = Duration{1'000};
  BatchTask task(bench.plain(options));
  add_numbers(task, 0, 3);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(texts(task.written("out")), "");
  EXPECT_EQ(task.task().positions().at(0).offset, 0);
  ASSERT_TRUE(task.commit().ok());
  EXPECT_EQ(texts(task.written("out")), "k:0*2=0@0 k:1*2=2@1 k:2*2=4@2");
  EXPECT_EQ(task.task().applied_positions().at(0).offset, 3);
}

TEST(ScoreBatch, WaitsAsLongAsItMay) {
  const Bench bench;
  ScoreOptions options = bench.options();
  options.max_wait = Duration{10};
  BatchTask task(bench.plain(options));
  add_numbers(task, 0, 2);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(task.task().until_release(), Duration{10});
  task.clock.advance(Duration{9});
  add_numbers(task, 2, 3);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(texts(task.written("out")), "");
  EXPECT_EQ(task.task().until_release(), Duration{1});
  task.clock.advance(Duration{1});
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(bench.model->calls(), (std::vector<std::size_t>{3}));
  EXPECT_EQ(task.task().until_release(), std::nullopt);
}

TEST(ScoreBatch, NeverCrossesAPartition) {
  const Bench bench;
  BatchTask task(bench.plain(bench.options()), ErrorPolicy::kFail, 2);
  add_numbers(task, 0, 3, 0);
  add_numbers(task, 3, 5, 1);
  add_numbers(task, 5, 6, 0);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(bench.model->calls(), (std::vector<std::size_t>{3, 2, 1}));
}

TEST(ScoreBatch, OverrunMeetsItsPolicy) {
  for (const Overrun policy : {Overrun::kScore, Overrun::kFallback, Overrun::kError}) {
    const Bench bench;
    ScoreOptions options = bench.options();
    options.max_wait = Duration{10};
    options.budget = Duration{20};
    options.on_overrun = policy;
    options.fallback = {-1};
    options.on_error = ErrorPolicy::kSkip;
    BatchTask task(bench.plain(options));
    add_numbers(task, 3, 4);
    ASSERT_TRUE(task.work().ok());
    task.clock.advance(Duration{15});
    add_numbers(task, 4, 5);
    task.clock.advance(Duration{15});
    ASSERT_TRUE(task.work().ok());
    const auto records = task.written("out");
    switch (policy) {
      case Overrun::kScore:
        EXPECT_EQ(texts(records), "k:3*2=6@3 k:4*2=8@4");
        break;
      case Overrun::kFallback:
        EXPECT_EQ(texts(records), "k:3*2=-1@3 k:4*2=8@4");
        EXPECT_EQ(records.at(0).headers.last(kModelBranchHeader)->value, "fallback");
        EXPECT_EQ(records.at(1).headers.last(kModelBranchHeader), nullptr);
        break;
      case Overrun::kError:
        EXPECT_EQ(texts(records), "k:4*2=8@4");
        break;
    }
  }
}

TEST(ScoreBatch, RefusesOptionsThatDoNotGoTogether) {
  const Bench bench;
  ScoreOptions options = bench.options(0);
  EXPECT_EQ(problem_with(options), "options.max_batch is 0");
  options.max_batch = 1;
  options.max_wait = Duration{5};
  options.budget = Duration{4};
  EXPECT_NE(problem_with(options).find("longer than options.budget"), std::string::npos);
  options.budget = Duration{5};
  EXPECT_EQ(problem_with(options), "");
  options.on_overrun = Overrun::kFallback;
  EXPECT_EQ(problem_with(options), "options.fallback is empty");
  options.fallback = {1, 2};
  EXPECT_NE(problem_with(options).find("has 2 scores"), std::string::npos);
  options.fallback = {std::numeric_limits<float>::infinity()};
  EXPECT_EQ(problem_with(options), "options.fallback is not finite");
}

// ---------------------------------------------------------------------------------- the same bytes, whatever the batch

using Description = std::function<void(StreamBuilder&, const ScoreOptions&)>;

// Everything that was written, topic by topic, with headers.
std::map<std::string, std::string> outcome(const Description& describe, std::size_t max_batch,
                                           std::uint64_t seed) {
  const Bench bench;
  ScoreOptions options = bench.options(max_batch);
  options.on_error = ErrorPolicy::kDeadLetter;
  BatchTask task([&](StreamBuilder& builder) { describe(builder, options); }, ErrorPolicy::kFail, 2);
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return static_cast<Number>(random() % n); };
  Timestamp time = 10;
  for (int i = 0; i < 300; ++i) {
    time += below(4);
    Number value = below(50);
    if (below(20) == 0) value = below(2) == 0 ? -7 : -8;
    task.add<std::string, Number>("in", "k" + std::to_string(below(5)), value, time - below(10),
                                  static_cast<Partition>(below(2)));
    if (below(15) == 0) {
      const absl::Status worked = task.work();
      EXPECT_TRUE(worked.ok()) << worked;
    }
    if (below(60) == 0) {
      const absl::Status committed = task.commit();
      EXPECT_TRUE(committed.ok()) << committed;
    }
  }
  EXPECT_TRUE(task.work().ok());
  EXPECT_TRUE(task.commit().ok());
  std::map<std::string, std::string> result;
  for (const auto& [topic, record] : task.written_all()) {
    std::string& text = result[topic];
    text += texts({record});
    for (const Header& header : record.headers)
      text += " " + header.name + "=" + header.value.value_or("null");
    text += '\n';
  }
  return result;
}

void expect_same(const Description& describe) {
  const char* given = std::getenv("WEIR_SCORE_SEED");
  const std::uint64_t first = given == nullptr ? 1 : std::stoull(given);
  for (std::uint64_t seed = first; seed < first + 10; ++seed) {
    const auto one_by_one = outcome(describe, 1, seed);
    EXPECT_FALSE(one_by_one.empty());
    for (const std::size_t max_batch : {2, 3, 7, 64, 1'000}) {
      ASSERT_EQ(outcome(describe, max_batch, seed), one_by_one)
          << "WEIR_SCORE_SEED=" << seed << ", batches of " << max_batch;
    }
  }
}

TEST(ScoreBatch, ItsSizeChangesNothing) {
  expect_same([](StreamBuilder& builder, const ScoreOptions& options) {
    builder.stream<std::string, Number>("in").apply(score(options, row_of, shown)).to("out");
  });
}

TEST(ScoreBatch, ItsSizeChangesNothingOfWhatIsCountedBehindIt) {
  expect_same([](StreamBuilder& builder, const ScoreOptions& options) {
    const auto scored = builder.stream<std::string, Number>("in").apply(score(options, row_of, shown));
    scored.group_by_key().count({.store = "counts"}).to_stream().to("counts");
    scored.group_by_key()
        .windowed_by(tumbling({.size = Duration{20}, .grace = Duration{5}}))
        .count({.store = "windows", .emit = WindowEmit::kOnWindowClose})
        .to_stream()
        .to("windows");
  });
}

TEST(ScoreBatch, ItsSizeChangesNothingOfWhatIsScoredTwice) {
  expect_same([](StreamBuilder& builder, const ScoreOptions& options) {
    ScoreOptions second = options;
    second.name = "second";
    second.max_batch = options.max_batch == 1 ? 1 : options.max_batch + 3;
    builder.stream<std::string, Number>("in")
        .apply(score(options, row_of,
                     [](Number, std::span<const float> scores) { return static_cast<Number>(scores[0]); }))
        .apply(score(second, row_of, shown))
        .to("out");
  });
}

TEST(ScoreBatch, ItsSizeChangesNothingWhereTheSameRecordsComeByAnotherWay) {
  expect_same([](StreamBuilder& builder, const ScoreOptions& options) {
    const auto numbers = builder.stream<std::string, Number>("in");
    numbers.map_values([](Number value) { return std::to_string(value); })
        .merge(numbers.apply(score(options, row_of, shown)))
        .to("out");
  });
  expect_same([](StreamBuilder& builder, const ScoreOptions& options) {
    const auto numbers = builder.stream<std::string, Number>("in");
    numbers.to("out");
    numbers.apply(score(options, row_of, shown)).to("out");
  });
  expect_same([](StreamBuilder& builder, const ScoreOptions& options) {
    const auto numbers = builder.stream<std::string, Number>("in");
    numbers.apply(score(options, row_of, shown))
        .join(numbers.to_table({.store = "latest"}),
              [](const std::string& text, Number latest) { return text + "/" + std::to_string(latest); })
        .to("out");
  });
}

TEST(ScoreBatch, IsOneWhereTheSameRecordsComeByAnotherWay) {
  const Bench bench;
  BatchTask task([&](StreamBuilder& builder) {
    const auto numbers = builder.stream<std::string, Number>("in");
    numbers.map_values([](Number value) { return std::to_string(value); })
        .merge(numbers.apply(score(bench.options(), row_of, shown)))
        .to("out");
  });
  add_numbers(task, 0, 2);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(texts(task.written("out")), "k:0@0 k:0*2=0@0 k:1@1 k:1*2=2@1");
}

TEST(ScoreBatch, TellsNodesBehindItTheTimeAtWhichARecordCame) {
  class Noting final : public Processor<std::string, std::string, std::string, std::string> {
   public:
    void open(Context& context) override { context_ = &context; }
    void process(const Record<std::string, std::string>& record) override {
      context_->forward(record.key, std::to_string(context_->stream_time()) + "/" +
                                        std::to_string(context_->origin().offset));
    }

   private:
    Context* context_ = nullptr;
  };
  const Bench bench;
  BatchTask task([&](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in")
        .apply(score(bench.options(), row_of, shown))
        .process([] { return std::make_unique<Noting>(); })
        .to("out");
  });
  add_numbers(task, 5, 8);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(texts(task.written("out")), "k:5/0@5 k:6/1@6 k:7/2@7");
  EXPECT_EQ(task.task().stream_time(), 7);
}

TEST(ScoreBatch, IsPassedOnBeforeATimerFires) {
  class Ticking final : public Processor<std::string, std::string, std::string, std::string> {
   public:
    void open(Context& context) override {
      context.schedule(Duration{10}, TimerClock::kStreamTime,
                       [&context](Timestamp now) { context.forward("tick", "tick", now); });
      context_ = &context;
    }
    void process(const Record<std::string, std::string>& record) override { context_->forward(record); }

   private:
    Context* context_ = nullptr;
  };
  const Bench bench;
  for (const std::size_t max_batch : {1, 64}) {
    BatchTask task([&](StreamBuilder& builder) {
      builder.stream<std::string, Number>("in")
          .apply(score(bench.options(max_batch), row_of, shown))
          .process([] { return std::make_unique<Ticking>(); })
          .to("out");
    });
    for (const Number value : {1, 2, 12, 13}) task.add<std::string, Number>("in", "k", value, value);
    ASSERT_TRUE(task.work().ok());
    EXPECT_EQ(texts(task.written("out")),
              "k:1*2=2@1 tick:tick@1 k:2*2=4@2 k:12*2=24@12 tick:tick@12 k:13*2=26@13");
  }
}

// --------------------------------------------------------------------------------------------------------- plans

// Adds up its inputs.
class Summing final : public Model {
 public:
  explicit Summing(std::vector<std::string> inputs) : Model({"summing", "1"}, {std::move(inputs), {"y"}}) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      scores[i] = 0;
      for (const float value : rows.row(i)) scores[i] = scores[i] * 10 + value;
    }
  }
};

// The amount, missing below 0, and the country.
std::array<Cell, 2> cells_of(const std::string& country, Number amount) {
  return {amount < 0 ? Cell() : Cell(static_cast<double>(amount)), country};
}
std::string plain_score(Number, std::span<const float> scores) {
  return std::to_string(static_cast<int>(scores[0]));
}

TEST(ScorePlan, MakesTheModelsRowOfNumbersAndTexts) {
  const auto plan = RowCleaner::make(
      {.columns = {{.name = "amount", .steps = {impute(2), clip(0, 5)}, .when_missing = WhenMissing::kRefuse},
                   {.name = "country", .steps = {one_hot({"DE", "FR"})}}}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const auto model =
      std::make_shared<Summing>(std::vector<std::string>(plan->outputs().begin(), plan->outputs().end()));
  const auto models = fixed_model(model, std::make_shared<const RowCleaner>(*plan));
  for (const std::size_t max_batch : {1, 2, 64}) {
    BatchTask task([&](StreamBuilder& builder) {
      builder.stream<std::string, Number>("in")
          .apply(score({.models = models, .name = "score", .max_batch = max_batch}, cells_of, plain_score))
          .to("out");
    });
    for (const auto& [country, amount] : {std::pair("DE", 3), {"FR", 900}, {"XX", -1}, {"DE", -1}})
      task.add<std::string, Number>("in", country, amount, 0);
    ASSERT_TRUE(task.work().ok());
    EXPECT_EQ(texts(task.written("out")), "DE:3010@0 FR:5001@0 XX:2100@0 DE:2010@0") << max_batch;
  }
}

TEST(ScorePlan, ARowThatItRefusesDoesNotSpoilItsNeighbours) {
  const auto plan =
      RowCleaner::make({.columns = {{.name = "amount", .when_missing = WhenMissing::kRefuse},
                                    {.name = "country", .steps = {label_encode({"DE", "FR"})}}}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const auto model = std::make_shared<Summing>(std::vector<std::string>{"amount", "country"});
  const auto models = fixed_model(model, std::make_shared<const RowCleaner>(*plan));
  for (const std::size_t max_batch : {1, 64}) {
    BatchTask task([&](StreamBuilder& builder) {
      builder.stream<std::string, Number>("in")
          .apply(score(
              {.models = models, .name = "score", .max_batch = max_batch, .on_error = ErrorPolicy::kSkip},
              cells_of, plain_score))
          .to("out");
    });
    for (const auto& [country, amount] : {std::pair("DE", 3), {"FR", -1}, {"FR", 4}})
      task.add<std::string, Number>("in", country, amount, 0);
    ASSERT_TRUE(task.work().ok());
    EXPECT_EQ(texts(task.written("out")), "DE:31@0 FR:42@0") << max_batch;
  }
}

TEST(ScorePlan, TextsNeedOne) {
  BatchTask task([&](StreamBuilder& builder) {
    builder.stream<std::string, Number>("in")
        .apply(score({.model = std::make_shared<Summing>(std::vector<std::string>{"amount", "country"}),
                      .name = "score"},
                     cells_of, plain_score))
        .to("out");
  });
  task.add<std::string, Number>("in", "DE", 3, 0);
  const absl::Status status = task.work();
  EXPECT_NE(
      status.message().find("model summing: the input 'country' is a text, and there is no cleaning plan"),
      std::string_view::npos)
      << status;
}

// --------------------------------------------------------------------------------------------------------- a shadow

// Answers with what a test gives it.
class GivenSource final : public ModelSource {
 public:
  class Choice final : public ModelChoice {
   public:
    explicit Choice(const Chosen& chosen) : chosen_(chosen) {}
    const Chosen& choose(BytesView, Timestamp) override { return chosen_; }

   private:
    const Chosen chosen_;
  };
  explicit GivenSource(ModelChoice::Chosen chosen) : chosen_(std::move(chosen)) {}
  std::unique_ptr<ModelChoice> open(TaskContext&, const Node&, const std::string&) const override {
    return std::make_unique<Choice>(chosen_);
  }

 private:
  const ModelChoice::Chosen chosen_;
};

// One more than its input; has no score for 5.
class Adding final : public Model {
 public:
  Adding() : Model({"doubling", "2"}, {{"x"}, {"y"}}) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i)
      scores[i] = rows.row(i)[0] == 5 ? std::nanf("") : rows.row(i)[0] + 1;
  }
};

TEST(ScoreShadow, SaysBesideTheResultsWhatTheOtherModelSaid) {
  const Bench bench;
  ScoreOptions options{.models = std::make_shared<GivenSource>(ModelChoice::Chosen{
                           std::make_shared<ServedModel>(bench.model, "champion", ""),
                           std::make_shared<ServedModel>(std::make_shared<Adding>(), "shadow", ""),
                           {}}),
                       .name = "score"};
  BatchTask task([&](StreamBuilder& builder) {
    const auto [results, shadows] =
        builder.stream<std::string, Number>("in").apply(score_with_shadow(options, row_of, shown));
    results.to("out");
    shadows.to("shadows");
  });
  add_numbers(task, 4, 6);
  ASSERT_TRUE(task.work().ok());
  std::vector<OwnedRecord> results;
  std::vector<ShadowScore> shadows;
  for (const auto& [topic, record] : task.written_all()) {
    if (topic == "out") {
      results.push_back(record);
    } else {
      ASSERT_TRUE(Serde<ShadowScore>::decode(*record.value, shadows.emplace_back()).ok());
    }
  }
  EXPECT_EQ(texts(results), "k:4*2=8@4 k:5*2=10@5");
  EXPECT_EQ(results.at(0).headers.last(kModelBranchHeader)->value, "champion");
  ASSERT_EQ(shadows.size(), 2u);
  EXPECT_EQ(shadows[0], (ShadowScore{"in-0-0", "doubling", "1", "2", {8}, {5}, ""}));
  EXPECT_EQ(shadows[1],
            (ShadowScore{"in-0-1", "doubling", "1", "2", {10}, {}, "model doubling: output 0 is nan"}));
}

TEST(ShadowComparison, AddsUpAgreementAndDifferences) {
  ShadowComparison all;
  ShadowComparison first;
  ShadowComparison second;
  EXPECT_EQ(all.agreement(), 1);
  EXPECT_EQ(all.difference_quantile(0.5), 0);
  for (int i = 0; i < 100; ++i) {
    const float score = static_cast<float>(i) / 100;
    const ShadowScore row{"", "m", "1", "2", {score}, {score + (i < 90 ? 0.001F : 0.1F)}, ""};
    all = all.with(row, 0.5F);
    (i % 3 == 0 ? first : second) = (i % 3 == 0 ? first : second).with(row, 0.5F);
  }
  EXPECT_EQ(all.compared, 100u);
  EXPECT_EQ(all.agreed,
            100u);  // all differences point the same way; none crosses but what is on the threshold
  EXPECT_EQ(first.merged(second), all);
  EXPECT_GE(all.difference_quantile(0.5), 0.001);
  EXPECT_LE(all.difference_quantile(0.5), 0.001 * 1.79);
  EXPECT_GE(all.difference_quantile(0.99), 0.09);
  EXPECT_LE(all.difference_quantile(0.99), 0.11);
  const ShadowComparison faulty = all.with({"", "m", "1", "2", {1}, {}, "threw"}, 0.5F);
  EXPECT_EQ(faulty.faults, 1u);
  EXPECT_EQ(faulty.compared, 100u);
}

}  // namespace
}  // namespace weir::ml
