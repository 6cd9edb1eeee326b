// A Kafka in the process: topics, consumer groups and transactions with Kafka's semantics, in memory, gone at
// exit. It never listens on a network.
//
// Programs reach it through `make_embedded_transport`; the functions here are for those who stand beside it:
// tests, the topology driver, the simulator. They take effect at once.
//
// Time is the clock's alone, and passes when somebody calls: sessions and transactions expire at the first
// call after their deadline.
//
// Thread safety: may be used from any thread; one mutex guards everything. Used from one thread it is
// deterministic.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/embedded/faults.h>
#include <weir/core/embedded/log.h>
#include <weir/core/headers.h>
#include <weir/core/status.h>
#include <weir/core/transport.h>

namespace weir {

namespace embedded {
class Engine;
}

using embedded::Isolation;

// A record that owns its bytes, to be written.
struct NewRecord {
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  Timestamp timestamp = 0;
  Headers headers = {};
};

// A record that owns its bytes, as it was read.
struct BrokerRecord {
  std::optional<Bytes> key;
  std::optional<Bytes> value;
  Timestamp timestamp = 0;
  Headers headers = {};
  Offset offset = kNoOffset;

  bool operator==(const BrokerRecord&) const = default;
};

struct TransactionDescription {
  std::string transactional_id;
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
  bool open = false;
};

class EmbeddedBroker {
 public:
  // The clock must outlive the broker.
  explicit EmbeddedBroker(const Clock& clock = system_clock());
  ~EmbeddedBroker();
  EmbeddedBroker(const EmbeddedBroker&) = delete;
  EmbeddedBroker& operator=(const EmbeddedBroker&) = delete;

  // -------------------------------------------------------------------------------------------------- topics

  // Creates a topic; one that exists stays as it is.
  [[nodiscard]] absl::Status create_topic(const std::string& name, Partition partitions = 1,
                                          const std::map<std::string, std::string>& config = {});
  [[nodiscard]] absl::Status delete_topic(const std::string& name);
  // Grows a topic to that many partitions; refuses to shrink it.
  [[nodiscard]] absl::Status grow_topic(const std::string& name, Partition partitions);
  // Changes some settings of a topic.
  [[nodiscard]] absl::Status configure_topic(const std::string& name,
                                             const std::map<std::string, std::string>& changes);
  // Describes a topic; one that does not exist has no partitions.
  [[nodiscard]] TopicDescription describe(const std::string& topic);
  [[nodiscard]] std::vector<std::string> topics();

  // ------------------------------------------------------------------------------------------------- records

  // Appends a record outside any transaction and returns its offset. kAnyPartition: by the key, 0 if that is
  // null.
  [[nodiscard]] absl::StatusOr<Offset> append(const std::string& topic, Partition partition,
                                              const NewRecord& record);

  // Returns the records of a partition from an offset on; none if there is no such partition.
  [[nodiscard]] std::vector<BrokerRecord> read(const std::string& topic, Partition partition, Offset from = 0,
                                               Isolation isolation = Isolation::kReadCommitted);

  // Return kNoOffset if there is no such partition. Read committed, the end is the last stable offset.
  [[nodiscard]] Offset begin_offset(const std::string& topic, Partition partition);
  [[nodiscard]] Offset end_offset(const std::string& topic, Partition partition,
                                  Isolation isolation = Isolation::kReadUncommitted);

  // Compacts everything that is settled, at once. Refuses a topic that is not compacted.
  [[nodiscard]] absl::Status compact(const std::string& topic);
  // Deletes what retention.ms and retention.bytes no longer cover, at once, record by record. Refuses a topic
  // whose cleanup.policy does not delete.
  [[nodiscard]] absl::Status enforce_retention(const std::string& topic);
  // Deletes the records before an offset.
  [[nodiscard]] absl::Status delete_records(const std::string& topic, Partition partition, Offset before);

  // -------------------------------------------------------------------------------------------------- groups

