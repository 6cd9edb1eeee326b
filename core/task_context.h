// What a node may ask of the task it lives in.
//
// Thread safety: none; a context belongs to one task, a task to one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <weir/core/clock.h>
#include <weir/core/error_policy.h>
#include <weir/core/record.h>
#include <weir/core/transport.h>

namespace weir {

class Node;
class StateStore;

// Why a record was not processed further; counted per task.
enum class DropReason {
  kNullKey,       // an operator that needs a key got none
  kNullValue,     // an operator that needs a value got none
  kLate,          // behind its window and the grace
  kExpired,       // older than what a store keeps
  kBadTimestamp,  // the extractor gave a negative time
  kUndecodable,   // the source could not read it, and the policy is to go on
  kFailed,        // user code threw, and the policy is to go on
  kNoPartition,   // a partitioner sent it nowhere
  kDuplicate,     // one of the same id came before
  // Records that the broker refuses, where the policy is to go on without them:
  kTooLarge,
  kNoTopic,     // the topic or its partition does not exist
  kNotAllowed,  // to this client
  kRefused,     // for another reason
};
inline constexpr std::size_t kDropReasons = 13;
[[nodiscard]] std::string_view name_of(DropReason reason);

enum class TimerClock {
  kStreamTime,  // the largest timestamp the task has processed; fires between records
  kWallClock,
};

// Stops a timer. Copies stop the same one; destroying it does nothing.
class Cancellable {
 public:
  explicit Cancellable(std::shared_ptr<bool> cancelled) : cancelled_(std::move(cancelled)) {}
  void cancel() const { *cancelled_ = true; }

 private:
  std::shared_ptr<bool> cancelled_;  // shared with the task's timer
};

// A topic a node writes to.
struct OutputTopic {
  TopicId id = 0;
  Partition partitions = 0;  // 0: not known
};

class TaskContext {
 public:
  virtual ~TaskContext() = default;

  // "<sub-topology>_<partition>".
  [[nodiscard]] virtual const std::string& task_name() const = 0;
  [[nodiscard]] virtual Partition partition() const = 0;
  [[nodiscard]] virtual const std::string& application_id() const = 0;
  [[nodiscard]] virtual const Clock& clock() const = 0;
  // Where the task keeps its stores; empty if nothing is on disk.
  [[nodiscard]] virtual const std::string& state_directory() const = 0;

  // The largest timestamp of any record the task has processed, the current one included; kNoTimestamp before the first.
  [[nodiscard]] virtual Timestamp stream_time() const = 0;

  // Returns a store that the node was connected to when the topology was built, or a view of a global store, for which
  // nobody needs to be connected. Another store is a mistake of the program and fails the task.
  [[nodiscard]] virtual StateStore& store(const Node& node, std::string_view name) = 0;

  // Returns a timestamp that belongs to the task's committed state, kNoTimestamp at first: operators keep their own stream
  // time there. It survives restarts, and goes back with an aborted transaction. The pointer lives as long as the task.
  [[nodiscard]] virtual Timestamp* persistent_time(const std::string& name) = 0;

  [[nodiscard]] virtual OutputTopic output(const std::string& topic) = 0;
  virtual void send(const OutgoingRecord& record) = 0;

  virtual void drop(DropReason reason) = 0;

  // A record failed at a node. Returns if the policy is to go on without it, throws ProcessingFailure if not. `key` and
  // `value` of the source record are known to the task.
  virtual void failed(const Node& node, DropReason reason, const std::string& what) = 0;

  // The same for what may go well later: the record is tried again first, see error_policy.h.
  virtual void failed_for_now(const Node& node, DropReason reason, const std::string& what) {
    failed(node, reason, what);
  }

  // Calls `fire` with the clock's time at every multiple of `interval` (>= 1 ms): of stream time since 0, or of wall time
  // since now. A jump over several multiples fires once. What it emits has no origin.
  virtual Cancellable schedule(Duration interval, TimerClock clock, std::function<void(Timestamp)> fire) = 0;

  // The same from `start` on: at start, start + interval, and so on. What of that has passed already is left out.
  virtual Cancellable schedule_from(Timestamp start, Duration interval, TimerClock clock,
                                    std::function<void(Timestamp)> fire) = 0;

  // Asks for a commit after the current record.
  virtual void request_commit() = 0;

  // What the running record was read from; without origin inside a timer.
  [[nodiscard]] virtual const Origin& origin() const = 0;
};

}  // namespace weir
