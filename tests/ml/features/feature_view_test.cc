// Does a feature view do in a topology what feature_view.h says?
#include <weir/ml/features/feature_view.h>

#include <map>
#include <random>

#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/features/feature_computer.h>
#include <weir/ml/model.h>
#include <weir/ml/score.h>
#include <weir/operators/weir.h>

#include "support/random_cases.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

struct Payment {
  std::string card;
  double amount = 0;
  std::string shop;
};

}  // namespace
}  // namespace weir::ml

// "card amount shop"
template <>
struct weir::Serde<weir::ml::Payment> {
  static constexpr std::string_view kFormat = "payment";
  static constexpr bool kCanonical = false;
  static void encode(const ml::Payment& payment, Bytes& out) {
    out += fmt::format("{} {} {}", payment.card, payment.amount, payment.shop);
  }
  static absl::Status decode(BytesView bytes, ml::Payment& out) {
    std::istringstream text{std::string(bytes)};
    if (!(text >> out.card)) return absl::InvalidArgumentError("no card");
    std::string amount;
    text >> amount >> out.shop;
    out.amount = std::stod(amount);
    return absl::OkStatus();
  }
};

namespace weir::ml {
namespace {

FeatureView<Payment> card_view(int version = 1) {
  return features<Payment>("card", version)
      .agg(statistics("amount", &Payment::amount), {1h, 24h})
      .agg(distinct_count("shop", &Payment::shop), {24h})
      .agg(mean("amount", &Payment::amount), {last(3), session(10min)})
      .agg(maximum("amount", &Payment::amount), {exact(30min)})
      .agg(time_since_last())
      .grace(5min)
      .log_to("log");
}

std::string text_of(const FeatureRow& row) {
  std::string text;
  for (std::size_t i = 0; i < row.size(); ++i) {
    text += i == 0 ? "" : " ";
    text += row.has(i) ? fmt::format("{}", row.values()[i]) : std::string("-");
  }
  return text;
}

struct Running {
  std::unique_ptr<TopologyDriver> driver;

