#include <weir/core/embedded/producer.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>
#include <weir/core/planted.h>

namespace weir::embedded {
namespace {

// A batch that has grown to this does not linger.
constexpr std::size_t kBatchBytes = 256 * 1024;

}  // namespace

EmbeddedProducer::EmbeddedProducer(std::shared_ptr<EmbeddedBroker> broker, const ProducerOptions& options,
                                   const std::string& host)
    : broker_(std::move(broker)),
      options_(options),
      session_(std::make_shared<ProducerSession>()),
      operations_({ClientName::Kind::kProducer, host, options.client_id, {}, options.transactional_id},
                  broker_->clock(), broker_->faults(), options.transaction_timeout) {
  session_->transactional_id = options.transactional_id;
  if (options.transactional_id.empty()) session_->identity = broker_->enter()->transactions().new_producer();
}

TopicId EmbeddedProducer::topic(const std::string& name) {
  const auto [found, added] = topics_.try_emplace(name, static_cast<TopicId>(session_->destinations.size()));
  if (added) {
    session_->destinations.push_back({name, 0});
    acknowledged_.emplace_back();
  }
  return found->second;
}

void EmbeddedProducer::send(const OutgoingRecord& record) {
  if (record.topic >= session_->destinations.size()) {
    if (failure_.ok()) failure_ = misused(fmt::format("unknown topic id: {}", record.topic));
    return;
  }
  if (!options_.transactional_id.empty() && state_ != State::kInTransaction) {
    if (failure_.ok())
      failure_ = with_context(require_transaction(), session_->destinations[record.topic].topic);
    return;
  }
  if (lingering_->empty()) lingering_since_ = broker_->clock().steady();
  lingering_->add(record);
  if (lingering_->size_bytes() >= kBatchBytes) hand_over();
}

bool EmbeddedProducer::has_room() const {
  return handed_over_bytes_ + lingering_->size_bytes() < options_.queue_bytes;
}

void EmbeddedProducer::hand_over() {
  if (lingering_->empty()) return;
  handed_over_ += lingering_->size();
  handed_over_bytes_ += lingering_->size_bytes();
  std::shared_ptr<RecordBatch> batch = std::move(lingering_);
  lingering_ = std::make_shared<RecordBatch>();
  lingering_->reserve_as(*batch);
  // What became of the records is told by `failure` and `in_flight`.
  Pending<> unwatched = operations_.start(
      Operation::kProduce, [this] { return before_produce(); },
      [session = session_, identity = session_->identity, batch](Engine& engine) -> Answer<ProduceReport> {
        if (engine.transactions().settling(session->transactional_id)) return std::nullopt;
        if (engine.lacks_replicas(*session, *batch)) return std::nullopt;
        return absl::StatusOr<ProduceReport>(engine.produce(*session, identity, *batch));
      },
      [this, batch](const absl::StatusOr<ProduceReport>& report) -> absl::StatusOr<Done> {
        handed_over_ -= batch->size();
        handed_over_bytes_ -= batch->size_bytes();
        take_report(report.ok() ? *report : ProduceReport{{}, report.status()});
        return Done{};
      });
  unwatched.abandon();
}

Answer<ProduceReport> EmbeddedProducer::before_produce() {
  if (state_ == State::kFenced) return absl::StatusOr<ProduceReport>(ProduceReport{{}, fenced_});
  if (state_ == State::kInTransaction) touched_ = true;
  return std::nullopt;
}

void EmbeddedProducer::take_report(const ProduceReport& report) {
  for (const ProduceReport::Acknowledged& each : report.acknowledged) {
    std::vector<Offset>& offsets = acknowledged_[each.topic];
    const auto index = static_cast<std::size_t>(each.partition);
    if (offsets.size() <= index) offsets.resize(index + 1, kNoOffset);
    offsets[index] = std::max(offsets[index], each.last);
  }
  if (report.failure.ok()) return;
  note(report.failure);
  // Nobody knows what became of records that are given up.
  stray_ |= report.failure.code() == absl::StatusCode::kDeadlineExceeded;
  if (failure_.ok()) failure_ = report.failure;
  spoil(with_context(report.failure, "a record of the transaction was not written"));
}

void EmbeddedProducer::spoil(const absl::Status& status) {
  if (spoiled_.ok()) spoiled_ = status;
}

void EmbeddedProducer::poll() {
  if (lingering_->empty() && operations_.empty()) return;
  const EmbeddedBroker::Access access = broker_->enter();
  if (!lingering_->empty() && access->clock().steady() - lingering_since_ >= options_.linger) hand_over();
  operations_.run(*access);
}

Offset EmbeddedProducer::last_acknowledged(TopicId topic, Partition partition) const {
  if (topic >= acknowledged_.size() || partition < 0) return kNoOffset;
  const auto index = static_cast<std::size_t>(partition);
  return index < acknowledged_[topic].size() ? acknowledged_[topic][index] : kNoOffset;
}

void EmbeddedProducer::note(const absl::Status& status) {
  if (status.ok() || class_of(status) != ErrorClass::kFenced) return;
  state_ = State::kFenced;
  fenced_ = status;
}

absl::Status EmbeddedProducer::require_transaction() const {
  if (state_ == State::kInTransaction) return absl::OkStatus();
  if (state_ == State::kFenced) return fenced_;
  return misused(fmt::format("no transaction is open: id=\"{}\"", options_.transactional_id));
}

Pending<> EmbeddedProducer::init_transactions() {
  if (options_.transactional_id.empty())
    return Pending<>::completed(misused("the producer has no transactional id"));
  if (state_ == State::kFenced) return Pending<>::completed(fenced_);
  if (state_ != State::kNew) return Pending<>::completed(misused("transactions are initialised already"));
  return operations_.start(
      Operation::kInitTransactions, [] { return Answer<ProducerIdentity>(); },
      [id = options_.transactional_id,
       timeout = options_.transaction_timeout](Engine& engine) -> Answer<ProducerIdentity> {
        auto identity = engine.transactions().init(id, timeout);
        engine.deadlines_changed();
        // The library tries again until the markers of the last transaction are written.
        if (class_of(identity.status()) == ErrorClass::kRetriable) return std::nullopt;
        return identity;
      },
      [this](const absl::StatusOr<ProducerIdentity>& identity) -> absl::StatusOr<Done> {
        if (!identity.ok()) return identity.status();
        session_->identity = *identity;
        state_ = State::kReady;
        return Done{};
      });
}

absl::Status EmbeddedProducer::begin_transaction() {
  if (state_ == State::kFenced) return fenced_;
  if (state_ == State::kNew) return misused("transactions are not initialised");
  if (state_ == State::kInTransaction) return misused("a transaction is open already");
  state_ = State::kInTransaction;
  touched_ = false;
  spoiled_ = absl::OkStatus();
  return absl::OkStatus();
}

Pending<> EmbeddedProducer::send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) {
  if (const absl::Status status = require_transaction(); !status.ok()) return Pending<>::completed(status);
  if (group == nullptr) return Pending<>::completed(refused("offsets without group metadata"));
  if (offsets.empty()) return Pending<>::completed(Done{});
  auto who = std::static_pointer_cast<const MemberIdentity>(group);
  if (WEIR_PLANTED("zombie-not-fenced"))
    who = std::make_shared<const MemberIdentity>(MemberIdentity{who->group, {}, {}});
  return operations_.start(
      Operation::kSendOffsets,
      [this]() -> Answer<Done> {
        if (const absl::Status status = require_transaction(); !status.ok())
          return absl::StatusOr<Done>(status);
        touched_ = true;
        return std::nullopt;
      },
      [session = session_, identity = session_->identity, who,
       offsets = std::move(offsets)](Engine& engine) -> Answer<Done> {
        if (engine.transactions().settling(session->transactional_id)) return std::nullopt;
        if (engine.group(who->group).away(engine.clock().steady())) return std::nullopt;
        return answer_of(engine.send_offsets(session->transactional_id, identity, *who, offsets));
      },
      [this](absl::StatusOr<Done> answer) {
        note(answer.status());
        // The client library insists on the abort as well.
        if (class_of(answer.status()) == ErrorClass::kAbortable) spoil(answer.status());
        return answer;
      });
}

