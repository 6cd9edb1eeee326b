#include <weir/ml/feedback/drift.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/random_cases.h"
#include "support/records.h"

namespace weir {
namespace drift_test {

using namespace std::chrono_literals;

std::vector<double> uniform(std::size_t count, unsigned seed, double from, double to) {
  std::mt19937 chance(seed);
  std::vector<double> values(count);
  for (double& value : values) value = from + (to - from) * static_cast<double>(chance()) / 4294967296.0;
  return values;
}

// Records are numbers; the second column is ten times as large.
TextDriver watching(const DriverOptions& options = {}) {
  return TextDriver(
      [](StreamBuilder& builder) {
        const auto watched = builder.stream<std::string, double>("in").apply(
            ml::drift({.store = "drift",
                       .references = {ml::drift_reference("one", uniform(2'000, 1, 0, 1)),
                                      ml::drift_reference("ten", uniform(2'000, 2, 0, 10))},
                       .window = 1s,
                       .grace = 0ms,
                       .limits = {.rows_min = 300}},
                      [](const std::string& key, double value) {
                        return ml::DriftRow{.segment = key, .values = {value, key == "bad" ? 3 : 10 * value}};
                      }));
        watched.reports.to("reports");
        watched.events.to("events");
      },
      options);
}

void feed(TextDriver& driver, const std::string& key, const std::vector<double>& values, Timestamp start) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto time = start + static_cast<Timestamp>(i * 900 / values.size());
    ASSERT_TRUE((driver.driver().pipe<std::string, double>("in", key, values[i], time).ok()));
  }
}

std::string summary(TextDriver& driver, const std::string& topic) {
  std::string text;
  for (const auto& record : driver.driver().read<std::string, ml::DriftReport>(topic)) {
    const ml::DriftReport& report = record.value;
    const char* verdict = report.verdict == ml::DriftVerdict::kDrift    ? "drift"
                          : report.verdict == ml::DriftVerdict::kStable ? "stable"
                                                                        : "insufficient";
    text += report.segment + "." + record.key + "[" + std::to_string(report.window_start) + "," +
            std::to_string(report.window_end) + "):" + verdict + " ";
  }
  return text;
}

TEST(Drift, ReportsEachReferenceAndTellsOfDrift) {
  TextDriver driver = watching();
  feed(driver, "a", uniform(400, 3, 0, 1), 0);
  feed(driver, "a", uniform(400, 4, 0.3, 1.3), 1'000);
  feed(driver, "a", uniform(100, 5, 0.3, 1.3), 2'000);
  feed(driver, "bad", uniform(400, 6, 0, 1), 3'000);
  feed(driver, "a", {0.5}, 4'000);
  EXPECT_EQ(summary(driver, "reports"),
            "a.one[0,1000):stable a.ten[0,1000):stable a.one[1000,2000):drift a.ten[1000,2000):drift "
            "a.one[2000,3000):insufficient a.ten[2000,3000):insufficient "
            "bad.one[3000,4000):stable bad.ten[3000,4000):drift ");
  EXPECT_EQ(summary(driver, "events"),
            "a.one[1000,2000):drift a.ten[1000,2000):drift bad.ten[3000,4000):drift ");
}

TEST(Drift, ReportsAreTheSameAcrossRestarts) {
  play_cases(1, /*on_disk=*/true, [](unsigned seed, const std::string& folder) {
    std::mt19937 chance(seed);
    DriverOptions options;
    options.state_directory = folder;
    TextDriver restarted = watching(options);
    TextDriver running = watching();
    for (Timestamp time = 0; time < 3'000; time += 7) {
      const double value = static_cast<double>(chance()) / 4294967296.0;
      for (TextDriver* driver : {&restarted, &running}) {
        ASSERT_TRUE((driver->driver().pipe<std::string, double>("in", "a", value, time).ok()));
      }
      if (chance() % 80 == 0) {
        ASSERT_TRUE(restarted.driver().restart().ok());
      }
    }
    const auto one = restarted.driver().read_raw("reports");
    const auto other = running.driver().read_raw("reports");
    ASSERT_EQ(one.size(), 4U);
    ASSERT_EQ(one.size(), other.size());
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_EQ(one[i].record.value, other[i].record.value);
  });
}

TEST(Drift, RowsOfAnotherWidthFail) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, double>("in")
        .apply(ml::drift({.store = "drift",
                          .references = {ml::drift_reference("one", uniform(200, 1, 0, 1))},
                          .window = 1s,
                          .grace = 0ms},
                         [](double) { return ml::DriftRow{}; }))
        .reports.to("reports");
  });
  const absl::Status status = driver.try_feed<std::string, double>("in", "a:1@0");
  EXPECT_NE(status.message().find("the row has 0 values, there are 1 references"), std::string::npos)
      << status;
}

TEST(Drift, ReferencesThatCannotBeAreProblems) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, double>("in")
        .apply(ml::drift({.store = "drift",
                          .references = {{.name = "x", .edges = {2, 1}, .counts = {1, 1, 1}}},
                          .window = 1s,
                          .grace = 0ms},
                         [](double) { return ml::DriftRow{}; }))
        .reports.to("reports");
  });
  EXPECT_NE(problems.find("drift: the edges of the reference 'x' do not ascend: edge 1 is 1"),
            std::string::npos)
      << problems;
}

template <class D>
TextDriver detecting(const D& fresh, const DriverOptions& options = {}) {
  return TextDriver(
      [&](StreamBuilder& builder) {
        builder.stream<std::string, double>("in")
            .apply(ml::changes({.store = "errors"}, fresh,
                               [](const std::string& key, double value) {
                                 return ml::Watched{.segment = key, .value = value};
                               }))
            .to("changes");
      },
      options);
}

template <class D>
std::string told(TextDriver& driver, const D&) {
  std::string text;
  for (const auto& record : driver.driver().read<std::string, ml::ChangeEvent>("changes")) {
    EXPECT_EQ(record.key, record.value.segment);
    EXPECT_EQ(record.timestamp, record.value.time);
    text += record.key + "@" + std::to_string(record.timestamp) + " ";
  }
  return text;
}

// Each segment by itself, as a detector of its own says, with restarts.
template <class D>
void expect_what_detectors_say(const D& fresh) {
  play_cases(1, /*on_disk=*/true, [&](unsigned seed, const std::string& folder) {
    std::mt19937 chance(seed);
    DriverOptions options;
    options.state_directory = folder;
    TextDriver driver = detecting(fresh, options);
    std::map<std::string, D> alone = {{"a", fresh}, {"b", fresh}};
    std::string expected;
    for (Timestamp time = 0; time < 800; ++time) {
      const std::string segment = chance() % 2 == 0 ? "a" : "b";
      const double rate = segment == "a" && time > 300 ? 0.8 : 0.2;
      const double value = static_cast<double>(chance()) < rate * 4294967296.0 ? 1 : 0;
      if (alone.at(segment).add(value)) expected += segment + "@" + std::to_string(time) + " ";
      ASSERT_TRUE((driver.driver().pipe<std::string, double>("in", segment, value, time).ok()));
      if (chance() % 150 == 0) {
        ASSERT_TRUE(driver.driver().restart().ok());
      }
    }
    EXPECT_EQ(told(driver, fresh), expected);
    EXPECT_NE(expected.find("a@"), std::string::npos);
  });
}

TEST(Changes, AreWhatADetectorOfEachSegmentSays) {
  expect_what_detectors_say(ml::Adwin());
  expect_what_detectors_say(ml::PageHinkley({.threshold = 10}));
}

}  // namespace drift_test
}  // namespace weir
