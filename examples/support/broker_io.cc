#include "broker_io.h"

#include <algorithm>
#include <chrono>
#include <thread>

namespace examples {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kPause{1};
constexpr std::chrono::milliseconds kBusyPause{100};

// Starts an operation and serves its client until it is over; again, while a broker is only busy (a topic that was just made
// has no leader yet).
template <class Start, class Serve>
auto await(const Start& start, const Serve& serve) -> decltype(start().take()) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    auto pending = start();
    while (!pending.ready()) {
      if (std::chrono::steady_clock::now() > deadline)
        return absl::DeadlineExceededError("the broker does not answer");
      serve();
      if (!pending.ready()) std::this_thread::sleep_for(kPause);
    }
    auto result = pending.take();
    const bool busy = !result.ok() && weir::class_of(result.status()) == weir::ErrorClass::kRetriable;
    if (!busy || std::chrono::steady_clock::now() > deadline) return result;
    std::this_thread::sleep_for(kBusyPause);
  }
}

template <class Start>
auto await(weir::Consumer& consumer, const Start& start) {
  return await(start, [&] {
    std::vector<weir::ConsumerEvent> events;
    consumer.poll(events);
  });
}

template <class Start>
auto await(weir::Admin& admin, const Start& start) {
  return await(start, [&] { admin.poll(); });
}

absl::StatusOr<std::vector<weir::TopicPartition>> all_partitions(weir::Transport& transport,
                                                                 const std::string& topic) {
  const auto count = partitions_of(transport, topic);
  if (!count.ok()) return count.status();
  std::vector<weir::TopicPartition> partitions;
  for (weir::Partition partition = 0; partition < *count; ++partition)
    partitions.push_back({topic, partition});
  return partitions;
}

}  // namespace

absl::Status make_topics(weir::Transport& transport, const std::vector<weir::NewTopic>& topics) {
  const auto admin = transport.make_admin();
  if (!admin.ok()) return admin.status();
  return await(**admin, [&] { return (*admin)->create_topics(topics); }).status();
}

absl::StatusOr<weir::Partition> partitions_of(weir::Transport& transport, const std::string& topic) {
  const auto admin = transport.make_admin();
  if (!admin.ok()) return admin.status();
  const auto described = await(**admin, [&] { return (*admin)->describe_topics({topic}); });
  if (!described.ok()) return described.status();
  return described->front().partitions;
}

