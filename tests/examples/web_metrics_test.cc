// A web site's series: seasons, incidents that are where and what they say, and detectors that find them.
#include "web_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/anomaly/detector.h>
#include <weir/ml/feedback/change_detectors.h>

#include "world_digest.h"

namespace generators {
namespace {

constexpr double kMsPerHour = 3'600'000;

std::uint64_t digest_of_site(std::uint64_t seed) {
  Digest digest;
  for (const WebMetrics& now : WebSite({.seed = seed, .days = 14}).watch()) {
    digest.add(now.time);
    digest.add(now.requests);
    digest.add(now.errors);
    digest.add(now.answer_ms);
  }
  return digest.sum();
}

TEST(WebMetrics, AreTheSameOnEveryMachine) {
  EXPECT_EQ(digest_of_site(1), 6674816856473863485U);
  EXPECT_NE(digest_of_site(2), digest_of_site(1));
}

WebMetricsOptions calm(WebMetricsOptions options = {}) {
  options.spikes = options.outages = options.slow_answers = options.unrests = options.level_shifts = 0;
  return options;
}

TEST(WebMetrics, FollowTheHoursOfDayAndWeek) {
  const WebSite site(calm({.days = 28}));
  std::array<double, 24> hours{};
  std::array<double, 7> days{};
  double squares = 0;
  const std::vector<WebMetrics> series = site.watch();
  ASSERT_EQ(series.size(), 28U * 288);
  for (const WebMetrics& now : series) {
    const auto since = static_cast<double>(now.time - series.front().time);  // a Monday
    const auto requests = static_cast<double>(now.requests);
    hours[static_cast<std::size_t>(since / kMsPerHour) % 24] += requests / (28 * 12);
    days[static_cast<std::size_t>(since / kMsPerHour / 24) % 7] += requests / (4 * 288);
    squares += std::pow(requests / now.usual - 1, 2);
    EXPECT_EQ(now.usual, site.usual(now.time));
  }
  EXPECT_GT(hours[14], 2 * hours[2]);
  for (const double weekend : {days[5], days[6]}) EXPECT_NEAR(weekend / days[2], 0.65 / 1.14, 0.03);
  EXPECT_NEAR((days[0] + days[1] + days[2] + days[3] + days[4] + days[5] + days[6]) / 7, 400, 10);
  // By its laws: 3 % of jitter, 3.2 % of mood, 5.6 % of counting by chance.
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(series.size())), 0.073, 0.01);
}

// Without noise what is counted is what is usual, times what the incidents of the step say.
TEST(WebMetrics, IncidentsAreWhereAndWhatTheySay) {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    const WebSite site({.seed = seed, .noise = 0});
    std::map<WebIncidentKind, int> kinds;
    std::vector<double> requests(site.steps(), 1);
    std::vector<double> answers(site.steps(), 1);
    std::vector<bool> broken(site.steps());
    std::size_t last = 7 * 288;
    for (const WebIncident& incident : site.incidents()) {
      ++kinds[incident.kind];
      ASSERT_GE(incident.from, last);
      ASSERT_LT(incident.from, incident.until);
      ASSERT_LE(incident.until, site.steps());
      last = incident.kind == WebIncidentKind::kLevelShift ? incident.from : incident.until;
      for (std::size_t step = incident.from; step < incident.until; ++step) {
        if (incident.kind == WebIncidentKind::kSlow) {
          answers[step] *= incident.size;
        } else if (incident.kind != WebIncidentKind::kUnrest) {
          requests[step] *= incident.size;
        }
        broken[step] = broken[step] || incident.kind == WebIncidentKind::kOutage;
      }
    }
    EXPECT_EQ(kinds, (std::map<WebIncidentKind, int>{{WebIncidentKind::kSpike, 8},
                                                     {WebIncidentKind::kOutage, 3},
                                                     {WebIncidentKind::kSlow, 4},
                                                     {WebIncidentKind::kUnrest, 3},
                                                     {WebIncidentKind::kLevelShift, 2}}));
    const std::vector<WebMetrics> series = site.watch();
    for (std::size_t step = 0; step < series.size(); ++step) {
      const WebMetrics& now = series[step];
      ASSERT_NEAR(static_cast<double>(now.requests), now.usual * requests[step], 0.51);
      const double load = static_cast<double>(now.requests) / 640;
      ASSERT_NEAR(now.answer_ms, 80 * (1 + 0.3 * load * load) * answers[step], 1e-9);
      ASSERT_NEAR(static_cast<double>(now.errors),
                  static_cast<double>(now.requests) * (broken[step] ? 0.3 : 0.004), 0.51);
    }
  }
}

