// Sends what a task's stores encode to their changelog topics, and knows how far those are acknowledged.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <map>
#include <string>

#include <weir/core/task_store.h>
#include <weir/core/transport.h>

namespace weir {

class ChangelogSender final : public ChangelogWriter {
 public:
  // `partition`: of all changelogs, the task's own.
  ChangelogSender(const std::string& application_id, Partition partition)
      : application_id_(application_id), partition_(partition) {}

  // Before anything is appended, and whenever the producer is replaced, which has to outlive its use.
  void use(Producer& producer);

  // ChangelogWriter
  void append(const StoreSpec& store, BytesView key, NullableBytes value, Timestamp timestamp) override;

  // Moves the offset of each store that was written to the end of what the broker has acknowledged.
  void update(std::map<std::string, Offset>& changelogs) const;

 private:
  [[nodiscard]] TopicId topic_of(const std::string& store);

  const std::string application_id_;
  const Partition partition_;
  Producer* producer_ = nullptr;
  std::map<std::string, TopicId> topics_;  // of the stores written since the producer is in use
};

}  // namespace weir