  [[nodiscard]] GroupDescription describe_group(const std::string& group);
  // Returns the committed offset, settled ones only; nothing if there is none.
  [[nodiscard]] std::optional<PartitionOffset> committed(const std::string& group,
                                                         const TopicPartition& where);
  // Forgets committed offsets of topics no member subscribes to, if they were committed at least that long
  // ago; the group may be alive.
  void expire_offsets(const std::string& group, Duration at_least = Duration::zero());
  // Until then, whoever asks for committed offsets is told that there are none.
  void hide_offsets(const std::string& group, Duration duration);
  // Takes the coordinator away for a while: nobody joins, hears of rebalances, commits or is told offsets.
  void take_coordinator(const std::string& group, Duration duration);
  // Makes all members join once more, as any change of the group does; nothing while they do so already.
  void rebalance(const std::string& group);
  // Drops a member as if its session had ended; it hears of it at its next poll. Returns whether there was one.
  bool throw_out(const std::string& group, const std::string& member_id);
  // Removes a static member, as an administrator does. Returns whether there was one.
  bool remove_member(const std::string& group, const std::string& instance_id);

  // -------------------------------------------------------------------------------------------- transactions

  [[nodiscard]] std::vector<TransactionDescription> transactions();
  // Forgets an idle transactional id, as Kafka does after a week. Returns false if it is unknown or in a
  // transaction.
  bool expire_transactional_id(const std::string& transactional_id);
  // Does what a second producer with that id would do: aborts an open transaction and fences the one before.
  // Returns false if the id is unknown. It also is what happens to a transaction that outlives its timeout.
  bool fence(const std::string& transactional_id);
  // The same, with the last epoch there is: the next producer gets another producer id.
  bool exhaust_epochs(const std::string& transactional_id);

  // ------------------------------------------------------------------------------------------------- failures

  // What goes wrong between clients and broker; null, as in the beginning, is nothing. Must be set before the
  // first client is made, and costs nothing where it is not.
  void set_faults(std::shared_ptr<Faults> faults) { faults_ = std::move(faults); }
  [[nodiscard]] Faults* faults() const { return faults_.get(); }

  // Makes a partition unreachable for a while: nothing can be fetched from it, and what is written to it times
  // out while other records of the same batch go through.
  [[nodiscard]] absl::Status stop_reading(const TopicPartition& where, Duration duration);
  [[nodiscard]] absl::Status stop_writing(const TopicPartition& where, Duration duration);
  // Fewer replicas than min.insync.replicas are there for a while: what is written to the partition, and all that was sent
  // with it, waits until they are back or its client gives up.
  [[nodiscard]] absl::Status lack_replicas(const TopicPartition& where, Duration duration);
  // Takes the right to read or to write a partition from everybody for a while. Who reads it hears of it once, and goes on
  // when the right is back; what is written to it is refused for good.
  enum class Right { kRead, kWrite };
  [[nodiscard]] absl::Status withdraw(Right right, const TopicPartition& where, Duration duration);
  // From now on, markers of transactions reach that partition that much after the decision, which is what their
  // producer and the committed offsets go by. The producer's next transaction waits for them.
  [[nodiscard]] absl::Status delay_markers(const TopicPartition& where, Duration delay);
  // Lets somebody else's transaction hold the last stable offset of a partition where it is. It has written one
  // record, and is aborted after that time.
  [[nodiscard]] absl::Status pin_stable_end(const TopicPartition& where, Duration timeout);

  // --------------------------------------------------------------------------------------- for the transport

  // The engine with the mutex held, after what is overdue has happened.
  class Access {
   public:
    Access(std::mutex& mutex, embedded::Engine& engine) : lock_(mutex), engine_(engine) {}
    embedded::Engine* operator->() const { return &engine_; }
    embedded::Engine& operator*() const { return engine_; }
    std::unique_lock<std::mutex>& lock() { return lock_; }

   private:
    std::unique_lock<std::mutex> lock_;
    embedded::Engine& engine_;
  };
  [[nodiscard]] Access enter();
  [[nodiscard]] const Clock& clock() const { return clock_; }

 private:
  const Clock& clock_;
  std::shared_ptr<Faults> faults_;  // shared with who decides what fails
  std::mutex mutex_;
  std::unique_ptr<embedded::Engine> engine_;
};

}  // namespace weir
