#include <weir/core/embedded/engine.h>

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>
#include <weir/core/embedded/faults.h>
#include <weir/core/refusal.h>

namespace weir::embedded {
namespace {

// What a record batch of one record costs in Kafka's log besides key, value and headers, roughly.
constexpr std::int64_t kRecordOverhead = 70;

constexpr std::size_t kLongestOffsetMetadata = 4096;

std::size_t bytes_of(const RecordView& record) {
  std::size_t bytes = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  Headers headers;
  decode_headers(record.encoded_headers, headers);
  for (const Header& header : headers)
    bytes += header.name.size() + (header.value ? header.value->size() : 0);
  return bytes;
}

// The status of a record that this topic never takes.
absl::Status refused_record(const absl::Status& status, Refusal::Reason reason, const std::string& topic,
                            const RecordView& record) {
  return with_refusal(status, {reason, topic, bytes_of(record), digest_of(record.key, record.value)});
}

CommittedOffset committed_offset(const PartitionOffset& position, Timestamp wall) {
  return {position.offset, position.metadata, wall};
}

}  // namespace

void Engine::tick() {
  const Duration now = clock_.steady();
  if (now < next_deadline_) return;
  while (!later_.empty() && later_.begin()->first <= now) later_.extract(later_.begin()).mapped()(*this);
  transactions_.expire();
  next_deadline_ = transactions_.next_deadline();
  if (!later_.empty()) next_deadline_ = std::min(next_deadline_, later_.begin()->first);
  for (const auto& [name, group] : groups_) {
    group->expire(now);
    next_deadline_ = std::min(next_deadline_, group->next_deadline());
  }
}

void Engine::do_later(Duration when, std::function<void(Engine&)> request) {
  later_.emplace(when, std::move(request));
  deadlines_changed();
}

absl::Status Engine::create_topic(const NewTopic& request) {
  WEIR_RETURN_IF_ERROR(check_topic_name(request.name));
  if (topics_.count(request.name) > 0) return absl::OkStatus();
  constexpr Partition kMostPartitions = 100'000;
  if (request.partitions <= 0 || request.partitions > kMostPartitions) {
    return refused(fmt::format("invalid number of partitions: topic={} partitions={}", request.name,
                               request.partitions));
  }
  const auto settings = read_settings(request.config);
  if (!settings.ok()) return with_context(settings.status(), fmt::format("topic {}", request.name));
  Topic& topic = topics_[request.name];
  topic.name = request.name;
  topic.config = request.config;
  topic.settings = *settings;
  for (Partition partition = 0; partition < request.partitions; ++partition)
    topic.logs.push_back(std::make_shared<Log>());
  notify_groups(request.name);
  return absl::OkStatus();
}

absl::Status Engine::delete_topic(const std::string& name) {
  const auto topic = require_topic(name);
  if (!topic.ok()) return topic.status();
  for (const auto& log : (*topic)->logs) log->mark_deleted();
  topics_.erase(name);
  for (const auto& [group_name, group] : groups_) group->forget_topic(name);
  notify_groups(name);
  return absl::OkStatus();
}

absl::Status Engine::grow_topic(const std::string& name, Partition partitions) {
  const auto topic = require_topic(name);
  if (!topic.ok()) return topic.status();
  if (partitions < (*topic)->partitions()) {
    return refused(fmt::format("a topic cannot shrink: topic={} partitions={} wanted={}", name,
                               (*topic)->partitions(), partitions));
  }
  while ((*topic)->partitions() < partitions) (*topic)->logs.push_back(std::make_shared<Log>());
  notify_groups(name);
  return absl::OkStatus();
}

absl::Status Engine::configure_topic(const std::string& name, const TopicConfig& changes) {
  const auto topic = require_topic(name);
  if (!topic.ok()) return topic.status();
  TopicConfig config = changes;
  config.insert((*topic)->config.begin(), (*topic)->config.end());
  const auto settings = read_settings(config);
  if (!settings.ok()) return with_context(settings.status(), fmt::format("topic {}", name));
  (*topic)->config = std::move(config);
  (*topic)->settings = *settings;
  return absl::OkStatus();
}

Topic* Engine::find_topic(const std::string& name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : &found->second;
}

TopicDescription Engine::describe_topic(const std::string& name) {
  const Topic* topic = find_topic(name);
  if (topic == nullptr) return {name, 0, {}};
  return {name, topic->partitions(), complete_config(topic->config), /*replication_factor=*/1};
}

absl::StatusOr<Topic*> Engine::require_topic(const std::string& name) {
  if (Topic* topic = find_topic(name)) return topic;
  return make_error(ErrorClass::kFatal, absl::StatusCode::kNotFound, fmt::format("unknown topic: {}", name));
}

absl::StatusOr<std::shared_ptr<Log>> Engine::find_log(const TopicPartition& where) {
  const Topic* topic = find_topic(where.topic);
  if (topic == nullptr || where.partition < 0 || where.partition >= topic->partitions())
    return unknown_partition(where);
  return topic->logs[static_cast<std::size_t>(where.partition)];
}

absl::Status Engine::check_record(const Topic& topic, Partition partition, const RecordView& record) const {
  if (partition < 0 || partition >= topic.partitions()) {
    // The client library waits for its metadata before it gives a record up, so what is left is final.
    return refused_record(make_error(ErrorClass::kFatal, absl::StatusCode::kNotFound, "unknown partition"),
                          Refusal::Reason::kNoTopic, topic.name, record);
  }
  if (topic.settings.compacts && !record.key) {
    return refused_record(refused("invalid record: a compacted topic needs a key"), Refusal::Reason::kOther,
                          topic.name, record);
  }
  const auto size =
      static_cast<std::int64_t>((record.key ? record.key->size() : 0) +
                                (record.value ? record.value->size() : 0) + record.encoded_headers.size());
  if (size + kRecordOverhead > topic.settings.max_message_bytes) {
    return refused_record(refused(fmt::format("record too large: bytes={} max.message.bytes={}",
                                              size + kRecordOverhead, topic.settings.max_message_bytes)),
                          Refusal::Reason::kTooLarge, topic.name, record);
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> Engine::append(const std::string& name, Partition partition,
                                      const RecordView& record) {
  const auto topic = require_topic(name);
  if (!topic.ok()) return topic.status();
  if (partition == kAnyPartition)
    partition = record.key ? partition_for_key(*record.key, (*topic)->partitions()) : 0;
  if (const absl::Status status = check_record(**topic, partition, record); !status.ok()) {
    return with_context(status, text_of({name, partition}));
  }
  RecordView stamped = record;
  if ((*topic)->settings.log_append_time) stamped.timestamp = clock_.wall();
  Log& log = *(*topic)->logs[static_cast<std::size_t>(partition)];
  const Offset offset = log.append(stamped);
  log.signal();
  return offset;
}

absl::StatusOr<Transaction*> Engine::enter_transaction(const std::string& transactional_id,
                                                       ProducerIdentity producer) {
  const auto entered = transactions_.enter(transactional_id, producer);
  // A fresh transaction has touched nothing, and brings a deadline.
  if (entered.ok() && (*entered)->logs.empty() && (*entered)->groups.empty()) deadlines_changed();
  return entered;
}

absl::Status Engine::lack_replicas(const TopicPartition& where, Duration until) {
  const auto log = find_log(where);
  if (!log.ok()) return log.status();
  (*log)->outage().too_few_replicas_before = until;
  replicas_lack_before_ = std::max(replicas_lack_before_, until);
  return absl::OkStatus();
}

// By topic: where its keys go is not looked at before they are written.
bool Engine::lacks_replicas(const ProducerSession& session, const RecordBatch& batch) {
  const Duration now = clock_.steady();
  if (now >= replicas_lack_before_) return false;
  TopicId seen = std::numeric_limits<TopicId>::max();
  for (const RecordBatch::Item& item : batch.items()) {
    if (std::exchange(seen, item.topic) == item.topic) continue;
    const Topic* topic = find_topic(session.destinations[item.topic].topic);
    if (topic != nullptr && std::any_of(topic->logs.begin(), topic->logs.end(),
                                        [&](const auto& log) { return log->outage().replicas(now); }))
      return true;
  }
  return false;
}

ProduceReport Engine::produce(ProducerSession& session, ProducerIdentity producer, const RecordBatch& batch) {
  ProduceReport report;
  if (batch.empty()) return report;
  Transaction* transaction = nullptr;
  if (!session.transactional_id.empty()) {
    const auto entered = enter_transaction(session.transactional_id, producer);
    if (!entered.ok()) {
      report.failure =
          with_context(entered.status(), session.destinations[batch.items().front().topic].topic);
      return report;
    }
    transaction = *entered;
  }

  const Duration now = clock_.steady();
  std::vector<Topic*> topics(session.destinations.size(), nullptr);
  std::vector<Log*> touched;
  for (const RecordBatch::Item& item : batch.items()) {
    ProducerSession::Destination& destination = session.destinations[item.topic];
    Topic*& topic = topics[item.topic];
    if (topic == nullptr) topic = find_topic(destination.topic);
    if (topic == nullptr) {
      if (report.failure.ok())
        report.failure =
            refused_record(with_context(require_topic(destination.topic).status(), "cannot write"),
                           Refusal::Reason::kNoTopic, destination.topic, batch.view(item));
      continue;
    }
    Partition partition = item.partition;
    if (partition == kAnyPartition) {
      if (item.key_size >= 0) {
        partition = partition_for_hash(item.key_hash, topic->partitions());
      } else {
        partition = destination.next % topic->partitions();
        destination.next = (partition + 1) % topic->partitions();
      }
    }
    RecordView record = batch.view(item);
    if (const absl::Status status = check_record(*topic, partition, record); !status.ok()) {
      if (report.failure.ok()) report.failure = with_context(status, text_of({destination.topic, partition}));
      continue;
    }
    if (topic->settings.log_append_time) record.timestamp = clock_.wall();
    const std::shared_ptr<Log>& log = topic->logs[static_cast<std::size_t>(partition)];
    if (log->outage().write_right(now)) {
      const TopicPartition where{destination.topic, partition};
      if (report.failure.ok())
        report.failure = refused_record(not_allowed("write", text_of(where)), Refusal::Reason::kNotAllowed,
                                        destination.topic, record);
      continue;
    }
    if (log->outage().writing(now)) {
      if (report.failure.ok()) {
        report.failure =
            with_context(unanswered(Operation::kProduce, transaction != nullptr, Duration::zero()),
                         text_of({destination.topic, partition}));
      }
      continue;
    }
    if (transaction != nullptr && log->open(producer.id)) transaction->logs.push_back(log);
    const Offset offset = log->append(record, producer.id, transaction != nullptr);
    if (log->slot() == Log::kNoSlot) {
      log->slot() = touched.size();
      touched.push_back(log.get());
      report.acknowledged.push_back({item.topic, partition, offset});
    } else {
      report.acknowledged[log->slot()].last = offset;
    }
  }
  for (Log* log : touched) log->signal();
  return report;
}

absl::Status Engine::compact(const std::string& name) {
  const auto topic = require_topic(name);
  if (!topic.ok()) return topic.status();
  if (!(*topic)->settings.compacts) return refused(fmt::format("the topic is not compacted: {}", name));
  for (const auto& log : (*topic)->logs) log->compact(clock_.wall(), (*topic)->settings.delete_retention);
  return absl::OkStatus();
}

absl::Status Engine::enforce_retention(const std::string& name) {
  const auto topic = require_topic(name);
  if (!topic.ok()) return topic.status();
  const TopicSettings& settings = (*topic)->settings;
  if (!settings.deletes) return refused(fmt::format("the topic keeps its records: {}", name));
  std::optional<Timestamp> oldest;
  if (settings.retention_ms >= 0) oldest = clock_.wall() - settings.retention_ms;
  for (const auto& log : (*topic)->logs) log->trim(log->expired_before(oldest, settings.retention_bytes));
  return absl::OkStatus();
}

absl::Status Engine::delete_records(const std::vector<PartitionOffset>& before) {
  std::vector<std::pair<std::shared_ptr<Log>, Offset>> trims;
  for (const PartitionOffset& request : before) {
    const auto log = find_log(request.where);
    if (!log.ok()) return log.status();
    if (!find_topic(request.where.topic)->settings.deletes) {
      return refused(
          fmt::format("policy violation: {} is compacted and keeps its records", request.where.topic));
    }
    // Kafka reads -1 as "up to the end".
    const Offset offset = request.offset == -1 ? (*log)->end() : request.offset;
    if (offset < 0 || offset > (*log)->end()) {
      return out_of_range(request.where, offset, (*log)->begin(), (*log)->end());
    }
    trims.emplace_back(*log, offset);
  }
  for (const auto& [log, offset] : trims) log->trim(offset);
  return absl::OkStatus();
}

Group& Engine::group(const std::string& name) {
  std::unique_ptr<Group>& group = groups_[name];
  if (group == nullptr) {
    group = std::make_unique<Group>(name, [this](const std::string& topic) {
      const Topic* found = find_topic(topic);
      return found == nullptr ? 0 : found->partitions();
    });
  }
  return *group;
}

absl::Status Engine::check_offsets(const std::vector<PartitionOffset>& offsets) {
  for (const PartitionOffset& position : offsets) {
    if (const auto log = find_log(position.where); !log.ok()) return log.status();
    if (position.offset < 0) {
      return refused(fmt::format("invalid offset: {} offset={}", text_of(position.where), position.offset));
    }
    if (position.metadata.size() > kLongestOffsetMetadata) {
      return refused(fmt::format("offset metadata too large: {} bytes={} longest={}", text_of(position.where),
                                 position.metadata.size(), kLongestOffsetMetadata));
    }
  }
  return absl::OkStatus();
}

GroupDescription Engine::describe_group(const std::string& name) const {
  GroupDescription description;
  const auto found = groups_.find(name);
  if (found == groups_.end()) return description;
  const Group& state = *found->second;
  description.generation = state.generation();
  if (!state.members().empty()) {
    description.state =
        state.preparing() ? GroupDescription::State::kPreparing : GroupDescription::State::kStable;
  }
  for (const auto& member : state.members()) {
    description.members.push_back({member->id,
                                   member->options.instance_id,
                                   member->options.client_id,
                                   member->options.topic,
                                   {member->assignment.begin(), member->assignment.end()}});
  }
  return description;
}

absl::Status Engine::commit_offsets(const MemberIdentity& who, const std::vector<PartitionOffset>& offsets) {
  if (group(who.group).away(clock_.steady()))
    return retriable_error(fmt::format("the coordinator is not available: group={}", who.group));
  WEIR_RETURN_IF_ERROR(group(who.group).check(who, false));
  WEIR_RETURN_IF_ERROR(check_offsets(offsets));
  for (const PartitionOffset& position : offsets) {
    group(who.group).commit(position.where, committed_offset(position, clock_.wall()));
  }
  return absl::OkStatus();
}

absl::Status Engine::send_offsets(const std::string& transactional_id, ProducerIdentity producer,
                                  const MemberIdentity& who, const std::vector<PartitionOffset>& offsets) {
  const auto entered = enter_transaction(transactional_id, producer);
  if (!entered.ok()) return entered.status();
  Transaction& transaction = **entered;
  Group& target = group(who.group);
  if (std::find(transaction.groups.begin(), transaction.groups.end(), &target) == transaction.groups.end()) {
    transaction.groups.push_back(&target);
  }
  WEIR_RETURN_IF_ERROR(target.check(who, true));
  WEIR_RETURN_IF_ERROR(check_offsets(offsets));
  for (const PartitionOffset& position : offsets) {
    target.commit_later(producer.id, position.where, committed_offset(position, clock_.wall()));
  }
  return absl::OkStatus();
}

absl::Status Engine::pin_stable_end(const TopicPartition& where, Duration timeout) {
  const auto log = find_log(where);
  if (!log.ok()) return log.status();
  const std::string id = fmt::format("foreign-{}", ++foreigners_);
  const auto producer = transactions_.init(id, timeout);
  if (!producer.ok()) return producer.status();
  const auto transaction = enter_transaction(id, *producer);
  if (!transaction.ok()) return transaction.status();
  if ((*log)->open(producer->id)) (*transaction)->logs.push_back(*log);
  (*log)->append({BytesView("foreign"), BytesView("foreign"), {}, clock_.wall()}, producer->id, true);
  return absl::OkStatus();
}

void Engine::notify_groups(const std::string& topic) {
  for (const auto& [name, group] : groups_) group->topic_changed(topic, clock_.steady());
  deadlines_changed();
}

}  // namespace weir::embedded
