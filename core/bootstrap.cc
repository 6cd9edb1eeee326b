#include <weir/core/bootstrap.h>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir {
namespace {

// How often it is looked whether missing topics have been made.
constexpr Duration kLookInterval{500};

}  // namespace

Bootstrap::Bootstrap(const Topology& topology, std::string application_id, std::string dead_letter_topic,
                     Transport& transport, const Clock& clock, Duration deadline, BootstrapOptions options)
    : topology_(topology),
      application_id_(std::move(application_id)),
      dead_letter_topic_(std::move(dead_letter_topic)),
      transport_(transport),
      clock_(clock),
      deadline_(deadline),
      options_(std::move(options)) {}

void Bootstrap::log(LogLevel level, const std::string& message) const {
  if (options_.log) options_.log(level, message);
}

Partition Bootstrap::count_of(const std::string& topic) const {
  const auto found = known_.find(topic);
  return found == known_.end() ? 0 : found->second.partitions;
}

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
  auto topics = describing_.take();
  if (!topics.ok()) {
    WEIR_RETURN_IF_ERROR(again(topics.status()));
    return false;
  }
  for (TopicDescription& topic : *topics) known_[topic.name] = std::move(topic);
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
    const auto found = find_topics();
    if (!found.ok() || !*found) return found;
    WEIR_RETURN_IF_ERROR(plan_tasks());
    return false;
  }
  return make_internal_topics();
}

// -------------------------------------------------------------------------------------------- the user's topics

absl::StatusOr<bool> Bootstrap::find_topics() {
  if (clock_.steady() < ask_after_) return false;
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

  const std::string missing = missing_topics();
  if (missing.empty()) return true;
  if (!options_.wait_for_topics)
    return absl::NotFoundError(missing + ". Create what is missing and start again");
  if (clock_.steady() >= deadline_)
    return absl::NotFoundError(missing + ". Waited for them until start_timeout had passed");
  if (said_missing_ != missing) {
    log(LogLevel::kWarning, missing + ". Waiting for them");
    said_missing_ = missing;
  }
  ask_after_ = clock_.steady() + kLookInterval;
  return false;
}

// All of them at once, by what they are for; empty if none is missing.
std::string Bootstrap::missing_topics() const {
  std::vector<std::string> kinds;
  const auto note = [&](std::string_view kind, const std::vector<std::string>& names) {
    std::vector<std::string> missing;
    for (const std::string& name : names) {
      if (count_of(name) == 0) missing.push_back(name);
    }
    if (missing.empty()) return;
    kinds.push_back(fmt::format("{} topic{} missing: {}", kind, missing.size() == 1 ? "" : "s",
                                fmt::join(missing, ", ")));
  };
  note("source", external_sources(topology_));
  note("output", external_sinks(topology_));
  if (!dead_letter_topic_.empty()) note("dead-letter", {dead_letter_topic_});
  return fmt::format("{}", fmt::join(kinds, "; "));
}

absl::Status Bootstrap::plan_tasks() {
  std::map<std::string, Partition> counts;
  for (const auto& [name, topic] : known_) counts[name] = topic.partitions;
  auto plan = plan_partitions(topology_, application_id_, counts, options_.internal_topics);
  if (!plan.ok()) return plan.status();
  plan_ = *std::move(plan);
  wanted_ = plan_->internal_topics;
  // A topology that only maintains global stores has no tasks.
  if (plan_->tasks.empty()) return absl::OkStatus();
  wanted_.push_back(new_tasks_topic(application_id_, static_cast<Partition>(plan_->tasks.size()),
                                    options_.internal_topics));
  return absl::OkStatus();
}

// ------------------------------------------------------------------------------------------- the application's own

absl::StatusOr<bool> Bootstrap::make_internal_topics() {
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
    if (count_of(topic.name) == 0) missing.push_back(topic);
  }
  if (missing.empty()) {
    WEIR_RETURN_IF_ERROR(check_internal_topics());
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

absl::Status Bootstrap::check_internal_topics() const {
  std::vector<TopicDescription> found;
  for (const NewTopic& topic : wanted_) found.push_back(known_.at(topic.name));
  const std::vector<TopicMismatch> all = compare_internal_topics(topology_, application_id_, wanted_, found);
  if (all.empty()) return absl::OkStatus();
  const bool fatal =
      std::any_of(all.begin(), all.end(), [](const TopicMismatch& mismatch) { return mismatch.fatal; });
  const std::string message =
      fmt::format("internal topics of '{}' do not fit the topology:\n{}", application_id_, text_of(all));
  if (!fatal) {
    log(LogLevel::kWarning, message);
    return absl::OkStatus();
  }
  return fatal_error(message + (has_patterns(topology_)
                                    ? "\nA topic that appears later must not have more partitions than "
                                      "its TopicPattern was told"
                                    : ""));
}

}  // namespace weir
