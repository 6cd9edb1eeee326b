// How well it went: what is in the topics after a run.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/time.h>
#include <weir/core/transport.h>
#include <weir/ml/feedback/drift.h>
#include <weir/ml/feedback/evaluate.h>

namespace fraud {

// Transactions of a time. A rate counts those alone whose label came.
struct Period {
  std::string name;
  std::string models;  // versions that scored it
  std::uint64_t scored = 0;
  std::uint64_t alerts = 0;
  std::uint64_t judged_alerts = 0;
  std::uint64_t frauds = 0;
  std::uint64_t caught = 0;  // frauds with an alert

  [[nodiscard]] double precision() const;
  [[nodiscard]] double recall() const;
};

struct Report {
  std::uint64_t transactions = 0;  // records in
  std::array<Period, 3> periods;   // before the drift, after it with the old model, after the swap
  std::uint64_t dead_letters = 0;
  std::vector<std::string> dead_letter_samples;      // origin and reason of a few
  std::vector<weir::ml::QualityReport> quality;      // by version, then week; the last word of each
  std::vector<weir::ml::DriftReport> first_drifts;   // of each input, the first day that was drift
  std::vector<weir::ml::ChangeEvent> error_changes;  // in order

  [[nodiscard]] Period whole() const;
};

// Compares scores and alerts with the labels. A transaction that was scored twice, after a crash, counts once.
[[nodiscard]] absl::StatusOr<Report> make_report(weir::Transport& transport, weir::Timestamp drift_at,
                                                 weir::Timestamp swap_at);

// `start`: of the world, whose days are counted.
void print_report(const Report& report, weir::Timestamp start);

}  // namespace fraud
