// Does a training set made of a feature log and labels know nothing too early?
#include <weir/ml/feedback/point_in_time.h>

#include <map>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/json_serde.h>
#include <weir/core/testing/topology_driver.h>
#include <weir/operators/weir.h>

namespace point_in_time_test {

struct Report {
  bool fraud = false;
  weir::Timestamp paid_at = 0;
};

}  // namespace point_in_time_test

template <>
struct weir::Serde<point_in_time_test::Report> : weir::JsonSerde<point_in_time_test::Report> {
  using T = point_in_time_test::Report;
  static constexpr auto kFields = fields(field("fraud", &T::fraud), field("paid_at", &T::paid_at));
};

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using point_in_time_test::Report;

const auto kLabelOf = [](const Report& report) { return report.fraud ? 1.0 : 0.0; };

struct Truth {
  std::unique_ptr<TopologyDriver> driver;

  explicit Truth(bool by_id, Duration grace = 0ms, std::optional<std::uint64_t> hash = std::nullopt) {
    StreamBuilder builder;
    const auto log = builder.stream<std::string, FeatureLogEntry>("log");
    const auto labels = builder.stream<std::string, Report>("labels");
    const PointInTimeOptions options{
        .store = "truth", .earliest = 10ms, .latest = 100ms, .grace = grace, .hash = hash};
    const auto write = [](const PointInTime<std::string, Report>& set) {
      set.rows.to("rows");
      set.orphans
          .map_values([](const Orphan<Report>& orphan) {
            return fmt::format("{}@{}", name_of(orphan.reason), orphan.labelled_at);
          })
          .to("orphans");
    };
    if (by_id) {
      write(log.apply(point_in_time(options, labels, kLabelOf)));
    } else {
      write(log.apply(point_in_time(options, labels, kLabelOf).as_of([](const Report& report) {
        return report.paid_at;
      })));
    }
    const auto topology = builder.build();
    EXPECT_TRUE(topology.ok()) << topology.status();
    auto made = TopologyDriver::create(*topology);
    EXPECT_TRUE(made.ok()) << made.status();
    driver = *std::move(made);
  }

  void log(const std::string& key, Offset offset, double feature, Timestamp time, std::uint64_t hash = 7) {
    FeatureLogEntry entry;
    entry.view = "card";
    entry.version = 1;
    entry.hash = hash;
    entry.time = time;
    entry.topic = "payments";
    entry.offset = offset;
    entry.values = {feature};
    const absl::Status status = driver->pipe<std::string, FeatureLogEntry>("log", key, entry, time);
    ASSERT_TRUE(status.ok()) << status;
  }
  void label(const std::string& key, bool fraud, Timestamp time, Timestamp paid_at = 0) {
    const absl::Status status = driver->pipe<std::string, Report>("labels", key, {fraud, paid_at}, time);
    ASSERT_TRUE(status.ok()) << status;
  }
  // "id label features feature time<inferred<=labelled kind" of each row, then each orphan.
  std::string told() {
    std::string text;
    for (const auto& row : driver->read<std::string, TrainingRow>("rows")) {
      EXPECT_EQ(row.key, row.value.id);
      EXPECT_EQ(row.value.fault(), "");
      text += fmt::format("{} {} [{}] {}<{}<={} {}\n", row.key, row.value.label, row.value.features[0],
                          row.value.feature_time, row.value.predicted_at, row.value.labelled_at,
                          name_of(row.value.kind));
    }
    for (const auto& orphan : driver->read<std::string, std::string>("orphans"))
      text += fmt::format("{}: {}\n", orphan.key, orphan.value);
    return text;
  }
};

