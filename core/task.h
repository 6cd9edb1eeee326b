// A task: one sub-topology on one partition number, with its nodes, its stores and its share of the input.
//
// The task chooses the next record (the head with the lowest timestamp over its partitions), decodes only that one, pushes
// it through the nodes and notes the position. It commits in steps that a worker drives:
//
//   process_next*  →  prepare_commit  →  (the worker waits for acknowledgements, or for the transaction)  →  apply
//                                     ↘  rewind, when the transaction is lost
//
// Before a commit of a task with records under way (see in_flight.h) they have to come home: come_home() until it says so.
//
// Thread safety: none; a task belongs to one worker.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/changelog_sender.h>
#include <weir/core/current_record.h>
#include <weir/core/flights.h>
#include <weir/core/held_records.h>
#include <weir/core/lent_store.h>
#include <weir/core/partition_plan.h>
#include <weir/core/record_failures.h>
#include <weir/core/task_context.h>
#include <weir/core/task_environment.h>
#include <weir/core/task_inputs.h>
#include <weir/core/task_nodes.h>
#include <weir/core/task_store.h>
#include <weir/core/task_timers.h>
#include <weir/core/task_times.h>
#include <weir/core/task_work.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

class Task final : private TaskContext {
 public:
  // Where a source partition is read and from where.
  struct Input {
    TopicPartition where;                     // name on the broker
    std::unique_ptr<PartitionReader> reader;  // may be null: records are added by hand
    Offset position = 0;                      // next offset to process
    std::string metadata = {};                // what was committed beside it
  };

  // Makes the nodes of one part of a topology. `store` is null if the part has none.
  Task(TaskId id, const Topology& topology, const std::vector<NodeIndex>& nodes,
       const TaskEnvironment& environment, LentStore store);
  ~Task() override;

  // Opens the nodes on restored stores, and starts reading. May be called again after `rewind`.
  [[nodiscard]] absl::Status open(std::vector<Input> inputs);

  // Starts to read a further partition, of a topic that one of the patterns matches. The task is open.
  [[nodiscard]] absl::Status add_input(Input input);

  // Takes what has been fetched, up to `capacity` records a partition. Returns how many came.
  std::size_t fill(const BufferLimit& limit) { return inputs_.fill(limit); }

  // Appends a record to the buffer of a partition that was opened without a reader.
  void add(const TopicPartition& where, RawRecord record);

  // Processes one record, or passes on what nodes held back. Returns false if there is none, or if the task waits for a slower
  // partition, for a node that is not ready, or for another attempt.
  // A failure leaves the position at the record that failed. One of class kRetriable is passing: the record is to be tried
  // again by a task that begins at the committed positions.
  [[nodiscard]] absl::StatusOr<bool> process_next();

  // Fires wall-clock timers that are due.
  [[nodiscard]] absl::Status fire_wall_timers();

  // Whether a node wants to know that its topic was read to the end.
  [[nodiscard]] bool watches_ends() const { return !nodes_.watchers().empty(); }
  // Tells those nodes all of whose topics' partitions were processed up to these ends, which were asked for at that time. Returns
  // whether it was all of them.
  [[nodiscard]] absl::StatusOr<bool> tell_ends(const std::map<TopicPartition, Offset>& ends, Duration asked);

  // How long until a node that holds records back, or has some under way, has something to do if nothing else comes; nothing
  // if there is no such node.
  [[nodiscard]] std::optional<Duration> until_release() const;

  // Passes on what has come of the records under way, and what waits for a commit. Returns whether nothing is under way, so
  // that a commit may begin. No record is processed in between, or it may never be so.
  [[nodiscard]] absl::StatusOr<bool> come_home();

  // Whether anything happened since the last apply that a commit would keep.
  [[nodiscard]] bool dirty() const { return work_.dirty; }
  [[nodiscard]] bool commit_requested() const { return commit_requested_; }

  // Emits what waited for the commit, encodes the stores, sends the changelog. Nothing may be under way.
  [[nodiscard]] absl::Status prepare_commit();

  // Next offsets of all inputs, those that a commit makes good.
  [[nodiscard]] std::vector<PartitionOffset> positions() const;

  // The same with the task's times beside them (see position_metadata.h): what the group is to keep.
  [[nodiscard]] std::vector<PartitionOffset> positions_to_commit() const;

  // Makes the prepared changes durable. The changelog must be acknowledged.
  [[nodiscard]] absl::Status apply();

  // The positions that the last apply made good; those it was opened at, before the first one.
  [[nodiscard]] const std::vector<PartitionOffset>& applied_positions() const { return applied_; }

  // Forgets everything since the last apply, nodes' state and buffers too. The stores stay open. The caller opens the task again
  // at the applied positions.
  void rewind();

