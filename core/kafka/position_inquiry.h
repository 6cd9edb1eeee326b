// The positions a group has committed, looked up apart from its rounds.
//
// The clients here have the group's name and never join it: on a member's own connection an answer waits for as long as a join
// does, and Admin's requests to a coordinator may end the process (see quirks.md).
//
// Thread safety: may be called from any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/kafka/background.h>
#include <weir/core/kafka/client.h>
#include <weir/core/topic_partition.h>

namespace weir::kafka {

class PositionInquiry {
 public:
  using Answer = std::function<void(absl::StatusOr<std::vector<PartitionOffset>>)>;

  // Connects when first asked.
  explicit PositionInquiry(SharedOptions options) : options_(std::move(options)) {}

  // Calls `answer`, on a thread of this object, with the positions in the order of `partitions` (kNoOffset where none is
  // committed), or with an error after a minute at most. Positions that an open transaction may still change are waited for.
  void ask(std::string group, std::vector<TopicPartition> partitions, Answer answer);

 private:
  struct Question;

  void try_to_answer(const std::shared_ptr<Question>& question);
  [[nodiscard]] absl::StatusOr<rd_kafka_t*> client_of(const std::string& group);

  const SharedOptions options_;
  std::map<std::string, ClientHandle> clients_;  // by group; the thread's alone
  // Last member: its thread uses the members above and must end before them.
  JobThread thread_;
};

}  // namespace weir::kafka
