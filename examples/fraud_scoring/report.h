// How well it went: what is in the topics after a run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/transport.h>

namespace fraud {

struct Report {
  std::uint64_t transactions = 0;  // records in
  std::uint64_t scored = 0;        // transactions that have a score
  std::uint64_t alerts = 0;        // transactions that have an alert
  std::uint64_t dead_letters = 0;
  std::vector<std::string> dead_letter_samples;  // origin and reason of a few
  std::uint64_t frauds = 0;                      // labelled so, among the scored
  std::uint64_t caught = 0;                      // frauds with an alert

  [[nodiscard]] double precision() const;
  [[nodiscard]] double recall() const;
};

// Compares scores and alerts with the labels. A transaction that was scored twice, after a crash, counts once.
[[nodiscard]] absl::StatusOr<Report> make_report(weir::Transport& transport);

}  // namespace fraud
