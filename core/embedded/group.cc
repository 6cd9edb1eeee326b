#include <weir/core/embedded/group.h>

#include <algorithm>

#include <fmt/format.h>

#include <weir/core/embedded/assignor.h>

namespace weir::embedded {

std::string Group::join(Joining options, Duration now) {
  std::string id = fmt::format("{}-{}", options.client_id.empty() ? name_ : options.client_id, ++joins_);
  if (!options.instance_id.empty()) {
    for (const auto& member : members_) {
      if (member->options.instance_id != options.instance_id) continue;
      fenced_members_.insert(member->id);
      // What it was told to give up is given up now, and somebody waits for it.
      const bool owes = !std::includes(member->assignment.begin(), member->assignment.end(),
                                       member->owned.begin(), member->owned.end());
      const bool other_topic = member->options.topic != options.topic;
      member->options.waiter->signal();
      member->id = id;
      member->options = std::move(options);
      member->last_heard = now;
      member->joined = false;
      member->owned.clear();
      if (preparing_) {
        member->unread_assignment = false;
      } else if (owes || other_topic) {
        begin_round(now);
      } else {
        member->unread_assignment = true;
      }
      return id;
    }
  }
  auto member = std::make_unique<Member>();
  member->id = id;
  member->options = std::move(options);
  member->last_heard = now;
  members_.push_back(std::move(member));
  if (!preparing_) begin_round(now);
  return id;
}

Group::Answer Group::serve(const std::string& member_id, const std::set<TopicPartition>* owned, bool rejoin,
                           Duration now, bool deaf) {
  Answer answer;
  Member* member = find(member_id);
  if (member == nullptr) {
    answer.kind =
        fenced_members_.count(member_id) > 0 ? Answer::Kind::kFencedInstance : Answer::Kind::kUnknownMember;
    return answer;
  }
  member->last_heard = now;
  // It must hear how the last round ended before it can join the next.
  if (!member->unread_assignment && owned != nullptr) {
    if (rejoin && !preparing_) begin_round(now);
    if (preparing_ && !member->joined) {
      member->owned = *owned;
      member->joined = true;
      end_round_if_all_joined();
      return answer;
    }
  }
  if (member->unread_assignment && !deaf) {
    member->unread_assignment = false;
    answer.kind = Answer::Kind::kAssignment;
    answer.generation = generation_;
    answer.assignment = member->assignment;
  }
  return answer;
}

void Group::leave(const std::string& member_id, Duration now) {
  for (std::size_t index = 0; index < members_.size(); ++index) {
    if (members_[index]->id == member_id) return drop(index, now);
  }
}

bool Group::remove_instance(const std::string& instance_id, Duration now) {
  if (instance_id.empty()) return false;
  for (std::size_t index = 0; index < members_.size(); ++index) {
    if (members_[index]->options.instance_id != instance_id) continue;
    drop(index, now);
    return true;
  }
  return false;
}

void Group::drop(std::size_t index, Duration now) {
  members_[index]->options.waiter->signal();
  members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(index));
  if (members_.empty()) {
    preparing_ = false;
    ++generation_;
  } else if (!preparing_) {
    begin_round(now);
  } else {
    end_round_if_all_joined();
  }
}

void Group::go_away(Duration until) {
  away_until_ = until;
  // The next coordinator counts from when it has begun.
  for (const auto& member : members_) member->last_heard = std::max(member->last_heard, until);
  round_deadline_ = std::max(round_deadline_, until);
}

void Group::rebalance(Duration now) {
  if (!members_.empty() && !preparing_) begin_round(now);
}

void Group::expire(Duration now) {
  const auto overdue = [&](const Member& member) {
    const Duration patience = std::min(member.options.session_timeout, member.options.max_poll_interval);
    return now - member.last_heard >= patience || (preparing_ && !member.joined && now >= round_deadline_);
  };
  // A drop can end or begin a round, so look again from the start.
  for (std::size_t index = 0; index < members_.size();) {
    if (overdue(*members_[index])) {
      drop(index, now);
      index = 0;
    } else {
      ++index;
    }
  }
}

Duration Group::next_deadline() const {
  Duration deadline = Duration::max();
  for (const auto& member : members_) {
    const Duration patience = std::min(member->options.session_timeout, member->options.max_poll_interval);
    deadline = std::min(deadline, member->last_heard + patience);
  }
  if (preparing_) deadline = std::min(deadline, round_deadline_);
  return deadline;
}