  static absl::StatusOr<Topology> build(const std::function<void(StreamBuilder&)>& describe) {
    StreamBuilder builder;
    describe(builder);
    return builder.build();
  }
  explicit Running(const std::function<void(StreamBuilder&)>& describe, const DriverOptions& options = {}) {
    const auto topology = build(describe);
    EXPECT_TRUE(topology.ok()) << topology.status();
    auto made = TopologyDriver::create(*topology, options);
    EXPECT_TRUE(made.ok()) << made.status();
    if (made.ok()) driver = *std::move(made);
  }
  void pipe(const std::string& key, double amount, Timestamp time, const std::string& shop = "s") {
    const absl::Status status =
        driver->pipe<std::string, Payment>("payments", key, {key, amount, shop}, time);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::string rows() {
    std::string text;
    for (const auto& row : driver->read<std::string, FeatureRow>("rows"))
      text += row.key + ": " + text_of(row.value) + "\n";
    return text;
  }
};

// Payments in, rows and a log out.
template <class View>
std::function<void(StreamBuilder&)> with(View view) {
  return [view](StreamBuilder& builder) {
    builder.stream<std::string, Payment>("payments")
        .apply(view)
        .map_values([](const Featured<Payment>& payment) { return payment.row; })
        .to("rows");
  };
}

FeatureView<Payment> small_view() {
  return features<Payment>("small", 1)
      .agg(count(), {1h})
      .agg(sum("amount", &Payment::amount), {1h})
      .agg(time_since_last());
}

TEST(FeatureView, TellsWhatCameBeforeEachRecord) {
  Running run(with(small_view()));
  run.pipe("a", 5, 1'000'000);
  run.pipe("a", 7, 1'060'000);
  run.pipe("b", 1, 1'060'000);
  run.pipe("a", 1, 5'000'000);
  EXPECT_EQ(run.rows(), "a: 0 - -\na: 1 5 60\nb: 0 - -\na: 0 - 3940\n");
}

TEST(FeatureView, CountsTheRecordItselfWhenToldSo) {
  Running run(with(small_view().include_current(true)));
  run.pipe("a", 5, 1'000'000);
  run.pipe("a", 7, 1'060'000);
  EXPECT_EQ(run.rows(), "a: 1 5 0\na: 2 12 0\n");
}

TEST(FeatureView, SelectsTheKeyAndTheTime) {
  const auto view = features<Payment>("shop", 1)
                        .key(&Payment::shop)
                        .time([](const Payment& payment) { return static_cast<Timestamp>(payment.amount); })
                        .agg(count())
                        .agg(time_since_last());
  Running run(with(view));
  run.pipe("a", 1000, 5, "x");
  run.pipe("b", 3000, 6, "x");
  EXPECT_EQ(run.rows(), "x: 0 -\nx: 1 2\n");
}

TEST(FeatureView, LeavesLateRecordsOutOfTheState) {
  Running run(with(small_view().grace(1min)));
  run.pipe("a", 1, 10'000'000);
  run.pipe("a", 2, 9'000'000);  // late
  run.pipe("a", 3, 9'960'000);  // in time
  run.pipe("a", 4, 10'000'000);
  EXPECT_EQ(run.rows(), "a: 0 - -\na: 0 - -1000\na: 1 1 -40\na: 2 4 0\n");
  const auto* store = run.driver->store_as<FeatureStore>("small-features");
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->counters().late, 1u);
}

TEST(FeatureView, DropsLateRecordsWhenToldSo) {
  Running run(with(small_view().late(LatePolicy::kDrop)));
  run.pipe("a", 1, 10'000'000);
  run.pipe("a", 2, 9'000'000);
  EXPECT_EQ(run.rows(), "a: 0 - -\n");
  EXPECT_EQ(run.driver->counters().dropped[static_cast<std::size_t>(DropReason::kLate)], 1u);
}

TEST(FeatureView, TakesValuesThatAreNotFiniteForMissing) {
  Running run(with(small_view()));
  run.pipe("a", std::numeric_limits<double>::infinity(), 10'000'000);
  run.pipe("a", 2, 10'000'000);
  EXPECT_EQ(run.rows(), "a: 0 - -\na: 1 - 0\n");
  EXPECT_EQ(run.driver->store_as<FeatureStore>("small-features")->counters().not_finite, 1u);
}

TEST(FeatureView, RefusesValuesThatAreNotFiniteWhenToldSo) {
  Running run(with(small_view().not_finite(NonFinite::kReject)));
  const absl::Status status = run.driver->pipe<std::string, Payment>(
      "payments", "a", {"a", std::numeric_limits<double>::infinity(), "s"}, 5);
  EXPECT_NE(status.ToString().find("infinite or not a number"), std::string::npos) << status;
}

TEST(FeatureView, FeedsAModel) {
  class Sums final : public Model {
   public:
    Sums() : Model({"sums", "1", ""}, {{"count", "amount", "since"}, {"sum"}}) {}

   private:
    void evaluate(const RowBatch& rows, std::span<float> scores) const override {
      for (std::size_t i = 0; i < rows.rows(); ++i)
        scores[i] = rows.row(i)[0] + (std::isnan(rows.row(i)[1]) ? 0 : rows.row(i)[1]);
    }
  };
  Running run([](StreamBuilder& builder) {
    builder.stream<std::string, Payment>("payments")
        .apply(small_view())
        .apply(score(
            {.model = std::make_shared<Sums>()},
            [](const Featured<Payment>& payment) { return payment.row.values(); },
            [](const Featured<Payment>& payment, std::span<const float> scores) {
              return fmt::format("{} {}", payment.value.card, scores[0]);
            }))
        .to("rows");
  });
  run.pipe("a", 5, 1'000'000);
  run.pipe("a", 7, 1'000'000);
  const auto rows = run.driver->read<std::string, std::string>("rows");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].value, "a 6");
  EXPECT_EQ(rows[1].headers.last(kFeaturesViewHeader)->value, "small");
  EXPECT_EQ(rows[1].headers.last(kFeaturesVersionHeader)->value, "1");
  EXPECT_EQ(rows[1].headers.last(kFeaturesHashHeader)->value, (*small_view().plan())->hash_text());
}

TEST(FeatureView, LogsEachRowWithItsInput) {
  Running run(with(small_view().log_to("log")));
  run.pipe("a", 5, 1'000'000);
  run.pipe("a", 7, 1'060'000);
  const auto log = run.driver->read<std::string, FeatureLogEntry>("log");
  ASSERT_EQ(log.size(), 2u);
  const FeatureLogEntry& entry = log[1].value;
  EXPECT_EQ(log[1].key, "a");
  EXPECT_EQ(entry.view, "small");
  EXPECT_EQ(entry.version, 1);
  EXPECT_EQ(entry.hash, (*small_view().plan())->hash());
  EXPECT_EQ(entry.time, 1'060'000);
  EXPECT_EQ(entry.prediction_id(), "payments-0-1");
  EXPECT_EQ(entry.values, (std::vector<double>{1, 5, 60}));
  EXPECT_TRUE(std::isnan(log[0].value.values[1]));
}

