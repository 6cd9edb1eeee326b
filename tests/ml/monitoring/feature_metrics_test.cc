// Do the series of feature views say what their tasks say, and never go back?
#include <weir/ml/monitoring/feature_metrics.h>

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace weir::ml {
namespace {

class FeatureMetricsTest : public testing::Test {
 protected:
  [[nodiscard]] std::uint64_t counted(const std::string& name, const std::string& task) const {
    return metrics_->counter(name, {{"view", "card"}, {"task", task}}).value();
  }
  [[nodiscard]] double shown(const std::string& name, const std::string& task) const {
    return metrics_->gauge(name, {{"view", "card"}, {"task", task}}).value();
  }
  static FeatureCounters counters_of(std::uint64_t records, std::uint64_t keys) {
    FeatureCounters counters;
    counters.records = records;
    counters.late = records / 10;
    counters.evicted_tiles = 2 * records;
    counters.keys_in_memory = keys;
    counters.tiles_in_memory = 30 * keys;
    counters.bytes_in_memory = 4000 * keys;
    return counters;
  }

  std::shared_ptr<LiveFeatures> live_ = std::make_shared<LiveFeatures>();
  std::shared_ptr<ModelMetrics> metrics_ = std::make_shared<ModelMetrics>();
  FeatureMetrics features_{"card", live_, metrics_};
};

TEST_F(FeatureMetricsTest, SayWhatEachTaskSays) {
  const auto first = live_->take_seat("0_0");
  const auto second = live_->take_seat("0_1");
  first->tell(counters_of(100, 5));
  second->tell(counters_of(40, 2));
  features_.refresh();
  EXPECT_EQ(counted("weir_features_records_total", "0_0"), 100U);
  EXPECT_EQ(counted("weir_features_late_total", "0_0"), 10U);
  EXPECT_EQ(counted("weir_features_evicted_tiles_total", "0_1"), 80U);
  EXPECT_EQ(shown("weir_features_keys", "0_0"), 5);
  EXPECT_EQ(shown("weir_features_tiles", "0_1"), 60);
  EXPECT_EQ(shown("weir_features_bytes", "0_1"), 8000);
  features_.refresh();
  EXPECT_EQ(counted("weir_features_records_total", "0_0"), 100U) << "nothing is counted twice";
  first->tell(counters_of(130, 4));
  features_.refresh();
  EXPECT_EQ(counted("weir_features_records_total", "0_0"), 130U);
  EXPECT_EQ(shown("weir_features_keys", "0_0"), 4);
}

TEST_F(FeatureMetricsTest, CountOnWhenATaskIsOpenedAnew) {
  auto seat = live_->take_seat("0_0");
  seat->tell(counters_of(100, 5));
  features_.refresh();
  seat.reset();
  features_.refresh();
  EXPECT_EQ(counted("weir_features_records_total", "0_0"), 100U);
  EXPECT_EQ(shown("weir_features_bytes", "0_0"), 0) << "a task that is gone remembers nothing";
  seat = live_->take_seat("0_0");
  seat->tell(counters_of(120, 5));
  features_.refresh();
  EXPECT_EQ(counted("weir_features_records_total", "0_0"), 220U);
  // Within one look.
  seat.reset();
  seat = live_->take_seat("0_0");
  seat->tell(counters_of(30, 1));
  features_.refresh();
  EXPECT_EQ(counted("weir_features_records_total", "0_0"), 250U);
  EXPECT_EQ(counted("weir_features_late_total", "0_0"), 10U + 12U + 3U);
}

TEST_F(FeatureMetricsTest, AreInTheTextOfAllMetrics) {
  const auto seat = live_->take_seat("0_0");
  seat->tell(counters_of(7, 3));
  features_.refresh();
  EXPECT_NE(metrics_->text().find("weir_features_tiles{"), std::string::npos) << metrics_->text();
}

}  // namespace
}  // namespace weir::ml
