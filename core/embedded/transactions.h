// The transaction coordinator: who may write under a transactional id, and what its transaction has touched.
//
// Each `init` of an id takes it over: the epoch rises, an open transaction is aborted, and whoever still uses
// an older epoch is fenced. The same happens when a transaction outlives its timeout.
//
// Ending takes two steps, as in Kafka: the decision (`kCommitting`, `kAborting`), which can no longer be
// changed, and then the markers in every group and partition touched. Here they follow each other at once,
// unless a log wants its markers late: then the transaction is settling until the last one is written.
//
// Thread safety: guarded by the broker's mutex.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/embedded/group.h>
#include <weir/core/embedded/log.h>
#include <weir/core/status.h>

namespace weir::embedded {

struct ProducerIdentity {
  ProducerId id = kNoProducer;
  std::int16_t epoch = -1;
};

struct Transaction {
  enum class State { kEmpty, kOpen, kCommitting, kAborting, kCommitted, kAborted };

  std::string transactional_id;
  ProducerIdentity producer;
  State state = State::kEmpty;
  Duration timeout{0};
  Duration opened{0};               // by the steady clock
  ProducerId writer = kNoProducer;  // whose records the markers settle; the producer may be another since
  Duration decided{0};              // by the steady clock
  std::vector<std::shared_ptr<Log>> logs;  // shared with the topic, which may be deleted meanwhile
  std::vector<Group*> groups;

  [[nodiscard]] bool settling() const { return state == State::kCommitting || state == State::kAborting; }
};

class Transactions {
 public:
  explicit Transactions(const Clock& clock) : clock_(clock) {}

  // Returns an identity for a producer without transactions.
  [[nodiscard]] ProducerIdentity new_producer() { return {next_producer_++, 0}; }

  // Takes a transactional id over. Retriable while its last transaction is settling; the producer before is
  // fenced nevertheless.
  [[nodiscard]] absl::StatusOr<ProducerIdentity> init(const std::string& transactional_id, Duration timeout);

  // Returns the open transaction of that producer for writing to it; opens one if there is none.
  [[nodiscard]] absl::StatusOr<Transaction*> enter(const std::string& transactional_id,
                                                   ProducerIdentity producer);

  // Commits or aborts the open transaction. Saying the same twice is fine. Returns the same producer.
  [[nodiscard]] absl::StatusOr<ProducerIdentity> end(const std::string& transactional_id,
                                                     ProducerIdentity producer, bool commit);

  // Aborts the open transaction, if there is one, and raises the epoch for the same producer, so that nothing it
  // sent before can arrive any more. Retriable while the transaction is settling.
  [[nodiscard]] absl::StatusOr<ProducerIdentity> renew(const std::string& transactional_id,
                                                       ProducerIdentity producer);

  // Says whether the decided transaction of that id still lacks markers, so that the next cannot begin.
  [[nodiscard]] bool settling(const std::string& transactional_id) const;

  // Aborts transactions that are older than their timeout and fences their producers; writes markers that are
  // due.
  void expire();
  // Returns when `expire` has something to do at the earliest.
  [[nodiscard]] Duration next_deadline() const;

  // Forgets an id, as Kafka does after it was idle for long. Returns false if it is unknown or has an open
  // transaction.
  bool forget(const std::string& transactional_id);

  // Fences whoever uses the id, as a second producer with it does: aborts an open transaction, raises the epoch.
  // `last_epoch`: to the last there is, so that the next `init` brings a new producer id. Returns false if the
  // id is unknown.
  bool fence(const std::string& transactional_id, bool last_epoch = false);

  [[nodiscard]] const std::map<std::string, Transaction>& all() const { return transactions_; }
  // How many transactions were committed that had written records and no offsets.
  [[nodiscard]] std::uint64_t committed_without_offsets() const { return without_offsets_; }

 private:
  [[nodiscard]] absl::StatusOr<Transaction*> check(const std::string& transactional_id,
                                                   ProducerIdentity producer);
  void decide(Transaction& transaction, bool commit);
  // Writes the markers that are due.
  void write_markers(Transaction& transaction);
  void raise_epoch(Transaction& transaction);

  const Clock& clock_;
  ProducerId next_producer_ = 1000;
  std::uint64_t without_offsets_ = 0;
  std::map<std::string, Transaction> transactions_;
};

}  // namespace weir::embedded