  // Closes the nodes.
  void close();

  // The producer was replaced by a new object; ids of topics are looked up again.
  void use(Producer& producer);

  [[nodiscard]] const TaskId& id() const { return id_; }
  [[nodiscard]] const TaskCounters& counters() const { return work_.counters; }
  [[nodiscard]] TaskStore* task_store() { return store_.get(); }
  [[nodiscard]] Timestamp stream_time() const override { return current_.stream_time; }
  [[nodiscard]] std::size_t buffered_records() const { return inputs_.buffered_records(); }
  // Records and bytes that nodes have sent since the last apply; changelogs not included.
  [[nodiscard]] std::uint64_t unapplied_records() const { return work_.unapplied_records; }
  [[nodiscard]] std::uint64_t unapplied_bytes() const { return work_.unapplied_bytes; }
  // Where each input stands, for whoever wonders why the task does not get on.
  [[nodiscard]] std::string describe_inputs() const { return inputs_.describe(); }
  [[nodiscard]] std::size_t buffered_bytes() const { return inputs_.buffered_bytes(); }
  [[nodiscard]] std::size_t source_count() const { return inputs_.sources().size(); }
  // Records the broker is known to hold for this task that are not processed yet; fetched ones included.
  [[nodiscard]] std::uint64_t lag() const { return inputs_.lag(); }

 private:
  // TaskContext
  [[nodiscard]] const std::string& task_name() const override { return name_; }
  [[nodiscard]] Partition partition() const override { return id_.partition; }
  [[nodiscard]] const std::string& application_id() const override { return environment_.application_id; }
  [[nodiscard]] const Clock& clock() const override { return *environment_.clock; }
  [[nodiscard]] const std::string& state_directory() const override { return state_directory_; }
  [[nodiscard]] StateStore& store(const Node& node, std::string_view name) override;
  [[nodiscard]] Timestamp* persistent_time(const std::string& name) override {
    return times_.of_operator(name);
  }
  [[nodiscard]] OutputTopic output(const std::string& topic) override;
  void send(const OutgoingRecord& record) override;
  void drop(DropReason reason) override { work_.drop(reason); }
  void failed(const Node& node, DropReason reason, const std::string& what) override {
    failures_.failed(node, reason, what, /*passing=*/false);
  }
  void failed_for_now(const Node& node, DropReason reason, const std::string& what) override {
    failures_.failed(node, reason, what, /*passing=*/true);
  }
  Cancellable schedule(Duration interval, TimerClock clock, std::function<void(Timestamp)> fire) override {
    return timers_.schedule(interval, clock, std::move(fire));
  }
  Cancellable schedule_from(Timestamp start, Duration interval, TimerClock clock,
                            std::function<void(Timestamp)> fire) override {
    return timers_.schedule_from(start, interval, clock, std::move(fire));
  }
  void request_commit() override { commit_requested_ = true; }
  [[nodiscard]] const Origin& origin() const override { return *current_.origin; }

  [[nodiscard]] StateStore* view_of_global(std::string_view name);
  // Whether the topic is known to refuse the record, which then met its policy.
  [[nodiscard]] bool refused(const OutgoingRecord& record);

  // Has nodes pass on what has come of the records under way. Returns whether anything had.
  [[nodiscard]] absl::StatusOr<bool> land();
  // Has nodes pass on what they hold when the task has nothing else to do, if it is time. Returns whether it was.
  [[nodiscard]] absl::StatusOr<bool> release_due();
  [[nodiscard]] bool admitted(Timestamp time);
  // Whether the record at the head has failed and is to be left for now.
  [[nodiscard]] bool held_back(const TaskInputs::Source& source);
  void fire_timers(TimerClock clock, Timestamp now);
  template <class F>
  [[nodiscard]] absl::Status guarded(F&& call);

  const TaskId id_;
  const std::string name_;
  const std::string state_directory_;
  TaskEnvironment environment_;
  LentStore store_;
  ChangelogSender changelog_;
  std::map<std::string, std::unique_ptr<StateStore>, std::less<>>
      views_;                               // of global stores, opened when asked for
  std::map<TopicId, std::string> outputs_;  // topics that nodes write to, by name on the broker

  // The parts below use those above them, and all of the above.
  CurrentRecord current_;
  TaskWork work_;
  TaskInputs inputs_;
  TaskTimes times_;
  TaskNodes nodes_;
  TaskTimers timers_;
  HeldRecords held_;
  Flights flights_;
  RecordFailures failures_;

  std::vector<PartitionOffset> applied_;
  Headers headers_;
  bool commit_requested_ = false;
  mutable bool told_of_times_ = false;  // that not all of them fit beside the positions
  bool open_ = false;
};

}  // namespace weir
