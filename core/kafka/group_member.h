// The half of a consumer that belongs to a group: membership, rebalances, commits of positions.
//
// It subscribes to one topic whose partitions stand for work and reads nothing worth reading itself; the data
// is read by a FetchClient.
//
// Thread safety: belongs to the thread that polls its consumer.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/kafka/client.h>
#include <weir/core/kafka/shared.h>
#include <weir/core/kafka/wakeup.h>
#include <weir/core/transport.h>

namespace weir::kafka {

class GroupMember {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GroupMember>> make(std::shared_ptr<Shared> shared,
                                                                         const ConsumerOptions& options,
                                                                         std::shared_ptr<Wakeup> wakeup);

  // `assigns_itself`: the group's members agree on the assignment, as the classic protocol has it.
  GroupMember(std::shared_ptr<Shared> shared, ClientHandle client, std::shared_ptr<Wakeup> wakeup,
              std::string group, bool assigns_itself);
  // Stops without leaving the group.
  ~GroupMember();
  GroupMember(const GroupMember&) = delete;
  GroupMember& operator=(const GroupMember&) = delete;

  [[nodiscard]] absl::Status subscribe(const std::string& topic);
  void poll(std::vector<ConsumerEvent>& events);
  void complete_rebalance();
  Pending<> commit(const std::vector<PartitionOffset>& offsets);
  [[nodiscard]] GroupMetadata group_metadata();
  [[nodiscard]] const std::string& group() const { return group_; }

  // Starts leaving the group; `left` turns true in a later poll, or the deadline passes.
  [[nodiscard]] absl::Status start_leaving();
  [[nodiscard]] bool left() const;

 private:
  struct Committing {
    Completion<> completion;
    Duration deadline{};
    PartitionListHandle held_back;  // until they can be sent; null once they are
  };

  // Returns whether the event waits for the application's answer.
  bool on_rebalance(rd_kafka_event_t& event, std::vector<ConsumerEvent>& events);
  // Sends the positions that are held back, unless the group is in the middle of a round.
  void send_held_back();
  void on_commit(rd_kafka_event_t& event);
  void check_deadlines();
  [[nodiscard]] bool is_joining_first_time() const;

  const std::shared_ptr<Shared> shared_;
  const std::string group_;
  ClientHandle client_;
  QueueHandle queue_;  // after client_: destroyed before it
  // Rebalance events the application has not answered, oldest first.
  std::deque<EventHandle> unanswered_;
  std::uintptr_t last_id_ = 0;
  std::map<std::uintptr_t, Committing> committing_;
  const bool assigns_itself_;
  bool joining_ = false;  // as its statistics said last
  bool leaving_ = false;
  bool subscribed_ = false;
  bool assigned_ = false;  // had an assignment, be it an empty one
};

}  // namespace weir::kafka
