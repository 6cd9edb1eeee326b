// The seam between weir and a Kafka: small interfaces in bytes and batches.
//
// Nothing here blocks, but `Consumer::wait`. An operation that has to wait for a broker is started, returns a Pending and
// completes during a later `poll` of the object that started it. That lets one thread step many workers in virtual time.
//
// Thread safety: each object belongs to the thread that polls it; a Transport may be shared and makes objects for any
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/pending.h>
#include <weir/core/raw_record.h>
#include <weir/core/status.h>
#include <weir/core/topic_partition.h>

namespace weir {

// ---------------------------------------------------------------------------------------------------- consuming

// One assigned partition. Its records are read only through it, so leaving it alone is back-pressure: nothing is lost
// and its neighbours are not held up. Destroying it gives the partition up. It must not outlive its consumer.
class PartitionReader {
 public:
  virtual ~PartitionReader() = default;

  // Appends up to `max_records` fetched records to `out` and returns how many; never waits.
  virtual std::size_t fetch(std::size_t max_records, std::vector<RawRecord>& out) = 0;

  // Returns the offset after the last record that fetch returned (or that was skipped as a control or aborted record).
  [[nodiscard]] virtual Offset position() const = 0;

  // Returns the end of the partition as of the last answer of the broker; kNoOffset before the first one. With
  // read_committed it is the last stable offset.
  [[nodiscard]] virtual Offset known_end() const = 0;

