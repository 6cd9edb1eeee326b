// Watches the topics of a running application: those that patterns match, and the number of partitions of all it reads and
// writes.
//
//   a topic appears or goes that a pattern matches    the application begins anew with the others
//   a topic has grown, or shrunk                      the same: the new plan says whether it can go on
//   a topic is gone that the topology names           an error with its name, when two looks in a row do not find it
//
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/log.h>
#include <weir/core/partition_plan.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

class TopicWatch {
 public:
  // `plan` is what the application works on. It is copied; references outlive the watch.
  TopicWatch(const Topology& topology, std::string application_id, const PartitionPlan& plan,
             Transport& transport, const Clock& clock, Duration interval, Logger log);

  // Does a bounded piece of work. Returns whether the plan is out of date, which is for reason() to explain; NotFound names the
  // topics that are gone. A broker that does not answer is asked again.
  [[nodiscard]] absl::StatusOr<bool> changed();

  // What has changed, in words.
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  [[nodiscard]] absl::StatusOr<bool> look();
  [[nodiscard]] bool compare(const std::vector<TopicDescription>& topics);
  [[nodiscard]] absl::Status gone_for_good(const std::vector<TopicDescription>& topics);

  const Topology& topology_;
  const std::string application_id_;
  const std::set<std::string> matched_;
  std::map<std::string, Partition> partitions_;  // of the topics that must be there, by name on the broker
  Transport& transport_;
  const Clock& clock_;
  const Duration interval_;
  const Logger log_;

  Duration next_;
  std::string reason_;
  std::set<std::string> missed_;  // not found by the last look
  std::unique_ptr<Admin> admin_;
  Pending<std::vector<std::string>> listing_;
  Pending<std::vector<TopicDescription>> describing_;
};

}  // namespace weir
