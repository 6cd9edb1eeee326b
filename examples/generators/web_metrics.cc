#include "web_metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace generators {
namespace {

constexpr double kMsPerDay = 86'400'000;
constexpr weir::Timestamp kMonday = 1'767'571'200'000;  // one of them
constexpr double kPeak = 1.6;                           // of a working day's requests
constexpr double kAnswer = 80;                          // ms
constexpr double kOutageErrors = 0.3;

std::size_t steps_of(double hours, weir::Duration every) {
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(hours * 3'600'000 / static_cast<double>(every.count())));
}

// A number with the mean and the variance of a count; small ones are Poisson's.
std::int64_t count_of(double mean, Random& random) {
  if (mean < 50) return random.poisson(mean);
  return static_cast<std::int64_t>(std::max(0.0, std::round(random.normal(mean, std::sqrt(mean)))));
}

}  // namespace

WebSite::WebSite(const WebMetricsOptions& options)
    : options_(options),
      steps_(static_cast<std::size_t>(std::max(0, options.days) * static_cast<weir::Timestamp>(kMsPerDay) /
                                      std::max<weir::Timestamp>(1, options.every.count()))) {
  Random random(options_.seed);
  std::vector<WebIncidentKind> kinds;
  for (const auto& [kind, count] : {std::pair(WebIncidentKind::kSpike, options_.spikes),
                                    std::pair(WebIncidentKind::kOutage, options_.outages),
                                    std::pair(WebIncidentKind::kSlow, options_.slow_answers),
                                    std::pair(WebIncidentKind::kUnrest, options_.unrests),
                                    std::pair(WebIncidentKind::kLevelShift, options_.level_shifts)})
    kinds.insert(kinds.end(), static_cast<std::size_t>(std::max(0, count)), kind);
  for (std::size_t i = kinds.size(); i > 1; --i)
    std::swap(kinds[i - 1], kinds[static_cast<std::size_t>(random.pick(static_cast<int>(i)))]);
  const auto per_day = static_cast<double>(steps_) / std::max(1, options_.days);
  const auto quiet = std::min(steps_, static_cast<std::size_t>(std::max(0, options_.quiet_days) * per_day));
  // Each has a stretch of its own: it begins in the first half, and has ended before the last quarter.
  const std::size_t stretch = kinds.empty() ? 0 : (steps_ - quiet) / kinds.size();
  for (std::size_t i = 0; i < kinds.size() && stretch >= 4; ++i) {
    const std::size_t from =
        quiet + i * stretch + static_cast<std::size_t>(random.pick(static_cast<int>(stretch / 2)));
    incidents_.push_back(incident(kinds[i], from, stretch / 4, random));
  }
}

WebIncident WebSite::incident(WebIncidentKind kind, std::size_t from, std::size_t longest,
                              Random& random) const {
  const auto lasting = [&](std::size_t least, double hours) {
    const std::size_t most = std::max(least, steps_of(hours, options_.every));
    const auto steps = least + static_cast<std::size_t>(random.pick(static_cast<int>(most - least + 1)));
    return from + std::min(steps, longest);
  };
  switch (kind) {
    case WebIncidentKind::kSpike:
      return {kind, from, from + std::min<std::size_t>(1 + static_cast<std::size_t>(random.pick(3)), longest),
              random.uniform(2, 4)};
    case WebIncidentKind::kOutage:
      return {kind, from, lasting(3, 1), random.uniform(0.05, 0.3)};
    case WebIncidentKind::kSlow:
      return {kind, from, lasting(3, 2), random.uniform(2, 4)};
    case WebIncidentKind::kUnrest:
      return {kind, from, lasting(steps_of(3, options_.every), 8), 6};
    case WebIncidentKind::kLevelShift:
      return {kind, from, steps_, random.chance(0.5) ? 1.5 : 2.0 / 3};
  }
  return {};
}

double WebSite::usual(weir::Timestamp time) const {
  const double day = static_cast<double>(time - kMonday) / kMsPerDay;
  const double hour_turns = day - std::floor(day);
  const double shape =
      1 - 0.5 * cosine_of_turns(hour_turns - 1.0 / 12) + 0.15 * sine_of_turns(2 * hour_turns);
  const auto weekday = static_cast<int>(std::floor(day - 7 * std::floor(day / 7)));
  const double of_week = weekday >= 5 ? 0.65 : 1.14;
  return options_.requests * shape * of_week;
}

std::vector<WebSite::Effect> WebSite::effects() const {
  std::vector<Effect> effects(steps_);
  for (const WebIncident& incident : incidents_) {
    for (std::size_t step = incident.from; step < incident.until; ++step) {
      Effect& effect = effects[step];
      switch (incident.kind) {
        case WebIncidentKind::kOutage:
          effect.errors = kOutageErrors;
          [[fallthrough]];
        case WebIncidentKind::kSpike:
        case WebIncidentKind::kLevelShift:
          effect.requests *= incident.size;
          break;
        case WebIncidentKind::kSlow:
          effect.answers *= incident.size;
          break;
        case WebIncidentKind::kUnrest:
          effect.noise *= incident.size;
          break;
      }
    }
  }
  return effects;
}

std::vector<WebMetrics> WebSite::watch() const {
  // Chance apart from that of the incidents: their kinds do not change the noise.
  Random random(options_.seed + 1'000'003);
  const std::vector<Effect> effects = this->effects();
  std::vector<WebMetrics> series;
  double mood = 0;  // moves slowly around nothing
  for (std::size_t step = 0; step < steps_; ++step) {
    const Effect& effect = effects[step];
    WebMetrics now;
    now.time = options_.start + static_cast<weir::Timestamp>(step) * options_.every.count();
    now.usual = usual(now.time);
    mood = 0.95 * mood + random.normal(0, 0.01);
    const double jitter = random.normal(0, 0.03);
    const double slowness = random.normal(0, 0.05);
    const double mean = now.usual * effect.requests * exp_of(options_.noise * (mood + effect.noise * jitter));
    const bool by_chance = options_.noise > 0;
    now.requests = by_chance ? count_of(mean, random) : static_cast<std::int64_t>(std::round(mean));
    const double errors = static_cast<double>(now.requests) * effect.errors;
    now.errors = by_chance ? std::min(now.requests, count_of(errors, random))
                           : static_cast<std::int64_t>(std::round(errors));
    // The more there is to do, the longer it takes.
    const double load = static_cast<double>(now.requests) / (kPeak * std::max(options_.requests, 1e-9));
    now.answer_ms = kAnswer * (1 + 0.3 * load * load) * effect.answers * exp_of(options_.noise * slowness);
    series.push_back(now);
  }
  return series;
}

}  // namespace generators
