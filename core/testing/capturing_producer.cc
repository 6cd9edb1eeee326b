#include <weir/core/testing/capturing_producer.h>

#include <utility>

#include <fmt/format.h>

namespace weir {
namespace {

absl::Status not_transactional() { return fatal_error("the producer has no transactional id"); }

}  // namespace

std::vector<CapturingProducer::Captured> CapturingProducer::take() { return std::exchange(captured_, {}); }

void CapturingProducer::forget() { captured_.clear(); }

Offset CapturingProducer::claim_offset(TopicId topic) { return topics_[topic].next++; }

TopicId CapturingProducer::topic(const std::string& name) {
  const auto [entry, fresh] = ids_.emplace(name, static_cast<TopicId>(topics_.size()));
  if (fresh) topics_.push_back({.name = name});
  return entry->second;
}

void CapturingProducer::send(const OutgoingRecord& record) {
  Topic& topic = topics_[record.topic];
  if (record.partition != kAnyPartition && record.partition != 0) {
    if (failure_.ok()) {
      failure_ = fatal_error(
          fmt::format("no such partition: topic={} partition={} partitions=1", topic.name, record.partition));
    }
    return;
  }
  Captured captured;
  captured.topic = record.topic;
  captured.record.key = copy_of(record.key);
  captured.record.value = copy_of(record.value);
  captured.record.timestamp = record.timestamp;
  if (record.headers != nullptr) captured.record.headers = *record.headers;
  captured.record.offset = topic.next++;
  topic.last_sent = captured.record.offset;
  captured_.push_back(std::move(captured));
}

Offset CapturingProducer::last_acknowledged(TopicId topic, Partition partition) const {
  return partition == 0 ? topics_[topic].last_sent : kNoOffset;
}

Pending<> CapturingProducer::init_transactions() { return Pending<>::completed(not_transactional()); }

absl::Status CapturingProducer::begin_transaction() { return not_transactional(); }

Pending<> CapturingProducer::send_offsets(std::vector<PartitionOffset>, const GroupMetadata&) {
  return Pending<>::completed(not_transactional());
}

Pending<> CapturingProducer::commit_transaction() { return Pending<>::completed(not_transactional()); }

Pending<> CapturingProducer::abort_transaction() { return Pending<>::completed(not_transactional()); }

}  // namespace weir
