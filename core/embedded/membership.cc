#include <weir/core/embedded/membership.h>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>

namespace weir::embedded {

absl::Status Membership::subscribe(const std::string& topic) {
  if (options_.group.empty()) return misused("a consumer without a group cannot subscribe");
  if (!topic_.empty()) return misused(fmt::format("the consumer subscribes to {} already", topic_));
  WEIR_RETURN_IF_ERROR(check_topic_name(topic));
  topic_ = topic;
  return absl::OkStatus();
}

void Membership::serve(Engine& engine, std::vector<ConsumerEvent>& events, bool deaf) {
  if (topic_.empty()) return;
  if (engine.find_topic(topic_) != nullptr) {
    told_missing_ = false;
  } else if (!told_missing_) {
    told_missing_ = true;
    events.push_back(ConsumerError{unknown_partition({topic_, kAnyPartition}), {topic_, kAnyPartition}});
  }

  Group& group = engine.group(options_.group);
  const Duration now = engine.clock().steady();
  if (group.away(now)) return miss(now, events);
  heard_at_ = now;
  if (member_id_.empty()) {
    member_id_ = group.join({options_.client_id, options_.instance_id, topic_, options_.session_timeout,
                             options_.max_poll_interval, waiter_},
                            now);
    heard_ = false;
    engine.deadlines_changed();
  }
  const bool free = unanswered_.empty();
  const Group::Answer answer = group.serve(member_id_, free ? &owned_ : nullptr, rejoin_, now, deaf);
  switch (answer.kind) {
    case Group::Answer::Kind::kNothing:
      if (free) rejoin_ = false;
      break;
    case Group::Answer::Kind::kAssignment:
      take_assignment(answer, events);
      break;
    case Group::Answer::Kind::kUnknownMember:
      // Comes back as a new member with the next poll.
      lose(events);
      break;
    case Group::Answer::Kind::kFencedInstance:
      lose(events);
      topic_.clear();
      events.push_back(ConsumerError{fenced_error(fmt::format("instance id taken over: group={} instance={}",
                                                              options_.group, options_.instance_id)),
                                     {}});
      break;
  }
}

void Membership::miss(Duration now, std::vector<ConsumerEvent>& events) {
  if (!member_id_.empty() && now - heard_at_ >= options_.session_timeout) lose(events);
}

void Membership::take_assignment(const Group::Answer& answer, std::vector<ConsumerEvent>& events) {
  generation_ = answer.generation;
  RebalanceEvent revoked{RebalanceEvent::Kind::kRevoked, {}};
  RebalanceEvent assigned{RebalanceEvent::Kind::kAssigned, {}};
  std::set_difference(owned_.begin(), owned_.end(), answer.assignment.begin(), answer.assignment.end(),
                      std::back_inserter(revoked.partitions));
  std::set_difference(answer.assignment.begin(), answer.assignment.end(), owned_.begin(), owned_.end(),
                      std::back_inserter(assigned.partitions));
  owned_.insert(assigned.partitions.begin(), assigned.partitions.end());
  const auto tell = [&](const RebalanceEvent& event) {
    unanswered_.push_back(event);
    events.push_back(event);
  };
  if (!revoked.partitions.empty()) tell(revoked);
  // The first answer is told even if it is empty: the member learns that it is in.
  if (!assigned.partitions.empty() || !heard_) tell(assigned);
  heard_ = true;
}

void Membership::lose(std::vector<ConsumerEvent>& events) {
  if (!owned_.empty()) {
    events.push_back(RebalanceEvent{RebalanceEvent::Kind::kLost, {owned_.begin(), owned_.end()}});
  }
  owned_.clear();
  unanswered_.clear();
  rejoin_ = false;
  member_id_.clear();
  generation_ = kNoGeneration;
}

void Membership::answer() {
  if (unanswered_.empty()) return;
  const RebalanceEvent& event = unanswered_.front();
  if (event.kind == RebalanceEvent::Kind::kRevoked) {
    for (const TopicPartition& where : event.partitions) owned_.erase(where);
    rejoin_ = true;
  }
  unanswered_.pop_front();
}

void Membership::forget() {
  topic_.clear();
  member_id_.clear();
  generation_ = kNoGeneration;
  owned_.clear();
  unanswered_.clear();
  rejoin_ = false;
}

}  // namespace weir::embedded