TEST(FeatureView, MakesATableOfTheLatestRows) {
  Running run([](StreamBuilder& builder) {
    const auto table = builder.stream<std::string, Payment>("payments")
                           .apply(small_view().include_current(true))
                           .map_values([](const Featured<Payment>& payment) { return payment.row; })
                           .to_table({.store = "latest"});
    builder.stream<std::string, std::string>("questions")
        .join(table, [](const std::string&, const FeatureRow& row) { return row; })
        .to("rows");
  });
  run.pipe("a", 5, 1'000'000);
  run.pipe("a", 7, 1'060'000);
  ASSERT_TRUE((run.driver->pipe<std::string, std::string>("questions", "a", "", 1'070'000)).ok());
  EXPECT_EQ(run.rows(), "a: 2 12 0\n");
}

TEST(FeatureView, LetsLateRecordsBeAStreamOfTheirOwn) {
  Running run([](StreamBuilder& builder) {
    const auto rows = builder.stream<std::string, Payment>("payments").apply(small_view());
    const auto is_late = [](const Featured<Payment>& payment) { return payment.late; };
    const auto row_of = [](const Featured<Payment>& payment) { return payment.row; };
    rows.filter_not(is_late).map_values(row_of).to("rows");
    rows.filter(is_late)
        .map_values([](const Featured<Payment>& payment) { return payment.value; })
        .to("late");
  });
  run.pipe("a", 1, 10'000'000);
  run.pipe("a", 2, 9'000'000);
  EXPECT_EQ(run.rows(), "a: 0 - -\n");
  const auto late = run.driver->read<std::string, Payment>("late");
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(late[0].value.amount, 2);
}

TEST(FeatureView, AnswersAtAnyTime) {
  Running run(with(small_view()));
  run.pipe("a", 5, 1'000'000);
  std::vector<double> row(3);
  auto* store = run.driver->store_as<FeatureStore>("small-features");
  store->look("a", 1'030'000, row.data());
  EXPECT_EQ(row, (std::vector<double>{1, 5, 30}));
  store->look("b", 1'030'000, row.data());
  EXPECT_EQ(row[0], 0);
}

TEST(FeatureView, WritesOneSmallRecordForEachTileThatChanged) {
  Running run(with(features<Payment>("tiles", 1).agg(sum("amount", &Payment::amount), {1h, 24h})));
  for (int i = 0; i < 50; ++i) run.pipe("a", i, 1'000'000'000 + i * 600'000);
  ASSERT_FALSE(run.driver->read_raw("driver-tiles-features-changelog").empty());
  run.pipe("a", 1, 1'000'000'000 + 50 * 600'000);
  std::size_t bytes = 0;
  std::size_t tiles = 0;
  for (const RawOutput& output : run.driver->read_raw("driver-tiles-features-changelog")) {
    if (!output.record.value) continue;
    ++tiles;
    bytes = std::max(bytes, output.record.value->size());
  }
  EXPECT_EQ(tiles, 2u);
  EXPECT_LE(bytes, 80u);
}