absl::Status read_topic(weir::Transport& transport, const std::string& topic,
                        const std::function<void(const weir::RawRecord&)>& take) {
  const auto partitions = all_partitions(transport, topic);
  if (!partitions.ok()) return partitions.status();
  const auto consumer = transport.make_consumer({.client_id = "reader", .read_committed = true});
  if (!consumer.ok()) return consumer.status();
  const auto ranges = await(**consumer, [&] { return (*consumer)->offset_ranges(*partitions); });
  if (!ranges.ok()) return ranges.status();

  std::vector<weir::PartitionOffset> starts;
  for (std::size_t i = 0; i < partitions->size(); ++i)
    starts.push_back({(*partitions)[i], (*ranges)[i].begin, ""});
  auto readers = (*consumer)->assign(starts);
  if (!readers.ok()) return readers.status();
  std::vector<weir::RawRecord> records;
  std::vector<weir::ConsumerEvent> events;
  for (std::size_t i = 0; i < readers->size(); ++i) {
    auto deadline = std::chrono::steady_clock::now() + kPatience;
    while ((*readers)[i]->position() < (*ranges)[i].end) {
      events.clear();
      (*consumer)->poll(events);
      records.clear();
      if ((*readers)[i]->fetch(1000, records) > 0) {
        deadline = std::chrono::steady_clock::now() + kPatience;
      } else {
        if (std::chrono::steady_clock::now() > deadline)
          return absl::DeadlineExceededError("cannot read " + topic);
        (*consumer)->wait(weir::Duration{10});
      }
      for (const weir::RawRecord& record : records) take(record);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> records_in(weir::Transport& transport, const std::string& topic) {
  const auto partitions = all_partitions(transport, topic);
  if (!partitions.ok()) return partitions.status();
  const auto consumer = transport.make_consumer({.client_id = "reader"});
  if (!consumer.ok()) return consumer.status();
  const auto ranges = await(**consumer, [&] { return (*consumer)->offset_ranges(*partitions); });
  if (!ranges.ok()) return ranges.status();
  std::uint64_t records = 0;
  for (const weir::OffsetRange& range : *ranges)
    records += static_cast<std::uint64_t>(range.end - range.begin);
  return records;
}

absl::StatusOr<std::unique_ptr<GroupProgress>> GroupProgress::of(weir::Transport& transport,
                                                                 const std::string& group,
                                                                 const std::vector<std::string>& topics) {
  std::vector<weir::TopicPartition> partitions;
  for (const std::string& topic : topics) {
    auto some = all_partitions(transport, topic);
    if (!some.ok()) return some.status();
    partitions.insert(partitions.end(), some->begin(), some->end());
  }
  // Of the group by name only: it does not subscribe, so it is no member.
  auto consumer = transport.make_consumer({.client_id = "progress", .group = group});
  if (!consumer.ok()) return consumer.status();
  return std::unique_ptr<GroupProgress>(new GroupProgress(*std::move(consumer), std::move(partitions)));
}

absl::StatusOr<std::unique_ptr<GroupProgress>> GroupProgress::of_application(
    weir::Transport& transport, const std::string& application_id, std::vector<std::string> sources) {
  const auto admin = transport.make_admin();
  if (!admin.ok()) return admin.status();
  const auto topics = await(**admin, [&] { return (*admin)->list_topics(); });
  if (!topics.ok()) return topics.status();
  for (const std::string& topic : *topics) {
    if (topic.starts_with(application_id + "-") && topic.ends_with("-repartition")) sources.push_back(topic);
  }
  return of(transport, application_id, sources);
}

absl::StatusOr<std::uint64_t> GroupProgress::remaining() {
  // In this order: what was written meanwhile is then seen as not committed.
  const auto committed = await(*consumer_, [&] { return consumer_->committed(partitions_); });
  if (!committed.ok()) return committed.status();
  const auto ranges = await(*consumer_, [&] { return consumer_->offset_ranges(partitions_); });
  if (!ranges.ok()) return ranges.status();
  std::uint64_t remaining = 0;
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    const weir::Offset position = std::max((*committed)[i].offset, (*ranges)[i].begin);
    remaining += static_cast<std::uint64_t>(std::max<weir::Offset>(0, (*ranges)[i].end - position));
  }
  return remaining;
}

absl::StatusOr<std::unique_ptr<TopicWriter>> TopicWriter::make(weir::Transport& transport) {
  auto producer = transport.make_producer({.client_id = "generator", .report_offsets = false});
  if (!producer.ok()) return producer.status();
  return std::unique_ptr<TopicWriter>(new TopicWriter(*std::move(producer)));
}

absl::Status TopicWriter::write(const std::string& topic, std::string_view key, std::string_view value,
                                weir::Timestamp timestamp) {
  auto known = topics_.find(topic);
  if (known == topics_.end()) known = topics_.emplace(topic, producer_->topic(topic)).first;
  weir::OutgoingRecord record;
  record.topic = known->second;
  record.key = key;
  record.value = value;
  record.timestamp = timestamp;
  producer_->send(record);
  producer_->poll();
  while (!producer_->has_room() && producer_->failure().ok()) {
    std::this_thread::sleep_for(kPause);
    producer_->poll();
  }
  return producer_->failure();
}

absl::Status TopicWriter::finish() {
  producer_->flush();
  while (producer_->in_flight() > 0 && producer_->failure().ok()) {
    std::this_thread::sleep_for(kPause);
    producer_->poll();
  }
  return producer_->failure();
}

}  // namespace examples
