// A consumer's side of its group: joins, hears of rebalances, turns them into events and waits for their
// answers.
//
// Thread safety: none; belongs to the consumer's thread.
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <weir/core/embedded/engine.h>
#include <weir/core/transport.h>

namespace weir::embedded {

class Membership {
 public:
  Membership(ConsumerOptions options, std::shared_ptr<Waiter> waiter)
      : options_(std::move(options)), waiter_(std::move(waiter)) {}

  [[nodiscard]] absl::Status subscribe(const std::string& topic);

  // Speaks to the group once and appends what it said. `deaf`: how a round ended does not get through yet.
  void serve(Engine& engine, std::vector<ConsumerEvent>& events, bool deaf = false);

  // Notes that the group could not be reached. Like a client library, gives its partitions up by itself once the
  // group must have dropped it.
  void miss(Duration now, std::vector<ConsumerEvent>& events);

  // Notes that the oldest unanswered event was dealt with; nothing if there is none.
  void answer();

  // Forgets the group without a word to it.
  void forget();

  // Says whether the group should hear that the member leaves. A static member, as in Kafka, just stops: it
  // keeps its place until its session ends.
  [[nodiscard]] bool owes_farewell() const { return !member_id_.empty() && options_.instance_id.empty(); }

  [[nodiscard]] MemberIdentity identity() const {
    return {options_.group, member_id_, options_.instance_id, generation_};
  }
  // Says that the next poll has something to tell the group.
  [[nodiscard]] bool has_news() const { return rejoin_ && unanswered_.empty(); }

 private:
  void take_assignment(const Group::Answer& answer, std::vector<ConsumerEvent>& events);
  void lose(std::vector<ConsumerEvent>& events);

  const ConsumerOptions options_;
  const std::shared_ptr<Waiter> waiter_;  // shared with the group, which wakes its members
  std::string topic_;                     // empty: not subscribed
  std::string member_id_;                 // empty: not joined
  std::int32_t generation_ = kNoGeneration;
  Duration heard_at_{0};  // when the group was last reached
  std::set<TopicPartition> owned_;
  std::deque<RebalanceEvent> unanswered_;
  bool rejoin_ = false;        // something was given up since the last round
  bool heard_ = false;         // of an assignment since it joined
  bool told_missing_ = false;  // that the topic does not exist
};

}  // namespace weir::embedded
