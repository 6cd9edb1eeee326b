#include <weir/core/changelog_sender.h>

#include <algorithm>

#include <weir/core/internal_topics.h>
#include <weir/core/planted.h>

namespace weir {

void ChangelogSender::use(Producer& producer) {
  producer_ = &producer;
  topics_.clear();
}

void ChangelogSender::append(const StoreSpec& store, BytesView key, NullableBytes value,
                             Timestamp timestamp) {
  if (!store.logged || (WEIR_PLANTED("windows-not-logged") && store.kind == "window")) return;
  OutgoingRecord record;
  record.topic = topic_of(store.name);
  record.partition = WEIR_PLANTED("changelog-partition") ? 0 : partition_;
  record.key = key;
  record.value = value || !WEIR_PLANTED("deletes-logged-empty") ? value : BytesView("");
  record.timestamp = WEIR_PLANTED("changelog-time") ? 0 : std::max<Timestamp>(timestamp, 0);
  producer_->send(record);
}

void ChangelogSender::update(std::map<std::string, Offset>& changelogs) const {
  for (const auto& [store, topic] : topics_) {
    const Offset last = producer_->last_acknowledged(topic, partition_);
    if (last != kNoOffset) changelogs[store] = last + (WEIR_PLANTED("changelog-offset-ahead") ? 3 : 1);
    if (WEIR_PLANTED("changelog-offset-of-first")) break;
  }
}

TopicId ChangelogSender::topic_of(const std::string& store) {
  const auto found = topics_.find(store);
  if (found != topics_.end()) return found->second;
  return topics_.emplace(store, producer_->topic(changelog_topic(application_id_, store))).first->second;
}

}  // namespace weir
