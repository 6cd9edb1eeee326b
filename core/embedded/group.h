// A consumer group: who is in it, who has which partition, and which offsets it has committed.
//
// Membership works like Kafka's classic protocol with a cooperative sticky assignor. Something changes (a
// member comes or goes, the topic grows), which starts a round:
//
//   stable ──change──▶ preparing ──all members have joined──▶ stable, generation + 1
//
// A member joins a round with what it owns, once it has answered everything it was told. At the end of the
// round each member keeps its part of the new assignment; what moves is first only taken away. When the
// member that loses has given it up it starts the next round, which hands it to its new owner. So a partition
// never has two owners who both follow the protocol; one who was dropped and does not know it yet is fenced
// by its member id.
//
// A member that is not heard of for its session timeout or its poll interval is dropped, and so is one that
// does not join a round within the longest poll interval of the group.
//
// Thread safety: guarded by the broker's mutex.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <weir/core/embedded/log.h>
#include <weir/core/embedded/waiter.h>
#include <weir/core/status.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir::embedded {

inline constexpr std::int32_t kNoGeneration = -1;

// Who commits, as the committer last knew it. An empty member and no generation: somebody outside the group.
struct MemberIdentity {
  std::string group;
  std::string member;
  std::string instance;
  std::int32_t generation = kNoGeneration;
};

struct CommittedOffset {
  Offset offset = kNoOffset;
  std::string metadata;
  Timestamp committed_at = 0;
  std::uint64_t order = 0;  // the group's count when it came: the later one stays
};

class Group {
 public:
  struct Joining {
    std::string client_id;
    std::string instance_id;
    std::string topic;
    Duration session_timeout;
    Duration max_poll_interval;
    std::shared_ptr<Waiter> waiter;
  };

  struct Member {
    std::string id;
    Joining options;
    Duration last_heard{0};
    bool joined = false;                  // the round that is under way
    bool unread_assignment = false;       // the end of a round it has not heard of
    std::set<TopicPartition> owned;       // as it said when it joined the last round
    std::set<TopicPartition> assignment;  // what it may own
  };

  // What a member learns when it asks.
  struct Answer {
    enum class Kind { kNothing, kAssignment, kUnknownMember, kFencedInstance };
    Kind kind = Kind::kNothing;
    std::int32_t generation = kNoGeneration;
    std::set<TopicPartition> assignment;
  };

  // `partition_count` says how many partitions a topic has now.
  Group(std::string name, std::function<Partition(const std::string&)> partition_count)
      : name_(std::move(name)), partition_count_(std::move(partition_count)) {}

  // Adds a member, or replaces the one with the same instance id, and returns its id.
  std::string join(Joining options, Duration now);

  // Says that the member lives. `owned` is what it owns if it has answered everything it was told, otherwise
  // null; `rejoin` starts a new round because it has given something up. `deaf`: how a round ended is for a later time.
  Answer serve(const std::string& member_id, const std::set<TopicPartition>* owned, bool rejoin, Duration now,
               bool deaf = false);

  // Removes a member; nothing if it is not there.
  void leave(const std::string& member_id, Duration now);
  // Removes the member with that instance id, as an administrator does. Returns whether there was one.
  bool remove_instance(const std::string& instance_id, Duration now);

  // The coordinator is away until then: nobody is heard or dropped; whoever comes back is welcome.
  void go_away(Duration until);
  [[nodiscard]] bool away(Duration now) const { return now < away_until_; }
  // Until then, whoever asks is told that there is no committed offset.
  void forget_until(Duration until) { forgetful_until_ = until; }
  [[nodiscard]] bool forgetful(Duration now) const { return now < forgetful_until_; }
  // Begins a round for no reason.
  void rebalance(Duration now);

  // Drops members that are overdue.
  void expire(Duration now);
  // Returns when `expire` has something to do at the earliest, unless it hears of members before.
  [[nodiscard]] Duration next_deadline() const;

  // The topic appeared, grew or vanished.
  void topic_changed(const std::string& topic, Duration now);

  // Says whether that member may commit now.
  [[nodiscard]] absl::Status check(const MemberIdentity& who, bool transactional) const;

  void commit(const TopicPartition& where, CommittedOffset offset) {
    offset.order = ++commits_;
    committed_[where] = std::move(offset);
  }
  void commit_later(ProducerId producer, const TopicPartition& where, CommittedOffset offset) {
    offset.order = ++commits_;
    pending_[producer][where] = std::move(offset);
  }
  // Makes the offsets of a producer's transaction committed or forgets them. As in Kafka, one that was committed after a
  // transaction's offset came stays.
  void settle(ProducerId producer, bool commit);

  // Says whether an open transaction has an offset for the partition.
  [[nodiscard]] bool unstable(const TopicPartition& where) const;
  [[nodiscard]] const std::map<TopicPartition, CommittedOffset>& committed() const { return committed_; }

  // Forgets settled offsets of topics no member subscribes to that were committed at `oldest` or before.
  void expire_offsets(Timestamp oldest);
  // Forgets the offsets of a deleted topic.
  void forget_topic(const std::string& topic);

  [[nodiscard]] const std::vector<std::unique_ptr<Member>>& members() const { return members_; }
  [[nodiscard]] bool preparing() const { return preparing_; }
  [[nodiscard]] std::int32_t generation() const { return generation_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  [[nodiscard]] Member* find(const std::string& member_id) const;
  void begin_round(Duration now);
  void end_round_if_all_joined();
  void drop(std::size_t index, Duration now);
  void signal() const;

  const std::string name_;
  const std::function<Partition(const std::string&)> partition_count_;
  std::vector<std::unique_ptr<Member>> members_;  // by seniority
  std::set<std::string> fenced_members_;          // whose instance id was taken over
  std::int32_t generation_ = 0;
  std::uint64_t joins_ = 0;
  std::uint64_t commits_ = 0;
  bool preparing_ = false;
  Duration round_deadline_{0};
  Duration away_until_{0};
  Duration forgetful_until_{0};
  std::map<TopicPartition, CommittedOffset> committed_;
  std::map<ProducerId, std::map<TopicPartition, CommittedOffset>> pending_;
};

}  // namespace weir::embedded
