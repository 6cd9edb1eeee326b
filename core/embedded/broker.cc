#include <weir/core/embedded/broker.h>

#include <algorithm>

#include <weir/core/embedded/engine.h>

namespace weir {
namespace {

std::optional<Bytes> owned(NullableBytes bytes) {
  if (!bytes) return std::nullopt;
  return Bytes(*bytes);
}

NullableBytes view(const std::optional<Bytes>& bytes) {
  return bytes ? NullableBytes(*bytes) : NullableBytes();
}

}  // namespace

EmbeddedBroker::EmbeddedBroker(const Clock& clock)
    : clock_(clock), engine_(std::make_unique<embedded::Engine>(clock)) {}

EmbeddedBroker::~EmbeddedBroker() = default;

EmbeddedBroker::Access EmbeddedBroker::enter() {
  Access access(mutex_, *engine_);
  access->tick();
  return access;
}

absl::Status EmbeddedBroker::create_topic(const std::string& name, Partition partitions,
                                          const std::map<std::string, std::string>& config) {
  return enter()->create_topic({name, partitions, config});
}

absl::Status EmbeddedBroker::delete_topic(const std::string& name) { return enter()->delete_topic(name); }

absl::Status EmbeddedBroker::grow_topic(const std::string& name, Partition partitions) {
  return enter()->grow_topic(name, partitions);
}

absl::Status EmbeddedBroker::configure_topic(const std::string& name,
                                             const std::map<std::string, std::string>& changes) {
  return enter()->configure_topic(name, changes);
}

TopicDescription EmbeddedBroker::describe(const std::string& topic) { return enter()->describe_topic(topic); }

std::vector<std::string> EmbeddedBroker::topics() {
  const Access access = enter();
  std::vector<std::string> names;
  for (const auto& [name, topic] : access->topics()) names.push_back(name);
  return names;
}

absl::StatusOr<Offset> EmbeddedBroker::append(const std::string& topic, Partition partition,
                                              const NewRecord& record) {
  std::string headers;
  embedded::encode_headers(record.headers, headers);
  return enter()->append(topic, partition, {view(record.key), view(record.value), headers, record.timestamp});
}

std::vector<BrokerRecord> EmbeddedBroker::read(const std::string& topic, Partition partition, Offset from,
                                               Isolation isolation) {
  const Access access = enter();
  std::vector<BrokerRecord> records;
  const auto log = access->find_log({topic, partition});
  if (!log.ok()) return records;
  const Offset end = (*log)->end(isolation);
  (*log)->for_each(std::max(from, (*log)->begin()), [&](const embedded::Entry& entry) {
    if (entry.offset >= end || entry.kind != embedded::Entry::kData) return;
    if (entry.aborted && isolation == Isolation::kReadCommitted) return;
    BrokerRecord& record = records.emplace_back();
    record.key = owned(entry.key());
    record.value = owned(entry.value());
    record.timestamp = entry.timestamp;
    record.offset = entry.offset;
    embedded::decode_headers(entry.headers(), record.headers);
  });
  return records;
}

Offset EmbeddedBroker::begin_offset(const std::string& topic, Partition partition) {
  const Access access = enter();
  const auto log = access->find_log({topic, partition});
  return log.ok() ? (*log)->begin() : kNoOffset;
}

Offset EmbeddedBroker::end_offset(const std::string& topic, Partition partition, Isolation isolation) {
  const Access access = enter();
  const auto log = access->find_log({topic, partition});
  return log.ok() ? (*log)->end(isolation) : kNoOffset;
}

absl::Status EmbeddedBroker::compact(const std::string& topic) { return enter()->compact(topic); }

absl::Status EmbeddedBroker::enforce_retention(const std::string& topic) {
  return enter()->enforce_retention(topic);
}

absl::Status EmbeddedBroker::delete_records(const std::string& topic, Partition partition, Offset before) {
  return enter()->delete_records({{{topic, partition}, before, {}}});
}

GroupDescription EmbeddedBroker::describe_group(const std::string& group) {
  return enter()->describe_group(group);
}

std::optional<PartitionOffset> EmbeddedBroker::committed(const std::string& group,
                                                         const TopicPartition& where) {
  const Access access = enter();
  const auto& offsets = access->group(group).committed();
  const auto found = offsets.find(where);
  if (found == offsets.end()) return std::nullopt;
  return PartitionOffset{where, found->second.offset, found->second.metadata};
}

void EmbeddedBroker::expire_offsets(const std::string& group, Duration at_least) {
  const Access access = enter();
  access->group(group).expire_offsets(access->clock().wall() - at_least.count());
}

bool EmbeddedBroker::remove_member(const std::string& group, const std::string& instance_id) {
  const Access access = enter();
  return access->group(group).remove_instance(instance_id, access->clock().steady());
}

std::vector<TransactionDescription> EmbeddedBroker::transactions() {
  const Access access = enter();
  std::vector<TransactionDescription> descriptions;
  for (const auto& [id, transaction] : access->transactions().all()) {
    descriptions.push_back({id, transaction.producer.id, transaction.producer.epoch,
                            transaction.state == embedded::Transaction::State::kOpen});
  }
  return descriptions;
}

bool EmbeddedBroker::expire_transactional_id(const std::string& transactional_id) {
  return enter()->transactions().forget(transactional_id);
}

bool EmbeddedBroker::fence(const std::string& transactional_id) {
  const Access access = enter();
  access->deadlines_changed();
  return access->transactions().fence(transactional_id);
}

bool EmbeddedBroker::exhaust_epochs(const std::string& transactional_id) {
  const Access access = enter();
  access->deadlines_changed();
  return access->transactions().fence(transactional_id, true);
}

void EmbeddedBroker::hide_offsets(const std::string& group, Duration duration) {
  const Access access = enter();
  access->group(group).forget_until(access->clock().steady() + duration);
}

void EmbeddedBroker::take_coordinator(const std::string& group, Duration duration) {
  const Access access = enter();
  access->group(group).go_away(access->clock().steady() + duration);
  access->deadlines_changed();
}

void EmbeddedBroker::rebalance(const std::string& group) {
  const Access access = enter();
  access->group(group).rebalance(access->clock().steady());
  access->deadlines_changed();
}

bool EmbeddedBroker::throw_out(const std::string& group, const std::string& member_id) {
  const Access access = enter();
  const auto& members = access->group(group).members();
  if (std::none_of(members.begin(), members.end(),
                   [&](const auto& member) { return member->id == member_id; }))
    return false;
  access->group(group).leave(member_id, access->clock().steady());
  access->deadlines_changed();
  return true;
}

absl::Status EmbeddedBroker::stop_reading(const TopicPartition& where, Duration duration) {
  const Access access = enter();
  const auto log = access->find_log(where);
  if (!log.ok()) return log.status();
  (*log)->outage().no_reading_before = access->clock().steady() + duration;
  return absl::OkStatus();
}

absl::Status EmbeddedBroker::stop_writing(const TopicPartition& where, Duration duration) {
  const Access access = enter();
  const auto log = access->find_log(where);
  if (!log.ok()) return log.status();
  (*log)->outage().no_writing_before = access->clock().steady() + duration;
  return absl::OkStatus();
}

absl::Status EmbeddedBroker::lack_replicas(const TopicPartition& where, Duration duration) {
  const Access access = enter();
  return access->lack_replicas(where, access->clock().steady() + duration);
}

absl::Status EmbeddedBroker::withdraw(Right right, const TopicPartition& where, Duration duration) {
  const Access access = enter();
  const auto log = access->find_log(where);
  if (!log.ok()) return log.status();
  const Duration until = access->clock().steady() + duration;
  embedded::Outage& outage = (*log)->outage();
  (right == Right::kRead ? outage.no_read_right_before : outage.no_write_right_before) = until;
  return absl::OkStatus();
}

absl::Status EmbeddedBroker::delay_markers(const TopicPartition& where, Duration delay) {
  const Access access = enter();
  const auto log = access->find_log(where);
  if (!log.ok()) return log.status();
  (*log)->outage().marker_delay = delay;
  access->deadlines_changed();
  return absl::OkStatus();
}

absl::Status EmbeddedBroker::pin_stable_end(const TopicPartition& where, Duration timeout) {
  return enter()->pin_stable_end(where, timeout);
}

}  // namespace weir
