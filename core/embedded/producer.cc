#include <weir/core/embedded/producer.h>

#include <utility>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>

namespace weir::embedded {
namespace {

// A batch that has grown to this does not linger.
constexpr std::size_t kBatchBytes = 256 * 1024;
// What may be waiting for a poll before the producer has no room.
constexpr std::size_t kRoomBytes = 16 * 1024 * 1024;
constexpr std::size_t kSpareBatches = 4;

}  // namespace

EmbeddedProducer::EmbeddedProducer(std::shared_ptr<EmbeddedBroker> broker, const ProducerOptions& options)
    : broker_(std::move(broker)), options_(options) {
  session_.transactional_id = options.transactional_id;
  if (options.transactional_id.empty()) session_.identity = broker_->enter()->transactions().new_producer();
}

TopicId EmbeddedProducer::topic(const std::string& name) {
  const auto [found, added] = topics_.try_emplace(name, static_cast<TopicId>(session_.destinations.size()));
  if (added) session_.destinations.push_back({name, 0, {}});
  return found->second;
}

void EmbeddedProducer::send(const OutgoingRecord& record) {
  if (record.topic >= session_.destinations.size()) {
    if (failure_.ok()) failure_ = misused(fmt::format("unknown topic id: {}", record.topic));
    return;
  }
  if (!options_.transactional_id.empty() && state_ != State::kInTransaction) {
    if (failure_.ok()) failure_ = with_context(require_transaction(), session_.destinations[record.topic].topic);
    return;
  }
  if (lingering_.empty()) lingering_since_ = broker_->clock().steady();
  lingering_.add(record);
  if (lingering_.size_bytes() >= kBatchBytes) hand_over();
}

bool EmbeddedProducer::has_room() const { return handed_over_bytes_ + lingering_.size_bytes() < kRoomBytes; }

void EmbeddedProducer::hand_over() {
  if (lingering_.empty()) return;
  handed_over_ += lingering_.size();
  handed_over_bytes_ += lingering_.size_bytes();
  // A shared_ptr because a std::function wants to be copyable; the operation is its only owner.
  auto batch = std::make_shared<RecordBatch>(std::move(lingering_));
  lingering_ = RecordBatch();
  if (!spare_.empty()) {
    lingering_ = std::move(spare_.back());
    spare_.pop_back();
  }
  // What became of the records is told by `failure` and `in_flight`.
  Pending<> unwatched = operations_.start(Operation::kProduce, [this, batch](Engine& engine) {
    deliver(engine, *batch);
    batch->clear();
    if (spare_.size() < kSpareBatches) spare_.push_back(std::move(*batch));
    return answer_of(absl::OkStatus());
  });
  unwatched.abandon();
}

void EmbeddedProducer::deliver(Engine& engine, const RecordBatch& batch) {
  handed_over_ -= batch.size();
  handed_over_bytes_ -= batch.size_bytes();
  if (state_ == State::kInTransaction) touched_ = true;
  const absl::Status status = state_ == State::kFenced ? fenced_ : noted(engine.produce(session_, batch));
  if (status.ok()) return;
  if (failure_.ok()) failure_ = status;
  if (delivery_.ok()) delivery_ = status;
}

void EmbeddedProducer::poll() {
  if (lingering_.empty() && operations_.empty()) return;
  const EmbeddedBroker::Access access = broker_->enter();
  if (!lingering_.empty() && access->clock().steady() - lingering_since_ >= options_.linger) hand_over();
  operations_.run(*access);
}

Offset EmbeddedProducer::last_acknowledged(TopicId topic, Partition partition) const {
  if (topic >= session_.destinations.size() || partition < 0) return kNoOffset;
  const auto& acknowledged = session_.destinations[topic].acknowledged;
  const auto index = static_cast<std::size_t>(partition);
  return index < acknowledged.size() ? acknowledged[index] : kNoOffset;
}

absl::Status EmbeddedProducer::noted(absl::Status status) {
  if (!status.ok() && class_of(status) == ErrorClass::kFenced) {
    state_ = State::kFenced;
    fenced_ = status;
  }
  return status;
}

absl::Status EmbeddedProducer::require_transaction() const {
  if (state_ == State::kInTransaction) return absl::OkStatus();
  if (state_ == State::kFenced) return fenced_;
  return misused(fmt::format("no transaction is open: id=\"{}\"", options_.transactional_id));
}

Pending<> EmbeddedProducer::init_transactions() {
  if (options_.transactional_id.empty()) return Pending<>::completed(misused("the producer has no transactional id"));
  if (state_ == State::kFenced) return Pending<>::completed(fenced_);
  if (state_ != State::kNew) return Pending<>::completed(misused("transactions are initialised already"));
  return operations_.start(Operation::kInitTransactions, [this](Engine& engine) {
    const auto identity = engine.transactions().init(session_.transactional_id, options_.transaction_timeout);
    if (!identity.ok()) return answer_of(identity.status());
    session_.identity = *identity;
    state_ = State::kReady;
    return answer_of(absl::OkStatus());
  });
}

absl::Status EmbeddedProducer::begin_transaction() {
  if (state_ == State::kFenced) return fenced_;
  if (state_ == State::kNew) return misused("transactions are not initialised");
  if (state_ == State::kInTransaction) return misused("a transaction is open already");
  state_ = State::kInTransaction;
  touched_ = false;
  delivery_ = absl::OkStatus();
  return absl::OkStatus();
}

Pending<> EmbeddedProducer::send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) {
  if (const absl::Status status = require_transaction(); !status.ok()) return Pending<>::completed(status);
  if (group == nullptr) return Pending<>::completed(refused("offsets without group metadata"));
  if (offsets.empty()) return Pending<>::completed(Done{});
  const auto who = std::static_pointer_cast<const MemberIdentity>(group);
  return operations_.start(Operation::kSendOffsets, [this, who, offsets = std::move(offsets)](Engine& engine) {
    if (const absl::Status status = require_transaction(); !status.ok()) return answer_of(status);
    touched_ = true;
    return answer_of(noted(engine.send_offsets(session_, *who, offsets)));
  });
}

Pending<> EmbeddedProducer::commit_transaction() {
  if (const absl::Status status = require_transaction(); !status.ok()) return Pending<>::completed(status);
  hand_over();
  return operations_.start(Operation::kCommitTransaction,
                           [this](Engine& engine) { return answer_of(end_transaction(engine, true)); });
}

Pending<> EmbeddedProducer::abort_transaction() {
  if (const absl::Status status = require_transaction(); !status.ok()) return Pending<>::completed(status);
  // Nobody needs what has not gone out.
  lingering_.clear();
  return operations_.start(Operation::kAbortTransaction,
                           [this](Engine& engine) { return answer_of(end_transaction(engine, false)); });
}

absl::Status EmbeddedProducer::end_transaction(Engine& engine, bool commit) {
  WEIR_RETURN_IF_ERROR(require_transaction());
  if (commit && !delivery_.ok()) {
    return abortable_error(fmt::format("a record of the transaction was not written: {}", message_of(delivery_)));
  }
  // As in Kafka, a transaction that wrote nothing ends without the broker, even if the producer is fenced.
  if (touched_) WEIR_RETURN_IF_ERROR(noted(engine.transactions().end(session_.transactional_id, session_.identity, commit)));
  state_ = State::kReady;
  return absl::OkStatus();
}

}  // namespace weir::embedded
