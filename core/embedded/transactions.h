// The transaction coordinator: who may write under a transactional id, and what its transaction has touched.
//
// Each `init` of an id takes it over: the epoch rises, an open transaction is aborted, and whoever still uses
// an older epoch is fenced. The same happens when a transaction outlives its timeout.
//
// Ending takes two steps, as in Kafka: the decision (`kCommitting`, `kAborting`), which can no longer be
// changed, and then the markers in every partition and group touched. Here they follow each other at once, in
// `end`.
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
  Duration opened{0};                      // by the steady clock
  std::vector<std::shared_ptr<Log>> logs;  // shared with the topic, which may be deleted meanwhile
  std::vector<Group*> groups;
};

class Transactions {
 public:
  explicit Transactions(const Clock& clock) : clock_(clock) {}

  // Returns an identity for a producer without transactions.
  [[nodiscard]] ProducerIdentity new_producer() { return {next_producer_++, 0}; }

  // Takes a transactional id over.
  [[nodiscard]] absl::StatusOr<ProducerIdentity> init(const std::string& transactional_id, Duration timeout);

  // Returns the open transaction of that producer for writing to it; opens one if there is none.
  [[nodiscard]] absl::StatusOr<Transaction*> enter(const std::string& transactional_id,
                                                   ProducerIdentity producer);

  // Commits or aborts the open transaction. Saying the same twice is fine.
  [[nodiscard]] absl::Status end(const std::string& transactional_id, ProducerIdentity producer, bool commit);

  // Aborts transactions that are older than their timeout and fences their producers.
  void expire();
  // Returns when `expire` has something to do at the earliest.
  [[nodiscard]] Duration next_deadline() const;

  // Forgets an id, as Kafka does after it was idle for long. Returns false if it is unknown or has an open
  // transaction.
  bool forget(const std::string& transactional_id);

  [[nodiscard]] const std::map<std::string, Transaction>& all() const { return transactions_; }

 private:
  [[nodiscard]] absl::StatusOr<Transaction*> check(const std::string& transactional_id,
                                                   ProducerIdentity producer);
  void decide(Transaction& transaction, bool commit);
  void write_markers(Transaction& transaction);
  void raise_epoch(Transaction& transaction);

  const Clock& clock_;
  ProducerId next_producer_ = 1000;
  std::map<std::string, Transaction> transactions_;
};

}  // namespace weir::embedded
