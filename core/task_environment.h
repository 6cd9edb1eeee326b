// What a task shares with others of its worker.
//
// Thread safety: none; belongs to one worker.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <weir/core/clock.h>
#include <weir/core/error_policy.h>
#include <weir/core/in_flight.h>
#include <weir/core/log.h>
#include <weir/core/production_gate.h>
#include <weir/core/record_retries.h>
#include <weir/core/task_store.h>
#include <weir/core/transport.h>

namespace weir {

// Everything pointed to outlives the task.
struct TaskEnvironment {
  std::string application_id = {};
  std::string state_directory = {};  // tasks have folders below it; empty: nothing is on disk
  const Clock* clock = nullptr;
  Producer* producer = nullptr;        // null for what maintains global stores: it writes to no topic
  const TaskStore* globals = nullptr;  // the instance's global stores; null if there are none
  Logger log = {};
  ErrorPolicy on_error = ErrorPolicy::kFail;
  // The worker's memory of what is tried again; null: nothing is.
  RecordRetries* retries = nullptr;
  // What the worker knows of records that topics refuse; null: nothing. And what to do with them.
  ProductionGate* gate = nullptr;
  ErrorPolicy on_production_error = ErrorPolicy::kFail;
  // Where records with the policy kDeadLetter go. Required if any node may have it.
  std::string dead_letter_topic = {};
  // Partition counts by name on the broker.
  const std::map<std::string, Partition>* partitions = nullptr;
  // Of topics that are not among those; 0: not known.
  Partition partitions_of_others = 0;
  // How long a task with several inputs waits for a partition that has nothing, once the broker says it has nothing. Negative:
  // not even until the broker has said so. See KIP-695.
  Duration max_task_idle{0};
  // Rung when an answer has come for a record under way. Null: nobody sleeps who could be woken.
  std::shared_ptr<WakeUp> wake_up = {};

  // A record was processed to its end: it is no longer among those that are tried again.
  void settle(const Origin& record) const {
    if (retries != nullptr && !retries->empty())
      retries->settle({std::string(record.topic), record.partition}, record.offset);
  }
};

}  // namespace weir
