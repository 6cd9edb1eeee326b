// Runs a whole topology on records given by hand, at once and on the caller's stack: for tests of programs.
//
//   auto topology = builder.build();
//   ASSERT_TRUE(topology.ok()) << topology.status();
//   auto driver = weir::TopologyDriver::create(*topology);
//   ASSERT_TRUE(driver.ok()) << driver.status();
//   ASSERT_TRUE(((*driver)->pipe<std::string, std::int64_t>("orders", "ann", 5, /*timestamp=*/10)).ok());
//   ASSERT_TRUE((*driver)->advance_wall_clock(1min).ok());
//   for (const auto& output : (*driver)->read<std::string, std::int64_t>("totals")) {
//     // output.key, output.value, output.timestamp, output.headers
//   }
//
// What runs is the task that an application runs, in the mode of Kafka Streams' TopologyTestDriver: one task
// holds all sub-topologies, every topic has the one partition 0, time stands still until it is told to move.
// For every record:
//
//   append it to its topic;
//   while a topic has unprocessed records:
//     process the one with the smallest timestamp among the first of each topic;
//     fire stream-time timers;
//     commit, which emits what waits for a commit;
//     append what was written to the output of its topic and, if the topology reads that topic too, to its
//     unprocessed records.
//
// Records that are under way at a service (see in_flight.h) are left there while others are processed; what was written meanwhile
// is output, and committed, when all of them are back. The clock has to be moved for those that need time.
//
// A record of a topic that feeds global stores updates them at once, whoever wrote it, and does nothing else.
//
// Topics are lists in the driver itself rather than in an embedded broker: it starts in well under a
// millisecond and two runs never differ. Partitioning, rebalances, transactions and restoring beside running
// tasks need the simulator.
//
// Names of topics are those on the broker: an internal topic has the application's id in front
// ("driver-counts-changelog").
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <weir/core/clock.h>
#include <weir/core/error_policy.h>
#include <weir/core/headers.h>
#include <weir/core/log.h>
#include <weir/core/serde.h>
#include <weir/core/task.h>
#include <weir/core/testing/capturing_producer.h>
#include <weir/core/testing/owned_record.h>
#include <weir/core/topology.h>

namespace weir {

struct DriverOptions {
  std::string application_id = "driver";
  // Where the wall clock starts.
  Timestamp wall_clock = 0;
  // As the application's: for nodes that say nothing themselves.
  ErrorPolicy on_error = ErrorPolicy::kFail;
  std::string dead_letter_topic = {};
  // Where persistent stores live. Empty: every store is in memory.
  std::string state_directory = {};
  // A topology that feeds itself for ever is stopped after so many records of one step.
  std::uint64_t records_per_step_max = 1'000'000;
  Logger log = {};
};

// A record as it was written, in bytes.
struct RawOutput {
  std::string topic;
  OwnedRecord record;
  // Which call of the driver caused it: the n-th pipe, advance_wall_clock or restart, counted from 0.
  std::size_t step = 0;
};

// A record as it was written. Equality ignores where it is in its topic and what caused it.
template <class K, class V>
struct OutputRecord {
  K key;
  V value;
  Timestamp timestamp = 0;
  Headers headers = {};
  Offset offset = kNoOffset;
  std::size_t step = 0;  // see RawOutput

  bool operator==(const OutputRecord& other) const {
    return key == other.key && value == other.value && timestamp == other.timestamp &&
           headers == other.headers;
  }

  // Prints "key:value@timestamp".
  friend std::ostream& operator<<(std::ostream& out, const OutputRecord& record) {
    return out << shown(record.key) << ':' << shown(record.value) << '@' << record.timestamp;
  }

 private:
  template <class T>
  static std::string shown(const T& value) {
    if (is_null(value)) return "null";
    if constexpr (fmt::is_formattable<NonNull<T>>::value) {
      return fmt::format("{}", non_null(value));
    } else {
      return fmt::format("({})", Serde<NonNull<T>>::kFormat);
    }
  }
};

class TopologyDriver {
 public:
  // The driver keeps a copy of the topology. Fails if stores cannot be opened or the nodes do not fit
  // together.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TopologyDriver>> create(const Topology& topology,
                                                                              DriverOptions options = {});
  ~TopologyDriver();
  TopologyDriver(const TopologyDriver&) = delete;
  TopologyDriver& operator=(const TopologyDriver&) = delete;

  // Feeds a record and works until the topology rests. Nulls are empty optionals. A negative timestamp is a
  // record without a time, and the source's extractor decides.
  //
  // A topic that no source names is taken by the one whose pattern matches it.
  //
  // NotFound if no source reads the topic. Any other failure is that of the processing: the driver then
  // refuses input until `restart`, and what the failed record had written is not output, as if its
  // transaction was aborted.
  template <Transportable K, Transportable V>
  [[nodiscard]] absl::Status pipe(const std::string& topic, const K& key, const V& value, Timestamp timestamp,
                                  Headers headers = {}) {
    Bytes key_bytes;
    Bytes value_bytes;
    return pipe_raw(topic, OwnedRecord{.key = copy_of(encode_nullable(key, key_bytes)),
                                       .value = copy_of(encode_nullable(value, value_bytes)),
                                       .timestamp = timestamp,
                                       .headers = std::move(headers)});
  }

  // The same in bytes; the driver gives the offset.
  [[nodiscard]] absl::Status pipe_raw(const std::string& topic, OwnedRecord record);

