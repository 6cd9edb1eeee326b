#include <weir/core/embedded/transactions.h>

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>
#include <weir/core/planted.h>

namespace weir::embedded {
namespace {

constexpr Duration kLongestTimeout{15 * 60 * 1000};
constexpr std::int16_t kLastEpoch = std::numeric_limits<std::int16_t>::max() - 1;

}  // namespace

absl::StatusOr<ProducerIdentity> Transactions::init(const std::string& transactional_id, Duration timeout) {
  if (timeout <= Duration::zero() || timeout > kLongestTimeout) {
    return refused(fmt::format("invalid transaction timeout: id={} timeout={}ms longest={}ms",
                               transactional_id, timeout.count(), kLongestTimeout.count()));
  }
  const auto [found, added] = transactions_.try_emplace(transactional_id);
  Transaction& transaction = found->second;
  if (added) {
    transaction.transactional_id = transactional_id;
    transaction.producer = new_producer();
  } else {
    if (transaction.state == Transaction::State::kOpen) {
      decide(transaction, false);
      if (transaction.settling()) raise_epoch(transaction);
    }
    if (transaction.settling()) {
      return retriable_error(fmt::format("concurrent transactions: id={}", transactional_id));
    }
    raise_epoch(transaction);
  }
  transaction.timeout = timeout;
  transaction.state = Transaction::State::kEmpty;
  return transaction.producer;
}

absl::StatusOr<Transaction*> Transactions::check(const std::string& transactional_id,
                                                 ProducerIdentity producer) {
  const auto found = transactions_.find(transactional_id);
  if (found == transactions_.end() || found->second.producer.id != producer.id) {
    return fenced_error(fmt::format("producer id is not mapped to the transactional id: id={} producer={}",
                                    transactional_id, producer.id));
  }
  Transaction& transaction = found->second;
  if (transaction.producer.epoch != producer.epoch && !WEIR_PLANTED("old-epoch-accepted")) {
    return fenced_error(fmt::format("producer fenced: id={} epoch={} current={}", transactional_id,
                                    producer.epoch, transaction.producer.epoch));
  }
  return &transaction;
}

absl::StatusOr<Transaction*> Transactions::enter(const std::string& transactional_id,
                                                 ProducerIdentity producer) {
  absl::StatusOr<Transaction*> checked = check(transactional_id, producer);
  if (!checked.ok()) return checked;
  Transaction& transaction = **checked;
  switch (transaction.state) {
    case Transaction::State::kOpen:
      return &transaction;
    case Transaction::State::kCommitting:
    case Transaction::State::kAborting:
      return retriable_error(fmt::format("concurrent transactions: id={}", transactional_id));
    default:
      transaction.state = Transaction::State::kOpen;
      transaction.opened = clock_.steady();
      return &transaction;
  }
}

absl::StatusOr<ProducerIdentity> Transactions::end(const std::string& transactional_id,
                                                   ProducerIdentity producer, bool commit) {
  const absl::StatusOr<Transaction*> checked = check(transactional_id, producer);
  if (!checked.ok()) return checked.status();
  Transaction& transaction = **checked;
  switch (transaction.state) {
    case Transaction::State::kOpen:
      decide(transaction, commit);
      return producer;
    case Transaction::State::kCommitting:
    case Transaction::State::kCommitted:
      if (commit) return producer;
      break;
    case Transaction::State::kAborting:
    case Transaction::State::kAborted:
      if (!commit) return producer;
      break;
    case Transaction::State::kEmpty:
      break;
  }
  return make_error(ErrorClass::kFatal, absl::StatusCode::kFailedPrecondition,
                    fmt::format("invalid transaction state: id={} there is nothing to {}", transactional_id,
                                commit ? "commit" : "abort"));
}

void Transactions::decide(Transaction& transaction, bool commit) {
  if (commit && transaction.groups.empty() && !transaction.logs.empty()) ++without_offsets_;
  transaction.state = commit ? Transaction::State::kCommitting : Transaction::State::kAborting;
  transaction.writer = transaction.producer.id;
  transaction.decided = clock_.steady();
  write_markers(transaction);
}

void Transactions::write_markers(Transaction& transaction) {
  const bool commit = transaction.state == Transaction::State::kCommitting;
  const Duration now = clock_.steady();
  for (Group* group : transaction.groups) group->settle(transaction.writer, commit);
  transaction.groups.clear();
  std::erase_if(transaction.logs, [&](const std::shared_ptr<Log>& log) {
    if (now < transaction.decided + log->outage().marker_delay) return false;
    log->settle(transaction.writer, commit, clock_.wall());
    return true;
  });
  if (!transaction.logs.empty()) return;
  transaction.state = commit ? Transaction::State::kCommitted : Transaction::State::kAborted;
}

void Transactions::raise_epoch(Transaction& transaction) {
  // Kafka keeps the last epoch for itself and changes to a new producer id instead.
  if (transaction.producer.epoch >= kLastEpoch) {
    transaction.producer = new_producer();
  } else {
    ++transaction.producer.epoch;
  }
}

void Transactions::expire() {
  const Duration now = clock_.steady();
  for (auto& [id, transaction] : transactions_) {
    if (transaction.settling()) write_markers(transaction);
    if (transaction.state != Transaction::State::kOpen || now - transaction.opened < transaction.timeout)
      continue;
    decide(transaction, false);
    raise_epoch(transaction);
  }
}

absl::StatusOr<ProducerIdentity> Transactions::renew(const std::string& transactional_id,
                                                     ProducerIdentity producer) {
  const absl::StatusOr<Transaction*> checked = check(transactional_id, producer);
  if (!checked.ok()) return checked.status();
  Transaction& transaction = **checked;
  if (transaction.state == Transaction::State::kOpen) decide(transaction, false);
  if (transaction.settling())
    return retriable_error(fmt::format("concurrent transactions: id={}", transactional_id));
  raise_epoch(transaction);
  return transaction.producer;
}

bool Transactions::settling(const std::string& transactional_id) const {
  if (transactional_id.empty()) return false;
  const auto found = transactions_.find(transactional_id);
  return found != transactions_.end() && found->second.settling();
}

bool Transactions::fence(const std::string& transactional_id, bool last_epoch) {
  const auto found = transactions_.find(transactional_id);
  if (found == transactions_.end()) return false;
  Transaction& transaction = found->second;
  if (transaction.state == Transaction::State::kOpen) decide(transaction, false);
  if (last_epoch)
    transaction.producer.epoch = kLastEpoch;
  else
    raise_epoch(transaction);
  return true;
}

Duration Transactions::next_deadline() const {
  Duration deadline = Duration::max();
  for (const auto& [id, transaction] : transactions_) {
    if (transaction.state == Transaction::State::kOpen) {
      deadline = std::min(deadline, transaction.opened + transaction.timeout);
    }
    for (const auto& log : transaction.logs) {
      if (!transaction.settling()) break;
      deadline = std::min(deadline, transaction.decided + log->outage().marker_delay);
    }
  }
  return deadline;
}

bool Transactions::forget(const std::string& transactional_id) {
  const auto found = transactions_.find(transactional_id);
  if (found == transactions_.end() || found->second.state == Transaction::State::kOpen ||
      found->second.settling())
    return false;
  transactions_.erase(found);
  return true;
}

}  // namespace weir::embedded
