// All of the broker's state and every request it answers. Time passes when `tick` is called.
//
// Thread safety: guarded by the mutex of the `EmbeddedBroker` that owns it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/embedded/group.h>
#include <weir/core/embedded/log.h>
#include <weir/core/embedded/record_batch.h>
#include <weir/core/embedded/topic.h>
#include <weir/core/embedded/transactions.h>
#include <weir/core/status.h>
#include <weir/core/transport.h>

namespace weir::embedded {

// Who a producer is and where it writes.
struct ProducerSession {
  struct Destination {
    std::string topic;
    Partition next = 0;  // where the next record without key and partition goes
  };

  std::string transactional_id;  // empty: no transactions
  ProducerIdentity identity;
  std::vector<Destination> destinations;  // by TopicId
};

// What became of a batch.
struct ProduceReport {
  struct Acknowledged {
    TopicId topic = 0;
    Partition partition = 0;
    Offset last = kNoOffset;
  };

  std::vector<Acknowledged> acknowledged;  // each partition once
  absl::Status failure;  // the first, naming topic and partition; ok if every record was written
};

class Engine {
 public:
  explicit Engine(const Clock& clock) : clock_(clock), transactions_(clock) {}
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Lets what is overdue happen: transactions time out, members are dropped.
  void tick();
  // Lets a request take place at a later tick, after those that are due before it.
  void do_later(Duration when, std::function<void(Engine&)> request);

  // Creates a topic; one that exists stays as it is.
  [[nodiscard]] absl::Status create_topic(const NewTopic& request);
  [[nodiscard]] absl::Status delete_topic(const std::string& name);
  // Grows a topic to `partitions`; refuses to shrink it.
  [[nodiscard]] absl::Status grow_topic(const std::string& name, Partition partitions);
  // Changes settings of a topic.
  [[nodiscard]] absl::Status configure_topic(const std::string& name, const TopicConfig& changes);
  // Returns null if there is none.
  [[nodiscard]] Topic* find_topic(const std::string& name);
  // Describes a topic; one that does not exist has no partitions.
  [[nodiscard]] TopicDescription describe_topic(const std::string& name);
  [[nodiscard]] const std::map<std::string, Topic>& topics() const { return topics_; }
  [[nodiscard]] absl::StatusOr<std::shared_ptr<Log>> find_log(const TopicPartition& where);

  // Appends one record outside any transaction. kAnyPartition: by the key, and 0 for a null key.
  [[nodiscard]] absl::StatusOr<Offset> append(const std::string& name, Partition partition,
                                              const RecordView& record);

  // Lets writes to a partition wait until then.
  [[nodiscard]] absl::Status lack_replicas(const TopicPartition& where, Duration until);
  // Whether one of the records goes to a partition that has too few replicas at present.
  [[nodiscard]] bool lacks_replicas(const ProducerSession& session, const RecordBatch& batch);

  // Appends what can be appended.
  [[nodiscard]] ProduceReport produce(ProducerSession& session, ProducerIdentity producer,
                                      const RecordBatch& batch);

  [[nodiscard]] absl::Status compact(const std::string& name);
  [[nodiscard]] absl::Status enforce_retention(const std::string& name);
  [[nodiscard]] absl::Status delete_records(const std::vector<PartitionOffset>& before);

  // Returns the group of that name; it exists as soon as it is asked for.
  [[nodiscard]] Group& group(const std::string& name);
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Group>>& groups() const { return groups_; }
  // Describes a group; one that nobody asked for is empty.
  [[nodiscard]] GroupDescription describe_group(const std::string& name) const;
  [[nodiscard]] absl::Status commit_offsets(const MemberIdentity& who,
                                            const std::vector<PartitionOffset>& offsets);
  // Adds offsets to the producer's transaction.
  [[nodiscard]] absl::Status send_offsets(const std::string& transactional_id, ProducerIdentity producer,
                                          const MemberIdentity& who,
                                          const std::vector<PartitionOffset>& offsets);
  // Opens a transaction of a producer nobody knows, with a record, which holds the stable end of a partition
  // there until it times out.
  [[nodiscard]] absl::Status pin_stable_end(const TopicPartition& where, Duration timeout);

  [[nodiscard]] Transactions& transactions() { return transactions_; }
  [[nodiscard]] const Clock& clock() const { return clock_; }
  // Makes the next tick look at every deadline; for whoever may have brought one forward.
  void deadlines_changed() { next_deadline_ = Duration::min(); }

 private:
  [[nodiscard]] absl::Status check_record(const Topic& topic, Partition partition,
                                          const RecordView& record) const;
  [[nodiscard]] absl::Status check_offsets(const std::vector<PartitionOffset>& offsets);
  [[nodiscard]] absl::StatusOr<Topic*> require_topic(const std::string& name);
  [[nodiscard]] absl::StatusOr<Transaction*> enter_transaction(const std::string& transactional_id,
                                                               ProducerIdentity producer);
  void notify_groups(const std::string& topic);

  const Clock& clock_;
  Transactions transactions_;
  std::map<std::string, Topic> topics_;
  std::map<std::string, std::unique_ptr<Group>> groups_;         // never removed: transactions point at them
  std::multimap<Duration, std::function<void(Engine&)>> later_;  // by when
  std::uint64_t foreigners_ = 0;
  Duration replicas_lack_before_{0};  // those of some partition
  Duration next_deadline_ = Duration::min();
};

}  // namespace weir::embedded
