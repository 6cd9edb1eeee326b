// The positions a group has committed, looked up apart from its rounds.
//
// The clients here have the group's name and never join it: on a member's own connection an answer waits for as long as a join
// does, and Admin's requests to a coordinator may end the process (see quirks.md).
//
// Thread safety: may be called from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
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
  using Wanted = std::function<bool()>;

  explicit PositionInquiry(SharedOptions options) : options_(std::move(options)) {}

  // Connects for a group that will be asked about. The first question does it otherwise, and waits for it.
  void prepare(std::string group);

  // Calls `answer`, on a thread of this object, with the positions in the order of `partitions` (kNoOffset where none is
  // committed), or with an error after a minute at most. Positions that an open transaction may still change are waited for,
  // as long as `wanted`, which is called on that thread too, says so.
  void ask(std::string group, std::vector<TopicPartition> partitions, Wanted wanted, Answer answer);

 private:
  struct Question;

  void try_to_answer(JobThread& thread, const std::shared_ptr<Question>& question);
  [[nodiscard]] InquiryClient& client_of(const std::string& group);

  const SharedOptions options_;
  std::mutex mutex_;
  std::map<std::string, InquiryClient> clients_;  // by group
  std::size_t asked_ = 0;
  // A question keeps its thread busy while it waits. Last member: they use the members above and must end before them.
  std::array<JobThread, 4> threads_;
};

}  // namespace weir::kafka
