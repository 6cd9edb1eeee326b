#include <weir/core/bootstrap.h>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir {

Bootstrap::Bootstrap(const Topology& topology, std::string application_id, std::string dead_letter_topic,
                     Transport& transport, const Clock& clock, Duration deadline)
    : topology_(topology),
      application_id_(std::move(application_id)),
      dead_letter_topic_(std::move(dead_letter_topic)),
      transport_(transport),
      clock_(clock),
      deadline_(deadline) {}

// Returns ok if the call may be made again, else what to give up with.
absl::Status Bootstrap::again(const absl::Status& status) const {
  const ErrorClass error = class_of(status);
  const bool transient = error == ErrorClass::kRetriable || error == ErrorClass::kUnknown;
  if (transient && clock_.steady() < deadline_) return absl::OkStatus();
  return with_context(status, transient ? "gave up waiting for the broker" : "cannot prepare the topics");
}

absl::StatusOr<bool> Bootstrap::ask(std::vector<std::string> names) {
  if (!describing_.started()) describing_ = admin_->describe_topics(std::move(names));
  if (!describing_.ready()) return false;
  const auto topics = describing_.take();
  if (!topics.ok()) {
    WEIR_RETURN_IF_ERROR(again(topics.status()));
    return false;
  }
  for (const TopicDescription& topic : *topics) known_[topic.name] = topic.partitions;
  return true;
}

absl::StatusOr<bool> Bootstrap::match_patterns() {
  if (!listing_.started()) listing_ = admin_->list_topics();
  if (!listing_.ready()) return false;
  const auto names = listing_.take();
  if (!names.ok()) {
    WEIR_RETURN_IF_ERROR(again(names.status()));
    return false;
  }
  const std::set<std::string> matched = matching_topics(topology_, application_id_, *names);
  matched_.emplace(matched.begin(), matched.end());
  return true;
}

absl::StatusOr<bool> Bootstrap::step() {
  if (admin_ == nullptr) {
    auto admin = transport_.make_admin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  admin_->poll();

  if (!plan_) {
    if (!matched_ && has_patterns(topology_)) {
      const auto matched = match_patterns();
      if (!matched.ok() || !*matched) return matched;
    }
    std::vector<std::string> names = external_sources(topology_);
    if (matched_) names.insert(names.end(), matched_->begin(), matched_->end());
    for (std::string& name : external_sinks(topology_)) names.push_back(std::move(name));
    if (!dead_letter_topic_.empty()) names.push_back(dead_letter_topic_);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    const auto asked = ask(std::move(names));
    if (!asked.ok() || !*asked) return asked;
    WEIR_RETURN_IF_ERROR(plan_tasks());
    return false;
  }

  if (creating_.started()) {
    if (!creating_.ready()) return false;
    if (const auto made = creating_.take(); !made.ok()) {
      WEIR_RETURN_IF_ERROR(again(made.status()));
      return false;
    }
    created_ = true;
  }

  std::vector<std::string> names;
  for (const NewTopic& topic : wanted_) names.push_back(topic.name);
  const auto asked = ask(std::move(names));
  if (!asked.ok() || !*asked) return asked;
  std::vector<NewTopic> missing;
  for (const NewTopic& topic : wanted_) {
    if (known_[topic.name] == 0) missing.push_back(topic);
  }
  if (missing.empty()) {
    WEIR_RETURN_IF_ERROR(compare_internal_topics());
    return true;
  }
  if (created_) {
    // Created, and not everywhere known yet.
    WEIR_RETURN_IF_ERROR(
        again(retriable_error(fmt::format("the new topic {} does not show up", missing.front().name))));
  }
  creating_ = admin_->create_topics(std::move(missing));
  return false;
}

absl::Status Bootstrap::plan_tasks() {
  for (const std::string& sink : external_sinks(topology_)) {
    if (known_[sink] == 0) {
      return absl::NotFoundError(
          fmt::format("the topic '{}' that the topology writes to does not exist. Create it first", sink));
    }
  }
  if (!dead_letter_topic_.empty() && known_[dead_letter_topic_] == 0) {
    return absl::NotFoundError(
        fmt::format("the dead-letter topic '{}' does not exist. Create it first", dead_letter_topic_));
  }
  auto plan = plan_partitions(topology_, application_id_, known_);
  if (!plan.ok()) return plan.status();
  plan_ = *std::move(plan);
  wanted_ = plan_->internal_topics;
  // A topology that only maintains global stores has no tasks.
  if (plan_->tasks.empty()) return absl::OkStatus();
  wanted_.push_back({.name = tasks_topic(application_id_),
                     .partitions = static_cast<Partition>(plan_->tasks.size()),
                     .config = {{"cleanup.policy", "delete"}, {"retention.ms", "3600000"}}});
  return absl::OkStatus();
}

absl::Status Bootstrap::compare_internal_topics() {
  std::vector<std::string> differences;
  for (const NewTopic& topic : wanted_) {
    if (known_[topic.name] != topic.partitions) {
      differences.push_back(fmt::format("{} has {} partitions, this topology needs {}", topic.name,
                                        known_[topic.name], topic.partitions));
    }
  }
  if (differences.empty()) return absl::OkStatus();
  return fatal_error(fmt::format(
      "internal topics of '{}' do not fit the topology: {}. Use another application id, or reset "
      "this one, if the topology or its source topics changed on purpose{}",
      application_id_, fmt::join(differences, "; "),
      has_patterns(topology_) ? ". A topic that appears later must not have more partitions than its "
                                "TopicPattern was told"
                              : ""));
}

}  // namespace weir