Pending<> EmbeddedProducer::commit_transaction() {
  hand_over();
  return end_transaction(Operation::kCommitTransaction, true);
}

Pending<> EmbeddedProducer::abort_transaction() {
  // Nobody needs what has not gone out.
  lingering_->clear();
  return end_transaction(Operation::kAbortTransaction, false);
}

Pending<> EmbeddedProducer::end_transaction(Operation what, bool commit) {
  if (const absl::Status status = require_transaction(); !status.ok()) return Pending<>::completed(status);
  // Records given up may still be on their way: then an abort also raises the epoch, which shuts them out.
  const auto raise_epoch = std::make_shared<bool>(false);  // shared with the request
  return operations_.start(
      what,
      [this, commit, raise_epoch] {
        *raise_epoch = stray_ && !commit;
        return before_end(commit);
      },
      [session = session_, identity = session_->identity, commit,
       raise_epoch](Engine& engine) -> Answer<ProducerIdentity> {
        Transactions& transactions = engine.transactions();
        auto renewed = *raise_epoch ? transactions.renew(session->transactional_id, identity)
                                    : transactions.end(session->transactional_id, identity, commit);
        engine.deadlines_changed();
        if (class_of(renewed.status()) == ErrorClass::kRetriable) return std::nullopt;
        return renewed;
      },
      [this](const absl::StatusOr<ProducerIdentity>& identity) -> absl::StatusOr<Done> {
        note(identity.status());
        if (!identity.ok()) return identity.status();
        if (identity->epoch != session_->identity.epoch || identity->id != session_->identity.id)
          stray_ = false;
        session_->identity = *identity;
        state_ = State::kReady;
        return Done{};
      });
}

Answer<ProducerIdentity> EmbeddedProducer::before_end(bool commit) const {
  using Identity = absl::StatusOr<ProducerIdentity>;
  if (const absl::Status status = require_transaction(); !status.ok()) return Identity(status);
  if (commit && !spoiled_.ok() && !WEIR_PLANTED("failure-ignored"))
    return Identity(abortable_error(message_of(spoiled_)));
  if (!commit && WEIR_PLANTED("abort-not-done")) return Identity(session_->identity);
  // As in Kafka, a transaction that wrote nothing ends without the broker, even if the producer is fenced.
  if (!touched_) return Identity(session_->identity);
  return std::nullopt;
}

}  // namespace weir::embedded
