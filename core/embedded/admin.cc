#include <weir/core/embedded/admin.h>

#include <utility>

namespace weir::embedded {
namespace {

// Requests for several topics are tried one by one, as Kafka does; the first failure is reported.
template <class Items, class Request>
Answer<Done> for_each_of(const Items& items, const Request& request) {
  absl::Status first;
  for (const auto& item : items) {
    const absl::Status status = request(item);
    if (first.ok()) first = status;
  }
  return answer_of(first);
}

}  // namespace

void EmbeddedAdmin::poll() {
  if (operations_.empty()) return;
  const EmbeddedBroker::Access access = broker_->enter();
  operations_.run(*access);
}

Pending<std::vector<TopicDescription>> EmbeddedAdmin::describe_topics(std::vector<std::string> names) {
  using Result = std::vector<TopicDescription>;
  return operations_.start(Operation::kDescribeTopics,
                           [names = std::move(names)](Engine& engine) -> Answer<Result> {
                             Result result;
                             for (const std::string& name : names)
                               result.push_back(engine.describe_topic(name));
                             return absl::StatusOr<Result>(std::move(result));
                           });
}

Pending<std::vector<std::string>> EmbeddedAdmin::list_topics() {
  using Result = std::vector<std::string>;
  return operations_.start(Operation::kListTopics, [](Engine& engine) -> Answer<Result> {
    Result result;
    for (const auto& [name, topic] : engine.topics()) result.push_back(name);
    return absl::StatusOr<Result>(std::move(result));
  });
}

Pending<> EmbeddedAdmin::create_topics(std::vector<NewTopic> topics) {
  return operations_.start(Operation::kCreateTopics, [topics = std::move(topics)](Engine& engine) {
    return for_each_of(topics, [&](const NewTopic& topic) { return engine.create_topic(topic); });
  });
}

Pending<> EmbeddedAdmin::grow_topic(std::string name, Partition partitions) {
  return operations_.start(Operation::kCreateTopics, [name = std::move(name), partitions](Engine& engine) {
    return answer_of(engine.grow_topic(name, partitions));
  });
}

Pending<> EmbeddedAdmin::delete_topics(std::vector<std::string> names) {
  return operations_.start(Operation::kDeleteTopics, [names = std::move(names)](Engine& engine) {
    return for_each_of(names, [&](const std::string& name) { return engine.delete_topic(name); });
  });
}

Pending<> EmbeddedAdmin::delete_records(std::vector<PartitionOffset> before) {
  return operations_.start(Operation::kDeleteRecords, [before = std::move(before)](Engine& engine) {
    return answer_of(engine.delete_records(before));
  });
}

Pending<GroupDescription> EmbeddedAdmin::describe_group(std::string group) {
  return operations_.start(Operation::kDescribeGroup,
                           [group = std::move(group)](Engine& engine) -> Answer<GroupDescription> {
                             return absl::StatusOr<GroupDescription>(engine.describe_group(group));
                           });
}

}  // namespace weir::embedded
