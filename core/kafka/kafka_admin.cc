#include <weir/core/kafka/kafka_admin.h>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <weir/core/kafka/errors.h>
#include <weir/core/kafka/steady.h>

namespace weir::kafka {
namespace {

constexpr int kRequestTimeoutMs = 15'000;
// Requests to a coordinator that time out inside the client may end the process (quirks.md): they have a deadline of ours.
constexpr int kCoordinatorTimeoutMs = 3'600'000;
// Up to so many topics are asked for one by one; beyond, the answer about all topics is cheaper.
constexpr std::size_t kSingleQuestions = 8;

// Kafka's own topics, as its clients hide them.
constexpr std::array<std::string_view, 4> kInternalTopics{"__consumer_offsets", "__transaction_state",
                                                          "__share_group_state", "__cluster_metadata"};

bool is_internal(std::string_view name) {
  return std::find(kInternalTopics.begin(), kInternalTopics.end(), name) != kInternalTopics.end();
}

// Returns the number of partitions, 0 for a topic that does not exist.
absl::StatusOr<Partition> partitions_of(const rd_kafka_metadata_topic_t& topic) {
  switch (topic.err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
      return topic.partition_cnt;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return 0;
    default:
      return status_of_code(topic.err, fmt::format("cannot describe the topic {}", topic.topic));
  }
}

TopicDescription describe(const rd_kafka_metadata_topic_t& topic, Partition partitions) {
  return {.name = topic.topic,
          .partitions = partitions,
          .config = {},
          .replication_factor = topic.partition_cnt > 0 ? topic.partitions[0].replica_cnt : 0};
}

absl::StatusOr<MetadataHandle> ask_metadata(rd_kafka_t* client, rd_kafka_topic_t* topic) {
  const rd_kafka_metadata_t* answer = nullptr;
  const rd_kafka_resp_err_t error =
      rd_kafka_metadata(client, topic == nullptr ? 1 : 0, topic, &answer, kRequestTimeoutMs);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return status_of_code(error, fmt::format("cannot ask {} for topics", bootstrap_of(client)));
  return MetadataHandle(answer);
}

absl::StatusOr<std::vector<std::string>> ask_names(rd_kafka_t* client) {
  auto metadata = ask_metadata(client, nullptr);
  if (!metadata.ok()) return metadata.status();
  std::vector<std::string> names;
  for (int index = 0; index < (*metadata)->topic_cnt; ++index) {
    if (!is_internal((*metadata)->topics[index].topic)) names.emplace_back((*metadata)->topics[index].topic);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::vector<TopicDescription>> ask_descriptions(rd_kafka_t* client,
                                                               const std::vector<std::string>& names) {
  std::map<std::string, TopicDescription> found;
  auto note = [&found](const rd_kafka_metadata_t& metadata) -> absl::Status {
    for (int index = 0; index < metadata.topic_cnt; ++index) {
      auto partitions = partitions_of(metadata.topics[index]);
      if (!partitions.ok()) return partitions.status();
      found[metadata.topics[index].topic] = describe(metadata.topics[index], *partitions);
    }
    return absl::OkStatus();
  };
  if (names.size() > kSingleQuestions) {
    auto metadata = ask_metadata(client, nullptr);
    if (!metadata.ok()) return metadata.status();
    // Topics nobody asked about may not be ours to see.
    for (int index = 0; index < (*metadata)->topic_cnt; ++index) {
      const rd_kafka_metadata_topic_t& topic = (*metadata)->topics[index];
      if (std::find(names.begin(), names.end(), topic.topic) == names.end()) continue;
      auto partitions = partitions_of(topic);
      if (!partitions.ok()) return partitions.status();
      found[topic.topic] = describe(topic, *partitions);
    }
  } else {
    for (const std::string& name : names) {
      const TopicHandle topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
      if (topic == nullptr) continue;  // not a name a topic can have
      auto metadata = ask_metadata(client, topic.get());
      if (!metadata.ok()) return metadata.status();
      WEIR_RETURN_IF_ERROR(note(**metadata));
    }
  }
  std::vector<TopicDescription> descriptions;
  for (const std::string& name : names) {
    const auto entry = found.find(name);
    descriptions.push_back(entry == found.end() ? TopicDescription{.name = name} : entry->second);
  }
  return descriptions;
}

// Returns the first error among the results of an operation on topics, taking `harmless` for none.
absl::Status first_error(const rd_kafka_topic_result_t* const* results, std::size_t count,
                         rd_kafka_resp_err_t harmless, const std::string& context) {
  for (std::size_t index = 0; index < count; ++index) {
    const rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[index]);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == harmless) continue;
    const char* text = rd_kafka_topic_result_error_string(results[index]);
    return status_of_code(code, fmt::format("{} {}", context, rd_kafka_topic_result_name(results[index])),
                          text == nullptr ? "" : text);
  }
  return absl::OkStatus();
}

absl::Status event_error(rd_kafka_event_t& event, const std::string& context) {
  if (rd_kafka_event_error(&event) == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return status_of_code(rd_kafka_event_error(&event), context, rd_kafka_event_error_string(&event));
}

GroupDescription description_of(const rd_kafka_ConsumerGroupDescription_t& group) {
  GroupDescription description;
  switch (rd_kafka_ConsumerGroupDescription_state(&group)) {
    case RD_KAFKA_CONSUMER_GROUP_STATE_STABLE:
      description.state = GroupDescription::State::kStable;
      break;
    case RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY:
    case RD_KAFKA_CONSUMER_GROUP_STATE_DEAD:
      description.state = GroupDescription::State::kEmpty;
      break;
    default:
      description.state = GroupDescription::State::kPreparing;
  }
  const auto text = [](const char* given) { return std::string(given == nullptr ? "" : given); };
  for (std::size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(&group); ++i) {
    const rd_kafka_MemberDescription_t* member = rd_kafka_ConsumerGroupDescription_member(&group, i);
    MemberDescription& entry = description.members.emplace_back();
    entry.member_id = text(rd_kafka_MemberDescription_consumer_id(member));
    entry.instance_id = text(rd_kafka_MemberDescription_group_instance_id(member));
    entry.client_id = text(rd_kafka_MemberDescription_client_id(member));
    const rd_kafka_MemberAssignment_t* given = rd_kafka_MemberDescription_assignment(member);
    const rd_kafka_topic_partition_list_t* list =
        given == nullptr ? nullptr : rd_kafka_MemberAssignment_partitions(given);
    for (int at = 0; list != nullptr && at < list->cnt; ++at) {
      entry.assignment.push_back(where_of(list->elems[at]));
    }
    std::sort(entry.assignment.begin(), entry.assignment.end());
  }
  return description;
}

void complete(Completion<>& completion, absl::Status status) {
  if (status.ok()) {
    completion.complete(Done{});
  } else {
    completion.complete(std::move(status));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Admin>> KafkaAdmin::make(std::shared_ptr<Shared> shared) {
  auto client = shared->inquiries.get();
  if (!client.ok()) return client.status();
  return std::make_unique<KafkaAdmin>(std::move(shared), *client);
}

KafkaAdmin::KafkaAdmin(std::shared_ptr<Shared> shared, rd_kafka_t* client)
    : shared_(std::move(shared)),
      inbox_(std::make_shared<Inbox>(nullptr)),
      client_(client),
      queue_(rd_kafka_queue_new(client)) {}

void KafkaAdmin::poll() {
  inbox_->deliver_all();
  while (rd_kafka_queue_length(queue_.get()) > 0) {
    const EventHandle event(rd_kafka_queue_poll(queue_.get(), 0));
    if (event == nullptr) return;
    const auto found = expected_.find(reinterpret_cast<std::uintptr_t>(rd_kafka_event_opaque(event.get())));
    if (found == expected_.end()) continue;
    // Taken out first: it may ask for more.
    const OnResult on_result = std::move(found->second.on_result);
    expected_.erase(found);
    on_result(*event);
  }
  check_deadlines();
}

void KafkaAdmin::check_deadlines() {
  const Duration now = steady_now();
  std::vector<std::function<void()>> late;
  std::erase_if(expected_, [&](auto& entry) {
    if (entry.second.on_late == nullptr || now < entry.second.deadline) return false;
    late.push_back(std::move(entry.second.on_late));
    return true;
  });
  for (const std::function<void()>& on_late : late) on_late();
}

AdminOptionsHandle KafkaAdmin::expect(rd_kafka_admin_op_t operation, OnResult on_result,
                                      std::function<void()> on_late) {
  const std::uintptr_t id = ++last_id_;
  const int timeout = on_late == nullptr ? kRequestTimeoutMs : kCoordinatorTimeoutMs;
  expected_.emplace(
      id, Expected{std::move(on_result), std::move(on_late), steady_now() + Duration(kRequestTimeoutMs)});
  AdminOptionsHandle options(rd_kafka_AdminOptions_new(client_, operation));
  std::array<char, 256> reason{};
  rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout, reason.data(), reason.size());
  if (operation == RD_KAFKA_ADMIN_OP_CREATETOPICS || operation == RD_KAFKA_ADMIN_OP_DELETETOPICS ||
      operation == RD_KAFKA_ADMIN_OP_DELETERECORDS) {
    // How long the broker itself may take until the change is everywhere.
    rd_kafka_AdminOptions_set_operation_timeout(options.get(), kRequestTimeoutMs - 1'000, reason.data(),
                                                reason.size());
  }
  rd_kafka_AdminOptions_set_opaque(options.get(),
                                   reinterpret_cast<void*>(id));  // NOLINT: an id, not an address
  return options;
}

Pending<std::vector<TopicDescription>> KafkaAdmin::describe_topics(std::vector<std::string> names) {
  auto completion = std::make_shared<Completion<std::vector<TopicDescription>>>();
  shared_->background.jobs().submit(
      [this, client = client_, inbox = inbox_, completion, names = std::move(names)] {
        auto described = ask_descriptions(client, names);
        // `this` is used in its own poll only.
        inbox->post([this, completion, described = std::move(described)] {
          if (described.ok()) {
            ask_configs(*described, completion);
          } else {
            completion->complete(described.status());
          }
        });
      });
  return completion->pending();
}

void KafkaAdmin::ask_configs(std::vector<TopicDescription> described,
                             std::shared_ptr<Completion<std::vector<TopicDescription>>> completion) {
  std::vector<ConfigResourceHandle> resources;
  std::vector<rd_kafka_ConfigResource_t*> pointers;
  for (const TopicDescription& topic : described) {
    if (topic.partitions == 0) continue;
    resources.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.name.c_str()));
    pointers.push_back(resources.back().get());
  }
  if (pointers.empty()) {
    completion->complete(std::move(described));
    return;
  }
  const AdminOptionsHandle options = expect(
      RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
      [described = std::move(described), completion](rd_kafka_event_t& event) {
        std::vector<TopicDescription> result = described;
        std::size_t count = 0;
        // Configurations may be forbidden to us where topics are not: then there are none to tell.
        const rd_kafka_ConfigResource_t** answers =
            rd_kafka_event_error(&event) != RD_KAFKA_RESP_ERR_NO_ERROR
                ? nullptr
                : rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(&event),
                                                            &count);
        for (std::size_t index = 0; answers != nullptr && index < count; ++index) {
          const std::string name = rd_kafka_ConfigResource_name(answers[index]);
          const auto topic = std::find_if(result.begin(), result.end(),
                                          [&name](const TopicDescription& one) { return one.name == name; });
          if (topic == result.end()) continue;
          std::size_t entries = 0;
          const rd_kafka_ConfigEntry_t** list = rd_kafka_ConfigResource_configs(answers[index], &entries);
          for (std::size_t entry = 0; entry < entries; ++entry) {
            const char* value = rd_kafka_ConfigEntry_value(list[entry]);
            if (value != nullptr) topic->config[rd_kafka_ConfigEntry_name(list[entry])] = value;
          }
        }
        completion->complete(std::move(result));
      });
  rd_kafka_DescribeConfigs(client_, pointers.data(), pointers.size(), options.get(), queue_.get());
}

Pending<std::vector<std::string>> KafkaAdmin::list_topics() {
  auto completion = std::make_shared<Completion<std::vector<std::string>>>();
  shared_->background.jobs().submit([client = client_, inbox = inbox_, completion] {
    auto names = ask_names(client);
    inbox->post([completion, names = std::move(names)] { completion->complete(names); });
  });
  return completion->pending();
}

Pending<> KafkaAdmin::create_topics(std::vector<NewTopic> topics) {
  if (topics.empty()) return Pending<>::completed(Done{});
  std::vector<NewTopicHandle> handles;
  std::vector<rd_kafka_NewTopic_t*> pointers;
  std::array<char, 512> reason{};
  for (const NewTopic& topic : topics) {
    handles.emplace_back(rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication_factor,
                                               reason.data(), reason.size()));
    if (handles.back() == nullptr) {
      return Pending<>::completed(absl::InvalidArgumentError(
          fmt::format("cannot create the topic {}: {}", topic.name, reason.data())));
    }
    for (const auto& [name, value] : topic.config) {
      rd_kafka_NewTopic_set_config(handles.back().get(), name.c_str(), value.c_str());
    }
    pointers.push_back(handles.back().get());
  }
  Completion<> completion;
  const AdminOptionsHandle options =
      expect(RD_KAFKA_ADMIN_OP_CREATETOPICS, [completion](rd_kafka_event_t& event) mutable {
        absl::Status status = event_error(event, "cannot create topics");
        if (status.ok()) {
          std::size_t count = 0;
          const rd_kafka_topic_result_t** results =
              rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(&event), &count);
          status =
              first_error(results, count, RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, "cannot create the topic");
        }
        complete(completion, std::move(status));
      });
  rd_kafka_CreateTopics(client_, pointers.data(), pointers.size(), options.get(), queue_.get());
  return completion.pending();
}