void Group::topic_changed(const std::string& topic, Duration now) {
  const bool concerned = std::any_of(members_.begin(), members_.end(),
                                     [&](const auto& member) { return member->options.topic == topic; });
  if (!concerned) return;
  if (preparing_) {
    signal();
  } else {
    begin_round(now);
  }
}

absl::Status Group::check(const MemberIdentity& who, bool transactional) const {
  if (who.member.empty()) {
    // Kafka lets outsiders commit to a group nobody is in, and transactions of old clients to any.
    if (transactional || members_.empty()) return absl::OkStatus();
    return fenced_error(fmt::format("unknown member: group={} has members and the committer is none", name_));
  }
  const auto fail = [&](const std::string& message) {
    return transactional ? abortable_error(message) : fenced_error(message);
  };
  if (fenced_members_.count(who.member) > 0) {
    return fail(fmt::format("instance id taken over: group={} instance={}", name_, who.instance));
  }
  const Member* member = find(who.member);
  if (member == nullptr) return fail(fmt::format("unknown member: group={} member={}", name_, who.member));
  if (who.generation != generation_) {
    const std::string message = fmt::format("illegal generation: group={} member={} generation={} current={}",
                                            name_, who.member, who.generation, generation_);
    // A member that only has to hear how the round ended may try again; a transaction with the old proof may
    // not.
    return transactional ? abortable_error(message) : retriable_error(message);
  }
  return absl::OkStatus();
}

void Group::settle(ProducerId producer, bool commit) {
  const auto found = pending_.find(producer);
  if (found == pending_.end()) return;
  if (commit) {
    for (auto& [where, offset] : found->second) {
      CommittedOffset& known = committed_[where];
      if (known.order < offset.order) known = std::move(offset);
    }
  }
  pending_.erase(found);
}

bool Group::unstable(const TopicPartition& where) const {
  return std::any_of(pending_.begin(), pending_.end(),
                     [&](const auto& of_producer) { return of_producer.second.count(where) > 0; });
}

void Group::expire_offsets(Timestamp oldest) {
  std::erase_if(committed_, [&](const auto& entry) {
    const auto& [where, offset] = entry;
    if (offset.committed_at > oldest || unstable(where)) return false;
    return std::none_of(members_.begin(), members_.end(),
                        [&](const auto& member) { return member->options.topic == where.topic; });
  });
}

void Group::forget_topic(const std::string& topic) {
  const auto of_topic = [&](const auto& entry) { return entry.first.topic == topic; };
  std::erase_if(committed_, of_topic);
  for (auto& [producer, offsets] : pending_) std::erase_if(offsets, of_topic);
}

Group::Member* Group::find(const std::string& member_id) const {
  for (const auto& member : members_) {
    if (member->id == member_id) return member.get();
  }
  return nullptr;
}

void Group::begin_round(Duration now) {
  Duration longest{0};
  for (const auto& member : members_) {
    member->joined = false;
    longest = std::max(longest, member->options.max_poll_interval);
  }
  preparing_ = true;
  round_deadline_ = now + longest;
  signal();
}

void Group::end_round_if_all_joined() {
  if (!preparing_ || members_.empty()) return;
  if (!std::all_of(members_.begin(), members_.end(), [](const auto& member) { return member->joined; }))
    return;

  std::map<TopicPartition, const Member*> owners;
  std::map<std::string, std::vector<Member*>> by_topic;
  for (const auto& member : members_) {
    for (const TopicPartition& where : member->owned) owners.emplace(where, member.get());
    by_topic[member->options.topic].push_back(member.get());
  }
  for (const auto& [topic, members] : by_topic) {
    std::vector<std::vector<Partition>> claims;
    for (const Member* member : members) {
      std::vector<Partition>& claim = claims.emplace_back();
      // A static member that came back owns nothing yet, but what it had is still meant for it.
      for (const TopicPartition& where : member->owned.empty() ? member->assignment : member->owned) {
        if (where.topic == topic) claim.push_back(where.partition);
      }
    }
    const auto target = assign_stickily(claims, partition_count_(topic));
    for (std::size_t index = 0; index < members.size(); ++index) {
      members[index]->assignment.clear();
      for (const Partition partition : target[index]) {
        TopicPartition where{topic, partition};
        const auto owner = owners.find(where);
        if (owner == owners.end() || owner->second == members[index])
          members[index]->assignment.insert(std::move(where));
      }
    }
  }
  for (const auto& member : members_) member->unread_assignment = true;
  preparing_ = false;
  ++generation_;
  signal();
}

void Group::signal() const {
  for (const auto& member : members_) member->options.waiter->signal();
}

}  // namespace weir::embedded