TEST(WebMetrics, UnrestIsNoiseThatIsLarger) {
  const WebSite site(
      {.seed = 6, .spikes = 0, .outages = 0, .slow_answers = 0, .unrests = 12, .level_shifts = 0});
  std::vector<bool> unrest(site.steps());
  for (const WebIncident& incident : site.incidents())
    std::fill(unrest.begin() + static_cast<std::ptrdiff_t>(incident.from),
              unrest.begin() + static_cast<std::ptrdiff_t>(incident.until), true);
  std::array<double, 2> squares{};
  std::array<double, 2> counts{};
  const std::vector<WebMetrics> series = site.watch();
  for (std::size_t step = 0; step < series.size(); ++step) {
    const std::size_t which = unrest[step] ? 1 : 0;
    squares[which] += std::pow(static_cast<double>(series[step].requests) / series[step].usual - 1, 2);
    counts[which] += 1;
  }
  EXPECT_GT(squares[1] / counts[1], 4 * squares[0] / counts[0]);
}

TEST(WebMetrics, OfFewStepsOrRequestsAreSeriesToo) {
  EXPECT_TRUE(WebSite({.days = 0}).watch().empty());
  for (const WebMetricsOptions& options :
       {WebMetricsOptions{.days = 1, .every = weir::Duration{86'400'000}}, WebMetricsOptions{.days = 2},
        WebMetricsOptions{.days = 8, .every = weir::Duration{3'600'000}, .requests = 0.1},
        WebMetricsOptions{.days = 1, .requests = 1e9, .quiet_days = 0}}) {
    const WebSite site(options);
    EXPECT_EQ(site.watch().size(), site.steps());
    for (const WebIncident& incident : site.incidents()) EXPECT_LE(incident.until, site.steps());
    for (const WebMetrics& now : site.watch()) {
      EXPECT_GE(now.requests, 0);
      EXPECT_LE(now.errors, now.requests);
    }
  }
}

// ADWIN watches what is left when the seasons are taken out: it sees each change of level within half a day, and raises no alarm before
// the first.
TEST(WebMetrics, AdwinSeesTheirLevelsChange) {
  int shifts = 0;
  std::size_t delays = 0;
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    WebMetricsOptions options = calm({.seed = seed});
    options.level_shifts = 2;
    const WebSite site(options);
    weir::ml::Adwin adwin;
    std::vector<std::size_t> alarms;
    const std::vector<WebMetrics> series = site.watch();
    for (std::size_t step = 0; step < series.size(); ++step) {
      if (adwin.add(std::min(1.0, static_cast<double>(series[step].requests) / series[step].usual / 3)))
        alarms.push_back(step);
    }
    for (const WebIncident& shift : site.incidents()) {
      const auto seen = std::lower_bound(alarms.begin(), alarms.end(), shift.from);
      ASSERT_NE(seen, alarms.end()) << "seed " << seed;
      EXPECT_LT(*seen - shift.from, 144U) << "seed " << seed;
      delays += *seen - shift.from;
      ++shifts;
    }
    EXPECT_GE(alarms.front(), site.incidents().front().from) << "seed " << seed << ": a false alarm";
  }
  EXPECT_EQ(shifts, 12);
  EXPECT_LT(delays / 12, 72U);  // six hours
}

// The usual detector, with nothing set, on series it was not made for.
TEST(WebMetrics, TheUsualDetectorFindsSpikesAndOutages) {
  int injected = 0;
  int found = 0;
  int false_alarms = 0;
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    WebMetricsOptions options = calm({.seed = seed});
    options.spikes = 2;
    options.outages = 1;
    const WebSite site(options);
    auto detector = weir::ml::Detector::create(weir::ml::usual_detector());
    ASSERT_TRUE(detector.ok());
    std::vector<std::size_t> alarms;
    const std::vector<WebMetrics> series = site.watch();
    for (std::size_t step = 0; step < series.size(); ++step) {
      const auto value = static_cast<double>(series[step].requests);
      const auto verdict = detector->update({series[step].time, {&value, 1}});
      ASSERT_TRUE(verdict.ok());
      // It takes the quiet week to learn the seasons.
      if (verdict->alarm && step >= 7 * 288) alarms.push_back(step);
    }
    for (const WebIncident& incident : site.incidents()) {
      ++injected;
      const auto alarm = std::find_if(alarms.begin(), alarms.end(), [&](std::size_t step) {
        return step >= incident.from && step < incident.until + 3;
      });
      if (alarm == alarms.end()) continue;
      ++found;
      alarms.erase(alarm);
    }
    false_alarms += static_cast<int>(alarms.size());
  }
  EXPECT_EQ(injected, 18);
  EXPECT_GE(found, 15);
  EXPECT_LE(false_alarms, 6);  // in six times three weeks
}

}  // namespace
}  // namespace generators
