// What a web site counts: requests, errors and how long answers took, every few minutes, with the seasons of day and week.
//
// On top of that, at known times, come incidents, apart from each other and none in the quiet beginning: spikes, outages, slow
// answers, hours of unrest, and changes of level, which stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <weir/core/time.h>

#include "random.h"

namespace generators {

struct WebMetricsOptions {
  std::uint64_t seed = 1;
  weir::Timestamp start = 1'767'571'200'000;  // Monday, 2026-01-05
  int days = 28;
  weir::Duration every{300'000};
  double requests = 400;  // of each step, on average
  double noise = 1;       // 0: none, and then nothing is counted by chance
  int quiet_days = 7;

  int spikes = 8;
  int outages = 3;
  int slow_answers = 4;
  int unrests = 3;
  int level_shifts = 2;
};

enum class WebIncidentKind : std::uint8_t {
  kSpike,       // up to three steps of two to four times the requests
  kOutage,      // up to an hour with few requests, and errors
  kSlow,        // up to two hours in which answers take two to four times as long
  kUnrest,      // some hours in which the requests vary six times as much
  kLevelShift,  // from here on half as many requests more, or a third less; to the end
};

struct WebIncident {
  WebIncidentKind kind = WebIncidentKind::kSpike;
  std::size_t from = 0;  // steps
  std::size_t until = 0;
  double size = 1;  // what it multiplies: requests, of kSlow the time of answers, of kUnrest the noise
};

struct WebMetrics {
  weir::Timestamp time = 0;
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  double answer_ms = 0;  // mean
  // The truth: requests without incidents and noise.
  double usual = 0;
};

class WebSite {
 public:
  explicit WebSite(const WebMetricsOptions& options);

  // Returns what is counted, step by step.
  [[nodiscard]] std::vector<WebMetrics> watch() const;

  // In order of time.
  [[nodiscard]] const std::vector<WebIncident>& incidents() const { return incidents_; }

  // Requests of a step, as the seasons have them.
  [[nodiscard]] double usual(weir::Timestamp time) const;
  [[nodiscard]] std::size_t steps() const { return steps_; }

 private:
  // A step's share of what incidents do.
  struct Effect {
    double requests = 1;
    double answers = 1;
    double noise = 1;
    double errors = 0.004;  // of the requests
  };

  [[nodiscard]] WebIncident incident(WebIncidentKind kind, std::size_t from, std::size_t longest,
                                     Random& random) const;
  [[nodiscard]] std::vector<Effect> effects() const;

  const WebMetricsOptions options_;
  const std::size_t steps_;
  std::vector<WebIncident> incidents_;
};

}  // namespace generators