TEST(PointInTime, JoinsByTheIdOfThePrediction) {
  Truth truth(/*by_id=*/true);
  truth.log("card", 0, 5, 1'000);
  truth.log("card", 1, 6, 1'001);
  truth.label("payments-0-0", true, 1'050);
  truth.label("payments-0-1", false, 1'011);
  EXPECT_EQ(truth.told(),
            "payments-0-0 1 [5] -1<1000<=1050 labelled\npayments-0-1 0 [6] -1<1001<=1011 labelled\n");
}

TEST(PointInTime, TakesMatureLabelsOnlyAndTellsOfTheOthers) {
  Truth truth(/*by_id=*/true, 5ms);
  truth.log("card", 0, 5, 1'000);
  truth.label("payments-0-0", true, 1'009);  // too early
  truth.label("payments-0-0", false, 1'010);
  truth.label("payments-0-0", true, 1'100);
  truth.label("payments-0-0", false, 1'101);  // too late
  truth.label("payments-0-9", true, 1'101);
  truth.log("card", 2, 1, 2'000);
  EXPECT_EQ(truth.told(),
            "payments-0-0 0 [5] -1<1000<=1010 correction\npayments-0-0 1 [5] -1<1000<=1100 correction\n"
            "payments-0-0: too early@1009\npayments-0-0: too late@1101\npayments-0-9: no prediction@1101\n");
}

TEST(PointInTime, JoinsByTheEntityAndTheTimeOfTheInference) {
  Truth truth(/*by_id=*/false);
  truth.log("card", 0, 5, 1'000);
  truth.log("card", 1, 6, 1'020);
  truth.log("card", 2, 7, 1'040);
  truth.label("card", true, 1'060, 1'030);   // the entry of 1020 was the newest
  truth.label("card", false, 1'061, 1'020);  // that of 1020 is no older
  truth.label("card", true, 1'062, 1'000);   // there was none
  truth.label("other", true, 1'062, 1'030);
  truth.label("card", true, 1'063, 1'060);  // too early
  truth.label("card", true, 1'064, 1'070);  // from before the inference
  truth.label("card", true, 1'160, 1'050);  // too late
  EXPECT_EQ(truth.told(),
            "payments-0-1 1 [6] 1020<1030<=1060 labelled\npayments-0-0 0 [5] 1000<1020<=1061 labelled\n"
            "card: no prediction@1062\nother: no prediction@1062\ncard: too early@1063\n"
            "card: before the prediction@1064\ncard: too late@1160\n");
}

TEST(PointInTime, WaitsForEntriesThatAreOutOfOrder) {
  Truth truth(/*by_id=*/false, 20ms);
  truth.log("card", 0, 5, 1'000);
  truth.label("card", true, 1'060, 1'050);
  truth.log("card", 1, 6, 1'045);
  EXPECT_EQ(truth.told(), "");
  ASSERT_TRUE(truth.driver->restart().ok());
  truth.label("other", true, 1'080, 1'050);
  EXPECT_EQ(truth.told(), "payments-0-1 1 [6] 1045<1050<=1060 labelled\n");
}

TEST(PointInTime, TakesTheRowsOfOneSchema) {
  for (const bool by_id : {true, false}) {
    Truth truth(by_id, 0ms, 7);
    truth.log("card", 0, 5, 1'000, /*hash=*/7);
    truth.log("card", 0, 9, 1'001, /*hash=*/8);
    truth.label(by_id ? "payments-0-0" : "card", true, 1'050, 1'040);
    EXPECT_NE(truth.told().find("payments-0-0 1 [5]"), std::string::npos);
  }
}

TEST(PointInTime, NeverKnowsTooEarlyWhateverComes) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  Truth truth(/*by_id=*/false);
  // Every entry's feature is its own time, so that a row shows when it is from.
  std::map<std::string, std::vector<Timestamp>> times;
  Timestamp now = 10'000;
  std::uint64_t rows = 0;
  for (int i = 0; i < 2'000; ++i) {
    now += static_cast<Timestamp>(random() % 8);
    const std::string key(1, static_cast<char>('a' + random() % 3));
    if (random() % 3 != 0) {
      truth.log(key, i, static_cast<double>(now), now);
      times[key].push_back(now);
      continue;
    }
    const Timestamp paid_at = now - static_cast<Timestamp>(random() % 120);
    truth.label(key, true, now, paid_at);
    std::optional<Timestamp> newest;
    for (const Timestamp time : times[key]) {
      if (time < paid_at) newest = time;
    }
    const bool mature = now - paid_at >= 10 && now - paid_at <= 100;
    const auto written = truth.driver->read<std::string, TrainingRow>("rows");
    ASSERT_EQ(written.size(), mature && newest ? 1u : 0u) << i;
    if (!written.empty()) {
      EXPECT_EQ(written[0].value.features[0], static_cast<float>(*newest));
      EXPECT_EQ(written[0].value.feature_time, *newest);
    }
    rows += written.size();
  }
  EXPECT_GT(rows, 100u);
}

TEST(PointInTime, ReportsMistakesWithTheLine) {
  StreamBuilder builder;
  const auto labels = builder.stream<std::string, Report>("labels");
  const auto set = builder.stream<std::string, FeatureLogEntry>("log").apply(
      point_in_time({.store = "truth", .earliest = 3ms, .latest = 2ms, .grace = -1ms}, labels, kLabelOf));
  set.rows.to("rows");
  const auto topology = builder.build();
  ASSERT_FALSE(topology.ok());
  for (const char* part :
       {".earliest must be from 0 to .latest", ".grace must not be negative", "point_in_time_test.cc"})
    EXPECT_NE(topology.status().ToString().find(part), std::string::npos) << topology.status();
}

}  // namespace
}  // namespace weir::ml
