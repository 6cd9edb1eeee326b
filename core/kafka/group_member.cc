#include <weir/core/kafka/group_member.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <weir/core/kafka/errors.h>
#include <weir/core/kafka/steady.h>

namespace weir::kafka {
namespace {

// The client gives every request up earlier; this is for answers that never come back from inside it.
constexpr Duration kAnswerDeadline{60'000};
// How often a client that commits positions tells where it is in joining.
constexpr Duration kJoinStateInterval{50};
// How long a client may take to part while it joins.
constexpr Duration kPartingDeadline{5'000};
constexpr int kPartingPoll = 10;  // ms

// Whether the client's statistics say that it waits for the group to complete a round: what it sends to the coordinator now is
// read after that, with the generation of before.
bool joins(std::string_view statistics) {
  constexpr std::string_view kField = "\"join_state\":\"";
  const auto at = statistics.find(kField);
  if (at == std::string_view::npos) return false;
  const std::string_view state = statistics.substr(at + kField.size());
  return state.starts_with("wait-join") || state.starts_with("wait-metadata") ||
         state.starts_with("wait-sync");
}

bool is_assignment(rd_kafka_event_t& rebalance) {
  return rd_kafka_event_error(&rebalance) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
}

void answer_rebalance(rd_kafka_t* client, bool assigned, const rd_kafka_topic_partition_list_t* tokens) {
  const std::string_view protocol = rd_kafka_rebalance_protocol(client);
  PartitionListHandle copy(tokens == nullptr ? rd_kafka_topic_partition_list_new(0)
                                             : rd_kafka_topic_partition_list_copy(tokens));
  // An explicit place to read from, so that no committed position is looked up for partitions that hold
  // nothing.
  for (int index = 0; index < copy->cnt; ++index) copy->elems[index].offset = RD_KAFKA_OFFSET_END;
  if (protocol == "EAGER") {
    // The user chose another assignor. An answer in the wrong dialect would be refused and the group would
    // stall.
    rd_kafka_assign(client, assigned ? copy.get() : nullptr);
    return;
  }
  // An error here says that the assignment is gone already (fatal error, closing): nothing is left to answer.
  const ErrorHandle ignored(assigned ? rd_kafka_incremental_assign(client, copy.get())
                                     : rd_kafka_incremental_unassign(client, copy.get()));
}

// Whether the group has accepted the client, which agrees on assignments with the other members.
bool is_accepted(rd_kafka_t* client) {
  const char* protocol = rd_kafka_rebalance_protocol(client);
  return protocol != nullptr && std::string_view(protocol) == "COOPERATIVE";
}

// Answers the next rebalance, if one comes soon. Returns whether it brought an assignment, be it an empty one.
bool answer_next(rd_kafka_t* client, rd_kafka_queue_t* queue) {
  const EventHandle event(rd_kafka_queue_poll(queue, kPartingPoll));
  if (event == nullptr || rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_REBALANCE) return false;
  const bool assigned = is_assignment(*event);
  answer_rebalance(client, assigned, rd_kafka_event_topic_partition_list(event.get()));
  return assigned;
}

// Leaves the group and takes the client apart. A client that the group has accepted must have its first assignment before that
// (see quirks.md), so the round is seen through; one that does not get it in time is left behind: out of the group, with nothing
// to do.
void part_before_first_assignment(ClientHandle client, QueueHandle its_queue) {
  const QueueHandle queue = std::move(its_queue);  // destroyed before the client
  rd_kafka_unsubscribe(client.get());
  const Duration deadline = steady_now() + kPartingDeadline;
  bool assigned = false;
  while (!assigned && is_accepted(client.get()) && steady_now() < deadline)
    assigned = answer_next(client.get(), queue.get());
  const ErrorHandle ignored(rd_kafka_consumer_close_queue(client.get(), queue.get()));
  if (!assigned && is_accepted(client.get())) {
    static_cast<void>(client.release());
    return;
  }
  while (rd_kafka_consumer_closed(client.get()) == 0 && steady_now() < deadline)
    answer_next(client.get(), queue.get());
}

}  // namespace

absl::StatusOr<std::unique_ptr<GroupMember>> GroupMember::make(std::shared_ptr<Shared> shared,
                                                               const ConsumerOptions& options,
                                                               std::shared_ptr<Wakeup> wakeup) {
  Configuration configuration;
  configuration.set_default("client.id", options.client_id);
  configuration.set_default("socket.nagle.disable", "true");
  configuration.set_default("reconnect.backoff.max.ms", "1000");
  // The client insists that a member may be silent at least as long as its session.
  configuration.set_default("max.poll.interval.ms",
                            milliseconds(std::max(options.max_poll_interval, options.session_timeout)));
  configuration.add_layer(shared->options.properties);
  configuration.add_layer(options.properties);
  const std::string* protocol = configuration.find("group.protocol");
  const bool assigns_itself = protocol == nullptr || *protocol != "consumer";
  if (assigns_itself) {
    configuration.set_default("session.timeout.ms", milliseconds(options.session_timeout));
    // A member hears of a rebalance with its next heartbeat, and a cooperative one takes several rounds.
    configuration.set_default("heartbeat.interval.ms", milliseconds(std::clamp(options.session_timeout / 3,
                                                                               Duration(1), Duration(1000))));
    configuration.set_default("partition.assignment.strategy", "cooperative-sticky");
  }
  configuration.require("bootstrap.servers", shared->options.bootstrap);
  configuration.require("group.id", options.group);
  if (!options.instance_id.empty()) configuration.require("group.instance.id", options.instance_id);
  configuration.require("enable.auto.commit", "false");
  configuration.require("enable.auto.offset.store", "false");
  configuration.require("auto.offset.reset", "error");
  // Positions in transactions travel on the producer's connection.
  if (!options.read_committed)
    configuration.set_default("statistics.interval.ms", milliseconds(kJoinStateInterval));
  auto client = make_client(RD_KAFKA_CONSUMER, configuration,
                            RD_KAFKA_EVENT_REBALANCE | RD_KAFKA_EVENT_OFFSET_COMMIT | RD_KAFKA_EVENT_STATS);
  if (!client.ok()) return client.status();
  return std::make_unique<GroupMember>(std::move(shared), std::move(*client), std::move(wakeup),
                                       options.group, assigns_itself);
}

GroupMember::GroupMember(std::shared_ptr<Shared> shared, ClientHandle client, std::shared_ptr<Wakeup> wakeup,
                         std::string group, bool assigns_itself)
    : shared_(std::move(shared)),
      group_(std::move(group)),
      client_(std::move(client)),
      assigns_itself_(assigns_itself) {
  rd_kafka_poll_set_consumer(client_.get());
  queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  wakeup->listen(queue_.get());
}

GroupMember::~GroupMember() {
  // A client that waits for an answer would not end.
  while (!unanswered_.empty()) complete_rebalance();
  Wakeup::mute(queue_.get());
  if (is_joining_first_time()) {
    shared_->background.bury([client = client_.release(), queue = queue_.release()] {
      part_before_first_assignment(ClientHandle(client), QueueHandle(queue));
    });
    return;
  }
  queue_.reset();
  shared_->background.bury(std::move(client_));
}

bool GroupMember::is_joining_first_time() const { return assigns_itself_ && subscribed_ && !assigned_; }

absl::Status GroupMember::subscribe(const std::string& topic) {
  const TopicPartition where{topic, kAnyPartition};
  const PartitionListHandle list = make_list(std::span<const TopicPartition>(&where, 1));
  subscribed_ = true;
  return status_of_code(rd_kafka_subscribe(client_.get(), list.get()),
                        fmt::format("cannot subscribe to {}", topic));
}

void GroupMember::poll(std::vector<ConsumerEvent>& events) {
  // Asked even when empty: a poll is what tells the client that the application is alive.
  while (true) {
    EventHandle event(rd_kafka_queue_poll(queue_.get(), 0));
    if (event == nullptr) break;
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_REBALANCE:
        if (on_rebalance(*event, events)) unanswered_.push_back(std::move(event));
        break;
      case RD_KAFKA_EVENT_OFFSET_COMMIT:
        on_commit(*event);
        break;
      case RD_KAFKA_EVENT_STATS:
        joining_ = joins(rd_kafka_event_stats(event.get()));
        break;
      case RD_KAFKA_EVENT_ERROR: {
        absl::Status fatal = fatal_status_of(client_.get(), "the group member failed");
        events.emplace_back(ConsumerError{
            fatal.ok() ? status_of_code(rd_kafka_event_error(event.get()),
                                        fmt::format("the member of the group {} reports", group_),
                                        rd_kafka_event_error_string(event.get()))
                       : fatal,
            {}});
        break;
      }
      case RD_KAFKA_EVENT_LOG:
        pass_log(event.get(), shared_->options.log);
        break;
      default:
        break;
    }
  }
  send_held_back();
  check_deadlines();
}

bool GroupMember::on_rebalance(rd_kafka_event_t& event, std::vector<ConsumerEvent>& events) {
  const bool assigned = is_assignment(event);
  assigned_ = assigned_ || assigned;
  const rd_kafka_topic_partition_list_t* tokens = rd_kafka_event_topic_partition_list(&event);
  if (leaving_) {
    // On the way out nobody is asked: the readers are gone already, and the client takes whatever is given
    // back itself.
    answer_rebalance(client_.get(), assigned, tokens);
    return false;
  }
  RebalanceEvent told;
  told.kind = assigned                                       ? RebalanceEvent::Kind::kAssigned
              : rd_kafka_assignment_lost(client_.get()) != 0 ? RebalanceEvent::Kind::kLost
                                                             : RebalanceEvent::Kind::kRevoked;
  for (int index = 0; tokens != nullptr && index < tokens->cnt; ++index) {
    told.partitions.push_back(where_of(tokens->elems[index]));
  }
  // Lost is lost: the group does not wait, so neither does the answer.
  const bool needs_answer = told.kind != RebalanceEvent::Kind::kLost;
  if (!needs_answer) answer_rebalance(client_.get(), false, tokens);
  events.emplace_back(std::move(told));
  return needs_answer;
}

void GroupMember::complete_rebalance() {
  if (unanswered_.empty()) return;
  const EventHandle event = std::move(unanswered_.front());
  unanswered_.pop_front();
  answer_rebalance(client_.get(), is_assignment(*event), rd_kafka_event_topic_partition_list(event.get()));
}

Pending<> GroupMember::commit(const std::vector<PartitionOffset>& offsets) {
  if (offsets.empty()) return Pending<>::completed(Done{});
  const std::uintptr_t id = ++last_id_;
  Committing& started = committing_[id];
  started.deadline = steady_now() + kAnswerDeadline;
  started.held_back = make_list(std::span<const PartitionOffset>(offsets));
  const Pending<> pending = started.completion.pending();
  send_held_back();
  return pending;
}

void GroupMember::send_held_back() {
  // A round that ended with a question to the application has its generation.
  if (joining_ && unanswered_.empty()) return;
  for (auto entry = committing_.begin(); entry != committing_.end();) {
    auto& [id, committing] = *entry;
    if (committing.held_back == nullptr) {
      ++entry;
      continue;
    }
    const PartitionListHandle list = std::move(committing.held_back);
    const rd_kafka_resp_err_t error =
        rd_kafka_commit_queue(client_.get(), list.get(), queue_.get(), nullptr,
                              reinterpret_cast<void*>(id));  // NOLINT: an id, not an address
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++entry;
      continue;
    }
    committing.completion.complete(status_of_code(error, "cannot commit positions"));
    entry = committing_.erase(entry);
  }
}

void GroupMember::on_commit(rd_kafka_event_t& event) {
  const auto found = committing_.find(reinterpret_cast<std::uintptr_t>(rd_kafka_event_opaque(&event)));
  if (found == committing_.end()) return;
  absl::Status status = status_of_code(rd_kafka_event_error(&event), "cannot commit positions");
  const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(&event);
  for (int index = 0; status.ok() && list != nullptr && index < list->cnt; ++index) {
    const rd_kafka_topic_partition_t& entry = list->elems[index];
    status =
        status_of_code(entry.err, fmt::format("cannot commit the position of {}", name_of(where_of(entry))));
  }
  if (status.ok()) {
    found->second.completion.complete(Done{});
  } else {
    found->second.completion.complete(status);
  }
  committing_.erase(found);
}

void GroupMember::check_deadlines() {
  if (committing_.empty()) return;
  const Duration now = steady_now();
  for (auto entry = committing_.begin(); entry != committing_.end();) {
    if (now < entry->second.deadline) {
      ++entry;
      continue;
    }
    entry->second.completion.complete(make_error(ErrorClass::kUnknown, absl::StatusCode::kDeadlineExceeded,
                                                 "no answer to a commit of positions"));
    entry = committing_.erase(entry);
  }
}

GroupMetadata GroupMember::group_metadata() {
  return {rd_kafka_consumer_group_metadata(client_.get()), [](const void* metadata) {
            if (metadata == nullptr) return;
            rd_kafka_consumer_group_metadata_destroy(static_cast<rd_kafka_consumer_group_metadata_t*>(
                const_cast<void*>(metadata)));  // NOLINT: C owns it
          }};
}

absl::Status GroupMember::start_leaving() {
  leaving_ = true;
  // Holds nothing that anybody waits for: the destructor does it.
  if (is_joining_first_time()) return absl::OkStatus();
  while (!unanswered_.empty()) complete_rebalance();
  // Before the close, which alone does not tell the broker about a member that owns nothing: its ghost would
  // hold every rebalance up until its session ends.
  const rd_kafka_resp_err_t unsubscribed = rd_kafka_unsubscribe(client_.get());
  if (unsubscribed != RD_KAFKA_RESP_ERR_NO_ERROR)
    return status_of_code(unsubscribed, "cannot leave the group");
  const ErrorHandle error(rd_kafka_consumer_close_queue(client_.get(), queue_.get()));
  if (error == nullptr) return absl::OkStatus();
  return status_of_code(rd_kafka_error_code(error.get()), "cannot leave the group",
                        rd_kafka_error_string(error.get()));
}

bool GroupMember::left() const {
  return is_joining_first_time() || rd_kafka_consumer_closed(client_.get()) != 0;
}

}  // namespace weir::kafka
