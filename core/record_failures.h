// What becomes of a record that fails at a node, or that the topic it is written to refuses: it is tried again, the task
// fails, or the record is counted, told of and perhaps sent aside, and the task goes on.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <string>
#include <string_view>

#include <weir/core/current_record.h>
#include <weir/core/error_policy.h>
#include <weir/core/node.h>
#include <weir/core/task_environment.h>
#include <weir/core/task_work.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

class RecordFailures {
 public:
  // References outlive this.
  RecordFailures(const std::string& task_name, const Topology& topology, const TaskEnvironment& environment,
                 const CurrentRecord& current, TaskWork& work)
      : task_name_(task_name),
        topology_(topology),
        environment_(environment),
        current_(current),
        work_(work) {}

  // The running record failed at a node; `passing` where it may go well later. Returns if the policy is to go on without it,
  // throws ProcessingFailure if not.
  void failed(const Node& node, DropReason reason, const std::string& what, bool passing);

  // Whether the topic (name on the broker) is known to refuse the record, which has met its policy then. Requires that the
  // environment has a gate. Throws ProcessingFailure where the policy is to fail.
  [[nodiscard]] bool refused(const std::string& topic, const OutgoingRecord& record);

 private:
  // Counts a record that goes no further, tells of it now and then, and sends the original aside if that is the policy.
  void give_up(std::string_view node, DropReason reason, ErrorPolicy policy, const std::string& what,
               const OutgoingRecord* outgoing);
  void send_dead_letter(std::string_view node, DropReason reason, const std::string& what,
                        const OutgoingRecord* outgoing);
  [[nodiscard]] std::string place_of(std::string_view node, DropReason reason, const std::string& what) const;

  const std::string& task_name_;
  const Topology& topology_;
  const TaskEnvironment& environment_;
  const CurrentRecord& current_;
  TaskWork& work_;
};

}  // namespace weir
