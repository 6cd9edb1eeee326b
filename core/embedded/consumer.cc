#include <weir/core/embedded/consumer.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>
#include <weir/core/planted.h>

namespace weir::embedded {
namespace {

// How long a consumer sleeps at most while an operation of its own waits for somebody else.
constexpr Duration kRetryInterval{5};

}  // namespace

EmbeddedConsumer::EmbeddedConsumer(std::shared_ptr<EmbeddedBroker> broker, const ConsumerOptions& options,
                                   const std::string& host)
    : broker_(std::move(broker)),
      options_(options),
      waiter_(std::make_shared<Waiter>()),
      membership_(options, waiter_),
      operations_({ClientName::Kind::kConsumer, host, options.client_id, options.group}, broker_->clock(),
                  broker_->faults()) {}

absl::Status EmbeddedConsumer::subscribe(const std::string& topic) {
  if (closed_) return misused("the consumer is closed");
  more_to_fetch_ = true;
  return membership_.subscribe(topic);
}

void EmbeddedConsumer::poll(std::vector<ConsumerEvent>& events) {
  for (ConsumerEvent& event : reported_) events.push_back(std::move(event));
  reported_.clear();
  const EmbeddedBroker::Access access = broker_->enter();
  signals_seen_ = waiter_->signals;
  operations_.run(*access);
  if (operations_.cut_off()) {
    membership_.miss(access->clock().steady(), events);
  } else {
    membership_.serve(*access, events, operations_.assignment_kept());
  }
}

absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> EmbeddedConsumer::assign(
    std::span<const PartitionOffset> starts) {
  if (closed_) return misused("the consumer is closed");
  std::set<TopicPartition> added;
  for (const PartitionOffset& start : starts) {
    if (start.offset < 0 || start.where.partition < 0 || start.where.topic.empty()) {
      return refused(fmt::format("cannot read {} from offset {}", text_of(start.where), start.offset));
    }
    if (reading_.count(start.where) > 0 || !added.insert(start.where).second) {
      return misused(fmt::format("{} is read already", text_of(start.where)));
    }
  }
  reading_.merge(added);
  std::vector<std::unique_ptr<PartitionReader>> readers;
  const EmbeddedBroker::Access access = broker_->enter();
  for (const PartitionOffset& start : starts) {
    Offset offset = start.offset;
#ifdef WEIR_PLANTED_BUGS
    if (const auto left = left_at_.find(start.where);
        WEIR_PLANTED("abort-without-seek") && left != left_at_.end())
      offset = std::max(offset, left->second);
#endif
    auto reader = std::make_unique<EmbeddedReader>(*this, start.where, offset);
    reader->find_log(*access);
    readers.push_back(std::move(reader));
  }
  more_to_fetch_ = true;
  return readers;
}

Pending<> EmbeddedConsumer::commit(std::vector<PartitionOffset> offsets) {
  if (closed_) return Pending<>::completed(misused("the consumer is closed"));
  if (options_.group.empty())
    return Pending<>::completed(misused("a consumer without a group cannot commit"));
  return operations_.start(Operation::kCommitOffsets,
                           [who = membership_.identity(), offsets = std::move(offsets)](Engine& engine) {
                             return answer_of(engine.commit_offsets(who, offsets));
                           });
}

Pending<std::vector<PartitionOffset>> EmbeddedConsumer::committed(std::vector<TopicPartition> partitions) {
  using Result = std::vector<PartitionOffset>;
  if (closed_) return Pending<Result>::completed(misused("the consumer is closed"));
  if (options_.group.empty()) {
    return Pending<Result>::completed(misused("a consumer without a group has no committed positions"));
  }
  return operations_.start(
      Operation::kFetchOffsets,
      [name = options_.group, partitions = std::move(partitions)](Engine& engine) -> Answer<Result> {
        const Group& group = engine.group(name);
        const Duration now = engine.clock().steady();
        if (group.away(now)) return std::nullopt;
        Result result;
        for (const TopicPartition& where : partitions) {
          if (group.unstable(where) && !WEIR_PLANTED("offsets-not-stable")) return std::nullopt;
          const auto found = group.committed().find(where);
          if (found == group.committed().end() || group.forgetful(now)) {
            result.push_back({where, kNoOffset, {}});
          } else {
            result.push_back({where, found->second.offset, found->second.metadata});
          }
        }
        return absl::StatusOr<Result>(std::move(result));
      });
}

Pending<std::vector<OffsetRange>> EmbeddedConsumer::offset_ranges(std::vector<TopicPartition> partitions) {
  using Result = std::vector<OffsetRange>;
  if (closed_) return Pending<Result>::completed(misused("the consumer is closed"));
  return operations_.start(Operation::kListOffsets,
                           [partitions = std::move(partitions)](Engine& engine) -> Answer<Result> {
                             Result result;
                             for (const TopicPartition& where : partitions) {
                               const auto log = engine.find_log(where);
                               if (!log.ok()) return absl::StatusOr<Result>(log.status());
                               if ((*log)->outage().reading(engine.clock().steady())) return std::nullopt;
                               result.push_back({(*log)->begin(), (*log)->end()});
                             }
                             return absl::StatusOr<Result>(std::move(result));
                           });
}

Pending<std::vector<Offset>> EmbeddedConsumer::offsets_at(std::vector<TopicPartition> partitions,
                                                          Timestamp timestamp) {
  using Result = std::vector<Offset>;
  if (closed_) return Pending<Result>::completed(misused("the consumer is closed"));
  return operations_.start(Operation::kListOffsets,
                           [partitions = std::move(partitions), timestamp](Engine& engine) -> Answer<Result> {
                             Result result;
                             for (const TopicPartition& where : partitions) {
                               const auto log = engine.find_log(where);
                               if (!log.ok()) return absl::StatusOr<Result>(log.status());
                               if ((*log)->outage().reading(engine.clock().steady())) return std::nullopt;
                               Offset first = (*log)->end();
                               (*log)->for_each((*log)->begin(), [&](const Entry& entry) {
                                 if (entry.kind == Entry::kData && entry.timestamp >= timestamp)
                                   first = std::min(first, entry.offset);
                               });
                               result.push_back(first);
                             }
                             return absl::StatusOr<Result>(std::move(result));
                           });
}

GroupMetadata EmbeddedConsumer::group_metadata() {
  return std::make_shared<const MemberIdentity>(membership_.identity());
}

Pending<> EmbeddedConsumer::close(bool leave_group) {
  if (closed_) return Pending<>::completed(Done{});
  closed_ = true;
  const bool tells = leave_group && membership_.owes_farewell();
  const MemberIdentity who = membership_.identity();
  membership_.forget();
  return operations_.start(Operation::kLeaveGroup, [tells, who](Engine& engine) {
    if (tells) engine.group(who.group).leave(who.member, engine.clock().steady());
    return answer_of(absl::OkStatus());
  });
}

void EmbeddedConsumer::wait(Duration at_most) {
  if (std::exchange(more_to_fetch_, false) || !reported_.empty() || membership_.has_news()) return;
  if (at_most <= Duration::zero()) return;
  if (!operations_.empty()) at_most = std::min(at_most, kRetryInterval);
  EmbeddedBroker::Access access = broker_->enter();
  waiter_->asleep = true;
  waiter_->changed.wait_for(access.lock(), at_most, [&] { return waiter_->signals != signals_seen_; });
  waiter_->asleep = false;
  signals_seen_ = waiter_->signals;
}

void EmbeddedConsumer::wake() {
  const EmbeddedBroker::Access access = broker_->enter();
  waiter_->signal();
}

void EmbeddedConsumer::report(absl::Status status, const TopicPartition& where) {
  reported_.push_back(ConsumerError{std::move(status), where});
}

EmbeddedReader::~EmbeddedReader() {
  consumer_.reading_.erase(where_);
#ifdef WEIR_PLANTED_BUGS
  consumer_.left_at_[where_] = position_;
#endif
  if (log_ == nullptr) return;
  const EmbeddedBroker::Access access = consumer_.broker_->enter();
  log_->remove_listener(consumer_.waiter_);
}

bool EmbeddedReader::find_log(Engine& engine) {
  const auto log = engine.find_log(where_);
  if (log.ok()) {
    log_ = *log;
    log_->add_listener(consumer_.waiter_);
    return true;
  }
  if (!std::exchange(told_missing_, true)) consumer_.report(log.status(), where_);
  return false;
}

void EmbeddedReader::fail(absl::Status status) {
  failed_ = true;
  consumer_.report(std::move(status), where_);
}

std::size_t EmbeddedReader::fetch(std::size_t max_records, std::vector<RawRecord>& out) {
  if (failed_ || consumer_.closed_) return 0;
  const Isolation isolation =
      consumer_.options_.read_committed ? Isolation::kReadCommitted : Isolation::kReadUncommitted;
  if (log_ != nullptr) {
    // Most fetches of a quiet topic end here, without the lock.
    if (log_->deleted()) {
      fail(unknown_partition(where_));
      return 0;
    }
    const Offset end = log_->end(isolation);
    if (position_ >= end && position_ <= log_->end()) {
      known_end_ = end;
      return 0;
    }
  }
  const EmbeddedBroker::Access access = consumer_.broker_->enter();
  if (consumer_.operations_.cut_off()) return 0;
  if (log_ == nullptr && !find_log(*access)) return 0;
  if (log_->outage().reading(access->clock().steady())) return 0;
  if (log_->outage().read_right(access->clock().steady())) {
    if (!std::exchange(told_forbidden_, true)) consumer_.report(not_allowed("read", text_of(where_)), where_);
    return 0;
  }
  told_forbidden_ = false;
  if (position_ < log_->begin() || position_ > log_->end()) {
    fail(out_of_range(where_, position_, log_->begin(), log_->end()));
    return 0;
  }
  const std::size_t before = out.size();
  position_ = log_->fetch(position_, max_records, isolation, out);
  known_end_ = log_->end(isolation);
  if (position_ < known_end_) consumer_.more_to_fetch_ = true;
  return out.size() - before;
}

}  // namespace weir::embedded
