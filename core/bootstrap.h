// What has to be known and made before an application can join its group: the partition counts of its topics, its internal
// topics, its plan of tasks, and what the group's members call them. In steps, without waiting.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/log.h>
#include <weir/core/partition_plan.h>
#include <weir/core/token_record.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

struct BootstrapOptions {
  InternalTopicOptions internal_topics = {};
  // Whether topics of the user's own that are missing are waited for until the deadline; otherwise that is an error at once.
  bool wait_for_topics = false;
  Logger log = {};
};

class Bootstrap {
 public:
  // A broker that does not answer is asked again until `deadline` (steady time) has passed. `dead_letter_topic` may be empty.
  Bootstrap(const Topology& topology, std::string application_id, std::string dead_letter_topic,
            Transport& transport, const Clock& clock, Duration deadline, BootstrapOptions options = {});

  // Does a bounded piece of work. Returns whether the plan is ready.
  [[nodiscard]] absl::StatusOr<bool> step();

  // Requires that step returned true.
  [[nodiscard]] PartitionPlan take() { return std::move(*plan_); }

 private:
  [[nodiscard]] absl::StatusOr<bool> match_patterns();
  [[nodiscard]] absl::StatusOr<bool> ask(std::vector<std::string> names);
  [[nodiscard]] absl::StatusOr<bool> find_topics();
  [[nodiscard]] std::string missing_topics() const;
  [[nodiscard]] absl::Status plan_tasks();
  [[nodiscard]] absl::StatusOr<bool> make_internal_topics();
  [[nodiscard]] absl::Status check_internal_topics() const;
  [[nodiscard]] absl::StatusOr<bool> agree();
  [[nodiscard]] absl::StatusOr<TokenPlan> unrecorded(Partition partitions) const;
  [[nodiscard]] absl::StatusOr<bool> read_tokens();
  [[nodiscard]] absl::StatusOr<bool> propose_tokens();
  [[nodiscard]] absl::StatusOr<bool> grow_tasks_topic(Partition partitions);
  [[nodiscard]] absl::StatusOr<bool> look_at_group();
  [[nodiscard]] absl::StatusOr<bool> in_time();
  [[nodiscard]] std::string names_of_members() const;
  [[nodiscard]] absl::Status again(const absl::Status& status);
  void remind();
  [[nodiscard]] Partition count_of(const std::string& topic) const;
  void log(LogLevel level, const std::string& message) const;

  const Topology& topology_;
  const std::string application_id_;
  const std::string dead_letter_topic_;
  Transport& transport_;
  const Clock& clock_;
  const Duration deadline_;
  const BootstrapOptions options_;

  std::unique_ptr<Admin> admin_;
  Pending<std::vector<std::string>> listing_;
  std::optional<std::vector<std::string>> matched_;  // by the topology's patterns
  Pending<std::vector<TopicDescription>> describing_;
  Pending<> creating_;
  std::optional<PartitionPlan> plan_;
  std::map<std::string, TopicDescription> known_;  // as the broker said last
  std::string said_missing_;                       // what the log has been told to wait for
  std::string last_error_;                         // why something is asked once more
  Duration remind_at_;                             // of what the start waits for
  Duration ask_after_{0};                          // what is missing is looked for again then
  std::vector<NewTopic> wanted_;                   // internal topics, the tasks topic among them
  bool created_ = false;
  bool topics_made_ = false;

  TokenPlan own_;  // how this program counts its tasks
  std::unique_ptr<TokenRecord> record_;
  bool tokens_read_ = false;
  bool proposing_ = false;
  Pending<> growing_;
  Pending<GroupDescription> looking_;
  std::optional<GroupDescription> group_;  // asked when the record is not as this program would have it
};

}  // namespace weir