  // Moves the wall clock, fires wall-clock timers that are due once each, and works until the topology rests.
  // Fails as `pipe` does; InvalidArgument for a negative duration.
  [[nodiscard]] absl::Status advance_wall_clock(Duration by);

  // Takes the records written to a topic since the last reading; none if there is no such topic. A record
  // that is not a K and a V ends the reading and becomes the driver's status(); it and those after it stay.
  template <Transportable K, Transportable V>
  [[nodiscard]] std::vector<OutputRecord<K, V>> read(const std::string& topic) {
    std::vector<OutputRecord<K, V>> result;
    const auto found = topics_.find(topic);
    if (found == topics_.end()) return result;
    std::deque<Written>& outputs = found->second.outputs;
    while (!outputs.empty()) {
      OwnedRecord& raw = outputs.front().record;
      OutputRecord<K, V> output{};
      if (!may_read(decode_nullable(view_of(raw.key), output.key), "key", topic, raw.offset)) break;
      if (!may_read(decode_nullable(view_of(raw.value), output.value), "value", topic, raw.offset)) break;
      output.timestamp = raw.timestamp;
      output.headers = std::move(raw.headers);
      output.offset = raw.offset;
      output.step = outputs.front().step;
      result.push_back(std::move(output));
      outputs.pop_front();
    }
    return result;
  }

  // The same in bytes: of one topic, or of all topics in the order in which they were written.
  [[nodiscard]] std::vector<RawOutput> read_raw(const std::string& topic);
  [[nodiscard]] std::vector<RawOutput> read_all_raw();

  // Returns the names of all topics that were ever written, internal ones included.
  [[nodiscard]] std::set<std::string> topics_written() const;

  // Returns the store, or null if the topology uses none of that name (or of that type); a global store
  // too. It shows the committed state and lives until the driver restarts. Ask, but do not write.
  [[nodiscard]] StateStore* store(const std::string& name) const;
  template <class Store>
  [[nodiscard]] Store* store_as(const std::string& name) const {
    return dynamic_cast<Store*>(store(name));
  }

  // Counts since the start, or the last restart.
  [[nodiscard]] TaskCounters counters() const;
  [[nodiscard]] Timestamp stream_time() const {
    return task_ != nullptr ? task_->stream_time() : kNoTimestamp;
  }
  [[nodiscard]] const Clock& clock() const { return clock_; }

  // Returns the number of steps made: of calls of pipe, advance_wall_clock and restart.
  [[nodiscard]] std::size_t steps() const { return next_step_; }

  // Returns the failure that stopped the driver; ok while it takes input.
  [[nodiscard]] const absl::Status& status() const { return status_; }

  // Does what a new process would do after a crash: makes a new task from the committed state, and reads on
  // from the committed positions (so a record that failed is tried again). Stores come from the state
  // directory and the changelogs, stores in memory from the changelogs alone; one that is in memory and not
  // logged is empty again. The task's meta survives if the topology as written has a persistent store,
  // because it is kept beside it. Timers start anew.
  [[nodiscard]] absl::Status restart();

 private:
  struct Written {
    OwnedRecord record;
    std::size_t step = 0;
    std::uint64_t sequence = 0;  // over all topics
  };
  struct Topic {
    TopicId id = 0;
    bool is_source = false;
    bool is_changelog = false;
    bool is_global = false;               // feeds global stores
    std::deque<OwnedRecord> unprocessed;  // of a source: from the committed position on
    std::vector<OwnedRecord> changelog;   // of a changelog or a topic that feeds global stores: all
    std::deque<Written> outputs;          // not read yet
    bool was_written = false;
  };

  TopologyDriver(const Topology& topology, DriverOptions options);

  void lay_out_topics();
  // Makes the topic a source if a pattern of the topology says so.
  [[nodiscard]] absl::Status match(const std::string& name);
  [[nodiscard]] absl::Status open_task();
  [[nodiscard]] absl::StatusOr<std::unique_ptr<TaskStore>> open_store();
  [[nodiscard]] absl::Status open_globals();
  [[nodiscard]] absl::Status update_globals();
  [[nodiscard]] TaskEnvironment environment();
  [[nodiscard]] std::string directory_of(const TaskId& task) const;
  [[nodiscard]] absl::Status may_step();
  [[nodiscard]] absl::Status end_step(const absl::Status& status);
  [[nodiscard]] absl::Status work_until_quiet();
  // Returns whether it has: not while records are under way.
  [[nodiscard]] absl::StatusOr<bool> commit();
  [[nodiscard]] absl::Status deliver();
  [[nodiscard]] absl::Status feed(Topic& topic, const TopicPartition& where, OwnedRecord record);
  [[nodiscard]] bool may_read(const absl::Status& decoded, const char* what, const std::string& topic,
                              Offset offset);

  const DriverOptions options_;
  Topology topology_;
  const bool meta_survives_;
  std::optional<TaskMeta> surviving_meta_;  // what a restart finds
  ManualClock clock_;
  CapturingProducer producer_;
  std::map<std::string, Partition> partitions_;
  std::map<std::string, Topic> topics_;  // by name; never erased
  std::vector<Topic*> topics_by_id_;     // as the producer numbers them; null: not met yet
  std::shared_ptr<StateResources> resources_;
  std::unique_ptr<Task> globals_;  // keeps the global stores; null if there are none
  std::unique_ptr<Task>
      task_;  // uses all of the above; null only after a restart that could not open the stores
  std::size_t next_step_ = 0;
  std::uint64_t next_sequence_ = 0;
  absl::Status status_;
};

}  // namespace weir