Pending<> KafkaAdmin::grow_topic(std::string name, Partition partitions) {
  std::array<char, 512> reason{};
  const NewPartitionsHandle request(
      rd_kafka_NewPartitions_new(name.c_str(), static_cast<std::size_t>(std::max<Partition>(partitions, 0)),
                                 reason.data(), reason.size()));
  if (request == nullptr) {
    return Pending<>::completed(
        absl::InvalidArgumentError(fmt::format("cannot grow the topic {}: {}", name, reason.data())));
  }
  Completion<> completion;
  const AdminOptionsHandle options =
      expect(RD_KAFKA_ADMIN_OP_CREATEPARTITIONS, [completion](rd_kafka_event_t& event) mutable {
        absl::Status status = event_error(event, "cannot grow a topic");
        if (status.ok()) {
          std::size_t count = 0;
          const rd_kafka_topic_result_t** results =
              rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(&event), &count);
          // What the broker says of a topic that has as many already, and of one that has more. Whoever asked finds out
          // which by describing it.
          status = first_error(results, count, RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, "cannot grow the topic");
        }
        complete(completion, std::move(status));
      });
  rd_kafka_NewPartitions_t* requests[] = {request.get()};
  rd_kafka_CreatePartitions(client_, requests, 1, options.get(), queue_.get());
  return completion.pending();
}

