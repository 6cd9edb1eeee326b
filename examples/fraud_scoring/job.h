// The job of this example: fills the topics, runs both programs until everything is scored and judged, and tells how it went.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <absl/status/status.h>

#include <weir/core/topic_partition.h>

#include "program.h"
#include "world.h"

namespace fraud {

struct JobOptions {
  examples::ProgramOptions program{.application_id = "fraud-scoring"};
  // The first scores from the beginning, the second from the swap date on; and what drift compares with.
  std::string model;
  std::string model_after_drift;
  std::string references;
  WorldOptions world;
  double drift_day = 9;  // of the world
  double swap_day = 13;
  double threshold = 0.5;
  int workers = 1;
  weir::Partition partitions = 4;
  bool quality = true;  // whether the second program runs too

  [[nodiscard]] weir::Timestamp time_of_day(double day) const {
    return world.cards.start + static_cast<weir::Timestamp>(day * 86'400'000);
  }
};

// Returns early when `stop` is set.
[[nodiscard]] absl::Status run_job(const JobOptions& options, const std::atomic<bool>& stop);

}  // namespace fraud
