// Takes an application back: its positions in the topics it reads, the topics it made for itself, its state on disk. First a
// plan, which changes nothing, then its execution.
//
//   auto plan = weir::plan_reset({.application_id = "word-count", .to = weir::ResetTo::kEarliest}, *transport);
//   std::cout << plan->text();
//   absl::Status done = weir::reset(*plan, *transport);
//
// Both wait for the brokers. Thread safety: functions without state.
#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/topic_partition.h>
#include <weir/core/transport.h>

namespace weir {

enum class ResetTo {
  kNowhere,  // positions stay as they are
  kEarliest,
  kLatest,
  kOffset,  // the same one in each partition; at most its end, at least its begin
  kTime,    // the first record of that time or later
};

struct ResetOptions {
  std::string application_id = {};
  ResetTo to = ResetTo::kNowhere;
  Offset offset = 0;   // for kOffset
  Timestamp time = 0;  // for kTime
  // The topics whose positions are set. Default: all in which the application has positions and that it did not make itself.
  std::vector<std::string> inputs = {};
  // Whether the topics it made for itself are deleted: changelogs, repartition topics, the tasks topic.
  bool internal_topics = false;
  // As in AppConfig; what is below "<directory>/<application id>" is removed. Empty: nothing on disk.
  std::string state_directory = {};
  // Whether those who are in the group are told to stop (which those hear that have a failure handler, see failure_handler.h) and
  // waited for, up to `force_patience`: whoever was killed is gone after its session timeout. Otherwise that is an error.
  bool force = false;
  Duration force_patience{60'000};
  // How long the brokers may take for each of their answers.
  Duration patience{30'000};
  // Default: the system's.
  const Clock* clock = nullptr;
};

struct ResetPlan {
  struct Move {
    TopicPartition where;
    Offset from = kNoOffset;  // kNoOffset: there was no position
    Offset to = 0;
  };

  ResetOptions options;
  std::vector<std::string> members;  // client ids of those who are in the group now
  std::vector<Move> moves;           // by topic and partition; those that change nothing are left out
  std::vector<std::string> topics;   // to be deleted, by name
  std::string directory;             // to be removed; empty: none

  [[nodiscard]] bool empty() const { return moves.empty() && topics.empty() && directory.empty(); }
  // A line per thing that would be done.
  [[nodiscard]] std::string text() const;
};

// Returns which of these topics an application of that id made for itself. A topic belongs to the application with the longest
// id that fits and has a tasks topic, so that "orders" does not take those of "orders-eu".
[[nodiscard]] std::vector<std::string> internal_topics_of(const std::string& application_id,
                                                          const std::vector<std::string>& names);

// Looks what there is. NotFound names the inputs that do not exist.
[[nodiscard]] absl::StatusOr<ResetPlan> plan_reset(ResetOptions options, Transport& transport);

// Does what the plan says. FailedPrecondition if anybody is in the group, or stays there in spite of `force`, or if the state
// directory is in use: nothing was changed then. After another failure it can be planned and done again.
[[nodiscard]] absl::Status reset(const ResetPlan& plan, Transport& transport);

}  // namespace weir