Pending<> KafkaAdmin::delete_topics(std::vector<std::string> names) {
  if (names.empty()) return Pending<>::completed(Done{});
  std::vector<DeleteTopicHandle> handles;
  std::vector<rd_kafka_DeleteTopic_t*> pointers;
  for (const std::string& name : names) {
    handles.emplace_back(rd_kafka_DeleteTopic_new(name.c_str()));
    pointers.push_back(handles.back().get());
  }
  Completion<> completion;
  const AdminOptionsHandle options =
      expect(RD_KAFKA_ADMIN_OP_DELETETOPICS, [completion](rd_kafka_event_t& event) mutable {
        absl::Status status = event_error(event, "cannot delete topics");
        if (status.ok()) {
          std::size_t count = 0;
          const rd_kafka_topic_result_t** results =
              rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(&event), &count);
          // Gone is what was asked for.
          status =
              first_error(results, count, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, "cannot delete the topic");
        }
        complete(completion, std::move(status));
      });
  rd_kafka_DeleteTopics(client_, pointers.data(), pointers.size(), options.get(), queue_.get());
  return completion.pending();
}

Pending<> KafkaAdmin::delete_records(std::vector<PartitionOffset> before) {
  if (before.empty()) return Pending<>::completed(Done{});
  const PartitionListHandle list = make_list(std::span<const PartitionOffset>(before));
  const DeleteRecordsHandle request(rd_kafka_DeleteRecords_new(list.get()));
  Completion<> completion;
  const AdminOptionsHandle options =
      expect(RD_KAFKA_ADMIN_OP_DELETERECORDS, [completion](rd_kafka_event_t& event) mutable {
        absl::Status status = event_error(event, "cannot delete records");
        const rd_kafka_topic_partition_list_t* results =
            status.ok() ? rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(&event))
                        : nullptr;
        for (int index = 0; status.ok() && results != nullptr && index < results->cnt; ++index) {
          const rd_kafka_topic_partition_t& entry = results->elems[index];
          status =
              status_of_code(entry.err, fmt::format("cannot delete records of {}", name_of(where_of(entry))));
        }
        complete(completion, std::move(status));
      });
  rd_kafka_DeleteRecords_t* requests[] = {request.get()};
  rd_kafka_DeleteRecords(client_, requests, 1, options.get(), queue_.get());
  return completion.pending();
}

Pending<GroupDescription> KafkaAdmin::describe_group(std::string group) {
  Completion<GroupDescription> completion;
  const AdminOptionsHandle options = expect(
      RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
      [completion, group](rd_kafka_event_t& event) mutable {
        const std::string context = "cannot describe the group " + group;
        if (const absl::Status failed = event_error(event, context); !failed.ok()) {
          return completion.complete(failed);
        }
        std::size_t count = 0;
        const rd_kafka_ConsumerGroupDescription_t** groups = rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(&event), &count);
        if (count == 0) return completion.complete(GroupDescription{});
        const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
        if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
          return completion.complete(
              status_of_code(rd_kafka_error_code(error), context, rd_kafka_error_string(error)));
        }
        completion.complete(description_of(*groups[0]));
      },
      [completion, group]() mutable {
        completion.complete(retriable_error("no answer about the group " + group));
      });
  const char* names[] = {group.c_str()};
  rd_kafka_DescribeConsumerGroups(client_, names, 1, options.get(), queue_.get());
  return completion.pending();
}

}  // namespace weir::kafka
