// Keeps an instance's global stores: reads all partitions of their topics, first up to where they ended when it began, then
// on. A state machine as the worker: run_once advances it by one bounded step and never waits.
//
//   connecting  →  asking for the topics' settings and ends  →  reading (complete once the ends are reached)
//
// What it runs is a Task made of the nodes that maintain the stores, with a TaskStore of its own. Each step is committed at
// once, rows and positions in one piece, and from then on visible to the views that tasks have of the stores. A store on disk
// continues there after a restart, unless that is so long ago that its topic may have forgotten deletions since (it is then
// emptied and read anew, as are those in memory). Nothing is ever written to a topic, so there are no
// transactions; with exactly-once only committed records are read.
//
// A record that cannot be processed fails the updater, and with it the application, unless the policy of its node is to skip
// it. An application that sends such records aside skips these: every instance would send them.
//
// Thread safety: run_once, idle_wait and the destructor belong to one thread. The functions that say so may be called from
// any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/task.h>
#include <weir/core/tombstones.h>
#include <weir/core/worker_options.h>

namespace weir {

class GlobalUpdater {
 public:
  // The topology, transport and clock outlive the updater. Of the options it uses those about clients, state, errors and logs.
  GlobalUpdater(const Topology& topology, const PartitionPlan& plan, Transport& transport, const Clock& clock,
                WorkerOptions options);
  ~GlobalUpdater();

  // Advances by one step. Returns how long there is nothing to do unless something arrives.
  [[nodiscard]] Duration run_once();

  // Waits for something to arrive, at most that long.
  void idle_wait(Duration at_most);

  // Any thread: whether the stores have all that their topics had when the updater began. Only then may views be opened, and
  // all of them must be gone before the updater is.
  [[nodiscard]] bool complete() const { return complete_.load(std::memory_order_acquire); }
  [[nodiscard]] const TaskStore* store() const { return task_->task_store(); }

  // Any thread. The failure only once failed() says so.
  [[nodiscard]] bool failed() const { return failed_.load(std::memory_order_acquire); }
  [[nodiscard]] const absl::Status& failure() const { return failure_; }

  // Any thread: counters with one writer.
  [[nodiscard]] std::uint64_t records_read() const { return read_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t records_remaining() const { return remaining_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t records_dropped(DropReason reason) const {
    return dropped_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] absl::StatusOr<Duration> advance();
  [[nodiscard]] absl::Status connect();
  // Returns whether it is known for how long the topics remember deletions.
  [[nodiscard]] bool know_topics();
  [[nodiscard]] absl::Status find_ends();
  [[nodiscard]] absl::Status open_store(const std::vector<OffsetRange>& ranges);
  // Asks where the topics end, as often as somebody wants to know.
  void ask_for_ends();
  // Notes from time to time that the stores have everything.
  [[nodiscard]] absl::Status note_age();
  [[nodiscard]] absl::Status tell_watchers();
  [[nodiscard]] absl::Status commit();
  [[nodiscard]] absl::StatusOr<bool> read();
  [[nodiscard]] absl::Status serve_client();
  void publish();

  const Topology& topology_;
  const std::vector<TopicPartition> partitions_;  // all that are read
  const std::map<std::string, Partition> counts_;
  Transport& transport_;
  const Clock& clock_;
  const WorkerOptions options_;

  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<Admin> admin_;
  Pending<std::vector<TopicDescription>> describing_;
  bool topics_known_ = false;
  Duration ask_again_at_{0};
  TombstoneLifetimes tombstones_;
  Duration next_note_{0};
  Pending<std::vector<OffsetRange>> ranges_;
  Duration next_asked_{0};                 // for the sake of watchers
  std::map<TopicPartition, Offset> ends_;  // as asked for last
  Duration asked_{0};                      // when
  Duration asking_since_{0};
  bool ends_told_ = false;      // to the watchers
  bool ends_noted_ = false;     // that the stores have everything up to there
  std::unique_ptr<Task> task_;  // null until the ends are known; reads through consumer_

  std::atomic<bool> complete_{false};
  std::atomic<bool> failed_{false};
  absl::Status failure_;
  std::atomic<std::uint64_t> read_{0};
  std::atomic<std::uint64_t> remaining_{0};
  std::array<std::atomic<std::uint64_t>, kDropReasons> dropped_{};
};

// The nodes and the stores of a topology that an updater runs.
[[nodiscard]] std::vector<NodeIndex> global_nodes(const Topology& topology);
[[nodiscard]] std::vector<StoreSpec> global_stores(const Topology& topology);

// What the application's policy means for global stores.
[[nodiscard]] ErrorPolicy global_policy(ErrorPolicy application);

// What is known of the topics of global stores.
struct GlobalTopics {
  std::vector<TopicPartition> partitions;  // all that are read
  std::vector<OffsetRange> ranges;         // of these
  TombstoneLifetimes tombstones = {};
  Timestamp now = 0;
};

// Decides where reading the partitions begins: where the stores on disk stopped or, for stores in memory, new ones, and those
// whose place the topic no longer holds, or that are older than its tombstones, at the beginning; the latter are emptied.
[[nodiscard]] absl::StatusOr<std::vector<PartitionOffset>> begin_globals(const Topology& topology,
                                                                         const std::string& application_id,
                                                                         const GlobalTopics& topics,
                                                                         TaskStore& store, const Logger& log);

}  // namespace weir
