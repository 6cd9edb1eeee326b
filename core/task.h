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

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/end_watcher.h>
#include <weir/core/in_flight.h>
#include <weir/core/lent_store.h>
#include <weir/core/log.h>
#include <weir/core/partition_buffer.h>
#include <weir/core/partition_plan.h>
#include <weir/core/position_metadata.h>
#include <weir/core/production_gate.h>
#include <weir/core/record_holder.h>
#include <weir/core/record_retries.h>
#include <weir/core/task_context.h>
#include <weir/core/task_store.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

// What a task shares with others of its worker. Everything pointed to outlives the task.
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
};

struct TaskCounters {
  std::uint64_t processed = 0;
  std::array<std::uint64_t, kDropReasons> dropped{};
  std::uint64_t dead_letters = 0;
  std::uint64_t retries = 0;  // attempts that failed and are followed by another
  std::uint64_t timers_fired = 0;

  [[nodiscard]] std::uint64_t dropped_total() const;
};

class Task final : private TaskContext, private HoldDesk, private FlightDesk {
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
  std::size_t fill(const BufferLimit& limit);

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
  [[nodiscard]] bool watches_ends() const { return !watchers_.empty(); }
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
  [[nodiscard]] bool dirty() const { return dirty_; }
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
  [[nodiscard]] const TaskCounters& counters() const { return counters_; }
  [[nodiscard]] TaskStore* task_store() { return store_.get(); }
  [[nodiscard]] Timestamp stream_time() const override { return stream_time_; }
  [[nodiscard]] std::size_t buffered_records() const;
  // Records and bytes that nodes have sent since the last apply; changelogs not included.
  [[nodiscard]] std::uint64_t unapplied_records() const { return unapplied_records_; }
  [[nodiscard]] std::uint64_t unapplied_bytes() const { return unapplied_bytes_; }
  // Where each input stands, for whoever wonders why the task does not get on.
  [[nodiscard]] std::string describe_inputs() const;
  [[nodiscard]] std::size_t buffered_bytes() const;
  [[nodiscard]] std::size_t source_count() const { return sources_.size(); }
  // Records the broker is known to hold for this task that are not processed yet; fetched ones included.
  [[nodiscard]] std::uint64_t lag() const;

 private:
  class Changelog;

  struct Source {
    PartitionBuffer buffer;
    SourceNode* node = nullptr;
    Origin origin;
    Offset position = 0;  // after the last processed record
    Timestamp partition_time = kNoTimestamp;
    std::optional<Timestamp> head_time;  // of buffer.front(), once it is known
    std::optional<Duration> empty_since;
  };
  // What a node holds back came from this.
  struct HeldRecord {
    RawRecord raw;
    Origin origin;
    Timestamp stream_time;
  };
  // A record under way, and how often.
  struct Flight {
    RawRecord raw;
    Origin origin;
    Timestamp stream_time;
    std::size_t legs;
  };
  struct Timer {
    Duration interval;
    TimerClock clock;
    Timestamp next;
    Timestamp last;  // when it was made or fired last
    std::function<void(Timestamp)> fire;
    std::shared_ptr<bool> cancelled;  // shared with the Cancellable handed out
  };

  // TaskContext
  [[nodiscard]] const std::string& task_name() const override { return name_; }
  [[nodiscard]] Partition partition() const override { return id_.partition; }
  [[nodiscard]] const std::string& application_id() const override { return environment_.application_id; }
  [[nodiscard]] const Clock& clock() const override { return *environment_.clock; }
  [[nodiscard]] const std::string& state_directory() const override { return state_directory_; }
  [[nodiscard]] StateStore& store(const Node& node, std::string_view name) override;
  [[nodiscard]] StateStore* view_of_global(std::string_view name);
  [[nodiscard]] Timestamp* persistent_time(const std::string& name) override;
  [[nodiscard]] OutputTopic output(const std::string& topic) override;
  void send(const OutgoingRecord& record) override;
  void drop(DropReason reason) override;
  void failed(const Node& node, DropReason reason, const std::string& what) override;
  void failed_for_now(const Node& node, DropReason reason, const std::string& what) override;
  Cancellable schedule(Duration interval, TimerClock clock, std::function<void(Timestamp)> fire) override;
  Cancellable schedule_from(Timestamp start, Duration interval, TimerClock clock,
                            std::function<void(Timestamp)> fire) override;
  void request_commit() override { commit_requested_ = true; }
  [[nodiscard]] const Origin& origin() const override { return *origin_; }

  // HoldDesk
  [[nodiscard]] std::uint64_t hold() override;
  void resume(std::uint64_t number) override;

  // FlightDesk
  [[nodiscard]] std::uint64_t depart() override;
  void take_up(std::uint64_t number) override;
  void arrive(std::uint64_t number) override;
  [[nodiscard]] std::shared_ptr<WakeUp> wake_up() const override { return environment_.wake_up; }