std::string play_log(unsigned seed, const std::string& directory, bool restarts,
                     const FeatureStoreOptions& store) {
  std::mt19937_64 random(seed);
  std::mt19937_64 chance(seed + 1);
  Running run(with(card_view().store(store)), {.state_directory = directory});
  Timestamp time = 1'700'000'000'000;
  std::string log;
  for (int i = 0; i < 150; ++i) {
    time += static_cast<Timestamp>(random() % 4 == 0 ? random() % 4'000'000 : random() % 100'000);
    const Timestamp at = random() % 5 == 0 ? time - static_cast<Timestamp>(random() % 500'000) : time;
    const std::string key(1, static_cast<char>('a' + random() % 4));
    run.pipe(key, static_cast<double>(random() % 1000) / 8, at, std::to_string(random() % 5));
    if (restarts && chance() % 8 == 0) {
      EXPECT_TRUE(run.driver->restart().ok());
    }
  }
  for (const RawOutput& entry : run.driver->read_raw("log")) log += *entry.record.key + *entry.record.value;
  return log;
}

TEST(FeatureView, LogsTheSameBytesWhateverHappensInBetween) {
  play_cases(number_from_environment("WEIR_FEATURE_CASES", 6), /*on_disk=*/true,
             [](unsigned seed, const std::string& directory) {
               const std::string log = play_log(seed, "", false, {});
               EXPECT_EQ(log, play_log(seed, "", true, {})) << "restarts in memory";
               EXPECT_EQ(log, play_log(seed, directory, true, {})) << "restarts on disk";
               std::filesystem::remove_all(directory);
               EXPECT_EQ(log, play_log(seed, directory, false, {.cache_bytes = 1}))
                   << "no state stays in memory";
               EXPECT_EQ(log, play_log(seed, "", false, {.remember = false})) << "nothing is remembered";
             });
}

TEST(FeatureView, GivesTheSameRowsToAFileAsToATopic) {
  auto computer = FeatureComputer<Payment>::of(card_view());
  ASSERT_TRUE(computer.ok()) << computer.status();
  Running run(with(card_view()));
  std::mt19937_64 random(7);
  Timestamp time = 1'700'000'000'000;
  for (int i = 0; i < 300; ++i) {
    time += static_cast<Timestamp>(random() % 1'000'000);
    const Payment payment{std::string(1, static_cast<char>('a' + random() % 3)),
                          static_cast<double>(random() % 99) / 7, std::to_string(random() % 9)};
    const Timestamp at = time - static_cast<Timestamp>(random() % 3 == 0 ? random() % 600'000 : 0);
    const FeatureRow row = computer->row(payment.card, payment, at);
    // The stream reads what was encoded, so what it reads is what the file has.
    Bytes bytes;
    Serde<Payment>::encode(payment, bytes);
    Payment read;
    ASSERT_TRUE(Serde<Payment>::decode(bytes, read).ok());
    ASSERT_EQ(read.amount, payment.amount);
    ASSERT_TRUE((run.driver->pipe<std::string, Payment>("payments", payment.card, payment, at)).ok());
    const auto rows = run.driver->read<std::string, FeatureRow>("rows");
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_TRUE(rows[0].value == row) << text_of(rows[0].value) << " and " << text_of(row);
  }
}

// ------------------------------------------------------------------------------------------------------- evolution

struct Evolution : testing::Test {
  Evolution() { std::filesystem::remove_all(directory); }
  ~Evolution() override { std::filesystem::remove_all(directory); }
  [[nodiscard]] absl::Status opened(const FeatureView<Payment>& view) const {
    const auto topology = Running::build(with(view));
    if (!topology.ok()) return topology.status();
    return TopologyDriver::create(*topology, {.state_directory = directory}).status();
  }
  const std::string directory =
      (std::filesystem::temp_directory_path() / ("weir-features-" + std::to_string(::getpid()))).string();
};

TEST_F(Evolution, AddsAWindowOverTilesThatAreThere) {
  {
    Running run(with(features<Payment>("card", 1).agg(sum("amount", &Payment::amount), {1h})),
                {.state_directory = directory});
    run.pipe("a", 5, 1'000'000);
    run.pipe("a", 6, 1'400'000);
  }
  Running run(
      with(features<Payment>("card", 2).agg(sum("amount", &Payment::amount), {1h, 30min}).agg(count(), {1h})),
      {.state_directory = directory});
  run.pipe("a", 1, 1'500'000);
  run.pipe("a", 1, 3'300'000);
  EXPECT_EQ(run.rows(), "a: 11 11 0\na: 12 1 1\n");
}

TEST_F(Evolution, AsksNewQuestionsOfRecordsThatAreThere) {
  {
    Running run(with(features<Payment>("card", 1).agg(sum("amount", &Payment::amount), {last(4)})),
                {.state_directory = directory});
    run.pipe("a", 5, 1'000'000);
    run.pipe("a", 9, 1'400'000);
  }
  Running run(with(features<Payment>("card", 2)
                       .agg(sum("amount", &Payment::amount), {last(4)})
                       .agg(top_k("amount", &Payment::amount, 1), {last(4)})),
              {.state_directory = directory});
  run.pipe("a", 1, 1'500'000);
  EXPECT_EQ(run.rows(), "a: 14 9\n");
}

TEST_F(Evolution, ForgetsWhatIsNotAskedForAnyMore) {
  {
    Running run(with(features<Payment>("card", 1)
                         .agg(sum("amount", &Payment::amount), {1h})
                         .agg(count(), {session(1min)})),
                {.state_directory = directory});
    run.pipe("a", 5, 1'000'000);
  }
  Running run(with(features<Payment>("card", 2).agg(sum("amount", &Payment::amount), {1h})),
              {.state_directory = directory});
  run.pipe("a", 1, 1'500'000);
  EXPECT_EQ(run.rows(), "a: 5\n");
}

TEST_F(Evolution, RefusesOtherFeaturesUnderTheSameVersionAndOlderVersions) {
  {
    Running run(with(features<Payment>("card", 2).agg(sum("amount", &Payment::amount), {1h})),
                {.state_directory = directory});
    run.pipe("a", 5, 1'000'000);
  }
  const absl::Status changed =
      opened(features<Payment>("card", 2).agg(sum("amount", &Payment::amount), {2h}));
  EXPECT_NE(changed.ToString().find("give them version 3"), std::string::npos) << changed;
  EXPECT_NE(changed.ToString().find("stored: amount_sum_1h"), std::string::npos) << changed;
  const absl::Status older = opened(features<Payment>("card", 1).agg(sum("amount", &Payment::amount), {1h}));
  EXPECT_NE(older.ToString().find("written by feature view 'card' version 2"), std::string::npos) << older;
  EXPECT_TRUE(opened(features<Payment>("card", 2).agg(sum("amount", &Payment::amount), {1h})).ok());
}

TEST(FeatureView, ForgetsKeysThatNoRecordCanAskForAnyMore) {
  Running run(with(features<Payment>("card", 1).agg(sum("amount", &Payment::amount), {1h})));
  for (int i = 0; i < 20; ++i) run.pipe(std::to_string(i), 5, 1'000'000);
  run.pipe("x", 5, 30'000'000);
  auto* store = run.driver->store_as<FeatureStore>("card-features");
  for (int i = 0; i < 4; ++i) run.pipe("x", 5, 40'000'000 + i * 100'000);
  // What says what the rows are, and the rows of x.
  EXPECT_LE(store->approximate_size(), 4u);
  run.pipe("3", 5, 40'500'000);
  EXPECT_NE(run.rows().find("3: -\n"), std::string::npos);
}

// --------------------------------------------------------------------------------------------------------- mistakes

TEST(FeatureView, ReportsEveryMistakeWithTheLine) {
  const auto topology = Running::build(with(features<Payment>("card", 0)
                                                .agg(sum("amount", &Payment::amount), {0h})
                                                .agg(sum("amount", &Payment::amount), {last(0)})
                                                .grace(-1min)));
  ASSERT_FALSE(topology.ok());
  const std::string text = topology.status().ToString();
  for (const char* part : {"version 0 is not positive", "its length must be positive",
                           "from 1 to 100000 rows", "the grace is negative", "feature_view_test.cc"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

TEST(FeatureView, WantsOneNameForOneFeature) {
  const auto plan = features<Payment>("card", 1).agg(count(), {1h}).agg(count(), {1h}).plan();
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.status().ToString().find("two features are called 'count_1h'"), std::string::npos)
      << plan.status();
}

TEST(FeatureView, WantsOneColumnForOneName) {
  const auto plan = features<Payment>("card", 1)
                        .agg(sum("amount", &Payment::amount), {1h})
                        .agg(maximum("amount", [](const Payment& payment) { return payment.amount; }), {1h})
                        .plan();
  ASSERT_FALSE(plan.ok());
  EXPECT_NE(plan.status().ToString().find("two different columns are called 'amount'"), std::string::npos);
}

TEST(FeatureView, HasAHashThatChangesWithWhatItMeans) {
  const auto hash = [](const FeatureView<Payment>& view) { return (*view.plan())->hash(); };
  const auto base = [] { return features<Payment>("card", 1); };
  const auto sums = sum("amount", &Payment::amount);
  const std::uint64_t first = hash(base().agg(sums, {1h}));
  EXPECT_EQ(first, hash(base().agg(sums, {60min}).log_to("elsewhere")));
  EXPECT_NE(first, hash(base().agg(sums, {2h})));
  EXPECT_NE(first, hash(base().agg(sums, {1h}).grace(1s)));
  EXPECT_NE(first, hash(base().agg(sums, {1h}).include_current(true)));
  EXPECT_NE(first, hash(features<Payment>("card", 2).agg(sums, {1h})));
}

}  // namespace
}  // namespace weir::ml