  [[nodiscard]] virtual const TopicPartition& where() const = 0;
};

// First offset and the offset after the last record, aborted and uncommitted ones included.
struct OffsetRange {
  Offset begin = 0;
  Offset end = 0;
};

// What the group asks of a member. The member must answer assigned and revoked with `complete_rebalance`, after it has
// finished what it owes for the partitions it gives up; the group waits for it. A lost assignment is gone already.
struct RebalanceEvent {
  enum class Kind { kAssigned, kRevoked, kLost };
  Kind kind = Kind::kAssigned;
  std::vector<TopicPartition> partitions;  // only those that come or go
};

// Something went wrong with the client or a partition; `where` has an empty topic when it is about no partition.
struct ConsumerError {
  absl::Status status;
  TopicPartition where;
};

using ConsumerEvent = std::variant<RebalanceEvent, ConsumerError>;

// Proof of membership that travels with transactional offsets. Opaque; made and read by one transport.
using GroupMetadata = std::shared_ptr<const void>;

struct ConsumerOptions {
  std::string client_id = {};
  std::string group = {};        // empty: no group; subscribe and commit are refused
  std::string instance_id = {};  // static membership when not empty
  bool read_committed = false;
  Duration session_timeout{45'000};
  Duration max_poll_interval{300'000};
  // About what one partition may have in the client, fetched and not yet taken by its reader.
  std::size_t partition_queue_bytes = std::size_t{8} << 20;
  std::map<std::string, std::string> properties = {};  // passed on to the client library as they are
};

class Consumer {
 public:
  virtual ~Consumer() = default;

  // Joins the group for the partitions of one topic, assigned cooperatively. Events tell what comes and goes.
  [[nodiscard]] virtual absl::Status subscribe(const std::string& topic) = 0;

  // Serves the client: completes what was started and appends events. Never waits.
  virtual void poll(std::vector<ConsumerEvent>& events) = 0;

  // Answers the oldest unanswered rebalance event.
  virtual void complete_rebalance() = 0;

  // Starts reading partitions at given offsets (>= 0), next to what is read already. The readers come in the same order.
  [[nodiscard]] virtual absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> assign(
      std::span<const PartitionOffset> starts) = 0;

  // Commits positions to the group.
  virtual Pending<> commit(std::vector<PartitionOffset> offsets) = 0;

  // Fetches stable committed positions; kNoOffset where there is none. Order as asked.
  virtual Pending<std::vector<PartitionOffset>> committed(std::vector<TopicPartition> partitions) = 0;

  // Fetches the ranges of partitions, read uncommitted. Order as asked.
  virtual Pending<std::vector<OffsetRange>> offset_ranges(std::vector<TopicPartition> partitions) = 0;

  // Fetches the first offsets whose records have at least that timestamp; the end where there is none. Order as asked.
  virtual Pending<std::vector<Offset>> offsets_at(std::vector<TopicPartition> partitions,
                                                  Timestamp timestamp) = 0;

  [[nodiscard]] virtual GroupMetadata group_metadata() = 0;

  // Leaves the group (or only stops, keeping a dynamic member's place until its session ends, if `leave_group` is
  // false). All readers must be gone.
  virtual Pending<> close(bool leave_group) = 0;

  // Waits until there may be something to poll or fetch, or `at_most` has passed. The one call that blocks; for the loop
  // of a thread, never inside a step. Other threads may call `wake`.
  virtual void wait(Duration at_most) = 0;
  virtual void wake() = 0;
};

// ---------------------------------------------------------------------------------------------------- producing

// A topic a producer knows: cheaper than its name on every record.
using TopicId = std::uint32_t;

// A record to be written; borrowed for the call only.
struct OutgoingRecord {
  TopicId topic = 0;
  Partition partition =
      kAnyPartition;  // kAnyPartition: murmur2 of the key, as Java does; a null key goes anywhere
  NullableBytes key;
  NullableBytes value;
  Timestamp timestamp = 0;
  const Headers* headers = nullptr;
};

struct ProducerOptions {
  std::string client_id = {};
  std::string transactional_id = {};  // empty: idempotent, without transactions
  Duration transaction_timeout{10'000};
  Duration linger{100};
  // What may be handed over and not yet acknowledged; then there is no room.
  std::size_t queue_bytes = std::size_t{64} << 20;
  // Whether `last_acknowledged` is wanted; costs a report per record.
  bool report_offsets = true;
  std::map<std::string, std::string> properties = {};
};

class Producer {
 public:
  virtual ~Producer() = default;

  // Returns the id of a topic; the same name gives the same id.
  [[nodiscard]] virtual TopicId topic(const std::string& name) = 0;

  // Hands a record over. Never waits and never refuses for want of room: what the client's queue cannot take is kept aside
  // and `has_room` turns false until it went out. Whoever feeds the producer stops processing new input then.
  virtual void send(const OutgoingRecord& record) = 0;
  [[nodiscard]] virtual bool has_room() const = 0;

  // Serves the client: completes what was started, takes delivery reports. Never waits.
  virtual void poll() = 0;

  // Sends what lingers, without waiting for it.
  virtual void flush() = 0;

  // Returns the number of records handed over and neither acknowledged nor failed.
  [[nodiscard]] virtual std::size_t in_flight() const = 0;

  // Returns the first failed delivery since the last `clear_failure`, naming topic and partition; ok if there is none.
  [[nodiscard]] virtual absl::Status failure() const = 0;
  virtual void clear_failure() = 0;

  // Returns the highest acknowledged offset of a partition written by this producer, kNoOffset if none.
  [[nodiscard]] virtual Offset last_acknowledged(TopicId topic, Partition partition) const = 0;

  // Transactions. A status of class kAbortable asks for abort; kFenced and kFatal for a new producer object; kUnknown too,
  // and the outcome must be looked up.
  virtual Pending<> init_transactions() = 0;
  [[nodiscard]] virtual absl::Status begin_transaction() = 0;
  virtual Pending<> send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) = 0;
  virtual Pending<> commit_transaction() = 0;
  virtual Pending<> abort_transaction() = 0;
};

// ---------------------------------------------------------------------------------------------------- administering

struct TopicDescription {
  std::string name = {};
  Partition partitions = 0;                        // 0: the topic does not exist
  std::map<std::string, std::string> config = {};  // as far as the broker tells; may be empty
  int replication_factor = 0;                      // 0: not told
};

struct NewTopic {
  std::string name = {};
  Partition partitions = 1;
  std::map<std::string, std::string> config = {};
  int replication_factor = -1;  // -1: as the broker's default says
};

struct MemberDescription {
  std::string member_id = {};
  std::string instance_id = {};  // of a static member
  std::string client_id = {};
  std::string topic = {};                       // what it subscribed to; empty where the broker does not tell
  std::vector<TopicPartition> assignment = {};  // ascending; what the group gave it last
};

struct GroupDescription {
  enum class State { kEmpty, kPreparing, kStable };
  State state = State::kEmpty;                  // empty too: a group that does not exist
  std::int32_t generation = -1;                 // -1 where the broker does not tell
  std::vector<MemberDescription> members = {};  // by seniority, where the broker tells
};

class Admin {
 public:
  virtual ~Admin() = default;

  // Completes what was started. Never waits.
  virtual void poll() = 0;

  // Describes topics by name, in that order; a topic that does not exist has no partitions.
  virtual Pending<std::vector<TopicDescription>> describe_topics(std::vector<std::string> names) = 0;

  // Lists the names of all topics but the broker's own.
  virtual Pending<std::vector<std::string>> list_topics() = 0;

  // Creates topics; one that exists already is fine and stays as it is.
  virtual Pending<> create_topics(std::vector<NewTopic> topics) = 0;

  // Grows a topic to that many partitions. Refused if it has more; fine if it has as many.
  virtual Pending<> grow_topic(std::string name, Partition partitions) = 0;

  virtual Pending<> delete_topics(std::vector<std::string> names) = 0;

  // Deletes the records before an offset of each partition.
  virtual Pending<> delete_records(std::vector<PartitionOffset> before) = 0;

  // Tells who is in a consumer group and what each member was given. While the group rebalances, the members' assignments are
  // those it ends, or empty.
  virtual Pending<GroupDescription> describe_group(std::string group) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<Consumer>> make_consumer(
      const ConsumerOptions& options) = 0;
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<Producer>> make_producer(
      const ProducerOptions& options) = 0;
  [[nodiscard]] virtual absl::StatusOr<std::unique_ptr<Admin>> make_admin() = 0;
};

}  // namespace weir
