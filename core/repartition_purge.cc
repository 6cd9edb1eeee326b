#include <weir/core/repartition_purge.h>

#include <utility>

#include <weir/core/status.h>

namespace weir {

RepartitionPurge::RepartitionPurge(const Topology& topology, const std::string& application_id,
                                   Transport& transport, const Clock& clock, Duration interval, Logger log)
    : transport_(transport), clock_(clock), interval_(interval), log_(std::move(log)), last_(clock.steady()) {
  if (interval_.count() <= 0) return;
  for (const RepartitionTopic& topic : topology.repartitions)
    topics_.insert(TopicName{topic.name, true}.on_broker(application_id));
}

void RepartitionPurge::committed(const std::vector<PartitionOffset>& positions) {
  if (topics_.empty()) return;
  for (const PartitionOffset& position : positions) {
    if (position.offset > 0 && topics_.contains(position.where.topic))
      processed_[position.where] = position.offset;
  }
}

void RepartitionPurge::forget(const std::vector<TopicPartition>& partitions) {
  for (const TopicPartition& partition : partitions) processed_.erase(partition);
}

void RepartitionPurge::step() {
  if (topics_.empty()) return;
  if (deleting_.started()) {
    admin_->poll();
    if (!deleting_.ready()) return;
    if (const auto deleted = deleting_.take(); !deleted.ok()) give_up(deleted.status());
    return;
  }
  if (processed_.empty() || clock_.steady() - last_ < interval_) return;
  last_ = clock_.steady();
  if (const absl::Status begun = begin(); !begun.ok()) give_up(begun);
}

absl::Status RepartitionPurge::begin() {
  if (admin_ == nullptr) {
    auto admin = transport_.make_admin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  std::vector<PartitionOffset> before;
  for (const auto& [where, offset] : processed_) before.push_back({where, offset, {}});
  processed_.clear();
  deleting_ = admin_->delete_records(std::move(before));
  return absl::OkStatus();
}

// The next commit names the positions again.
void RepartitionPurge::give_up(const absl::Status& status) {
  if (log_)
    log_(LogLevel::kWarning,
         "processed records of repartition topics could not be deleted: " + message_of(status));
}

}  // namespace weir