  // Has nodes pass on what has come of the records under way. Returns whether anything had.
  [[nodiscard]] absl::StatusOr<bool> land();
  [[nodiscard]] bool under_way() const;
  [[nodiscard]] bool has_room() const;
  // The record was processed to its end.
  void settle(const TopicPartition& where, Offset offset);

  // Has all nodes pass on what they hold. Throws as they do.
  void release_held();
  // The same when the task has nothing else to do, if it is time. Returns whether it was.
  [[nodiscard]] absl::StatusOr<bool> release_due();
  [[nodiscard]] bool admitted(Timestamp time);

  void fail_record(const Node& node, DropReason reason, const std::string& what, bool passing);
  // Whether the record at the head has failed and is to be left for now.
  [[nodiscard]] bool held_back(const Source& source);
  void make_nodes();
  [[nodiscard]] SourceNode* node_that_reads(const std::string& topic) const;
  void load_meta();
  [[nodiscard]] Timestamp remembered_time(const std::string& name) const;
  [[nodiscard]] NamedTimes times_of_group(const std::vector<Input>& inputs) const;
  [[nodiscard]] Source* choose();
  bool prepare_head(Source& source);
  bool worth_waiting(Source& source);
  Cancellable add_timer(Timestamp first, Duration interval, TimerClock clock,
                        std::function<void(Timestamp)> fire);
  void fire_timers(TimerClock clock, Timestamp now);
  // Counts a record that goes no further, tells of it now and then, and sends the original aside if that is the policy.
  void give_up(std::string_view node, DropReason reason, ErrorPolicy policy, const std::string& what,
               const OutgoingRecord* outgoing);
  void send_dead_letter(std::string_view node, DropReason reason, const std::string& what,
                        const OutgoingRecord* outgoing);
  // Whether the topic is known to refuse the record, which then met its policy.
  [[nodiscard]] bool refused(const OutgoingRecord& record);
  [[nodiscard]] std::string place_of(std::string_view node, DropReason reason, const std::string& what) const;
  template <class F>
  [[nodiscard]] absl::Status guarded(F&& call);

  const TaskId id_;
  const std::string name_;
  const std::string state_directory_;
  const Topology& topology_;
  const std::vector<NodeIndex> node_indexes_;
  TaskEnvironment environment_;
  LentStore store_;
  std::unique_ptr<Changelog> changelog_;  // uses store_'s specs
  std::map<std::string, std::unique_ptr<StateStore>, std::less<>>
      views_;  // of global stores, opened when asked for
  NamedTimes
      committed_times_;  // of the group when the task was opened, where they count more than the stores' own
  std::map<std::string, std::unique_ptr<Timestamp>> times_;
  std::vector<std::unique_ptr<Node>> nodes_;         // parallel to node_indexes_; use store_ and times_
  std::map<std::string, SourceNode*> source_nodes_;  // by topic name on the broker
  // Sources by pattern.
  std::vector<std::pair<const TopicPattern*, SourceNode*>> source_patterns_;
  std::map<TopicId, std::string> outputs_;  // topics that nodes write to, by name on the broker
  std::deque<Source> sources_;              // they stay where they are: their origins point into them
  std::vector<PartitionOffset> applied_;
  std::vector<Timer> timers_;
  std::vector<RecordHolder*> holders_;  // those of nodes_ that are one, parents first
  std::vector<RecordGate*> gates_;
  std::vector<std::pair<EndWatcher*, Duration>> watchers_;  // with the time as of which they were told last
  std::vector<FlightNode*> flight_nodes_;                   // those of nodes_ that are one, parents first
  std::map<std::uint64_t, Flight> flights_;
  std::uint64_t next_flight_ = 0;
  // The stream's time while records that come home are passed on at theirs.
  Timestamp landing_at_ = kNoTimestamp;
  std::vector<HeldRecord> held_;  // all of held_source_
  const Source* held_source_ = nullptr;
  std::uint64_t first_held_ = 0;  // the number of the first of held_

  const Origin* origin_;
  const RawRecord* current_ = nullptr;  // the record being processed
  Headers headers_;
  Timestamp stream_time_ = kNoTimestamp;
  bool dirty_ = false;
  bool commit_requested_ = false;
  mutable bool told_of_times_ = false;  // that not all of them fit beside the positions
  bool open_ = false;
  bool accepting_ = false;                     // a record is on its way through the nodes
  bool holding_ = false;                       // and something of it is held
  std::uint64_t resumed_ = HoldDesk::kNobody;  // the held record that is on its way
  std::size_t departures_ = 0;                 // of the record that is on its way
  std::uint64_t taken_up_ = FlightDesk::kNobody;
  std::uint64_t sends_ = 0;  // records handed to the producer
  std::uint64_t unapplied_records_ = 0;
  std::uint64_t unapplied_bytes_ = 0;
  TaskCounters counters_;
};

}  // namespace weir
