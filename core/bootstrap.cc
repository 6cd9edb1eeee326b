#include <weir/core/bootstrap.h>

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir {
namespace {

// How often it is looked whether missing topics have been made.
constexpr Duration kLookInterval{500};
// How often it is said that the brokers do not answer.
constexpr Duration kReminder{5'000};

}  // namespace

Bootstrap::Bootstrap(const Topology& topology, std::string application_id, std::string dead_letter_topic,
                     Transport& transport, const Clock& clock, Duration deadline, BootstrapOptions options)
    : topology_(topology),
      application_id_(std::move(application_id)),
      dead_letter_topic_(std::move(dead_letter_topic)),
      transport_(transport),
      clock_(clock),
      deadline_(deadline),
      options_(std::move(options)),
      remind_at_(clock.steady() + kReminder) {}

void Bootstrap::log(LogLevel level, const std::string& message) const {
  if (options_.log) options_.log(level, message);
}

Partition Bootstrap::count_of(const std::string& topic) const {
  const auto found = known_.find(topic);
  return found == known_.end() ? 0 : found->second.partitions;
}

// Returns ok if the call may be made again, else what to give up with.
absl::Status Bootstrap::again(const absl::Status& status) {
  const ErrorClass error = class_of(status);
  const bool transient = error == ErrorClass::kRetriable || error == ErrorClass::kUnknown;
  last_error_ = message_of(status);
  if (transient && clock_.steady() < deadline_) return absl::OkStatus();
  return with_context(status, transient ? "gave up waiting for the broker" : "cannot prepare the topics");
}

void Bootstrap::remind() {
  if (clock_.steady() < remind_at_ || clock_.steady() >= deadline_) return;
  remind_at_ = clock_.steady() + kReminder;
  // What is said about topics that are waited for is said already.
  if (!said_missing_.empty()) return;
  log(LogLevel::kWarning, fmt::format("waiting for the brokers to answer, for {} s more{}{}",
                                      (deadline_ - clock_.steady()).count() / 1000,
                                      last_error_.empty() ? "" : ": ", last_error_));
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
  remind();
  if (!plan_) {
    const auto found = find_topics();
    if (!found.ok() || !*found) return found;
    WEIR_RETURN_IF_ERROR(plan_tasks());
    return false;
  }
  if (!topics_made_) {
    const auto made = make_internal_topics();
    if (!made.ok() || !*made) return made;
    topics_made_ = true;
    own_ = tokens_of(topology_, application_id_, *plan_);
  }
  return plan_->tasks.empty() ? true : agree();
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

// ---------------------------------------------------------------------------------------------------------- tokens

// Reads what is recorded, adds to it or writes it anew, and reads again, until the record says what this program can go by.
absl::StatusOr<bool> Bootstrap::agree() {
  if (proposing_) return propose_tokens();
  if (!tokens_read_) return read_tokens();
  const TokenPlan& recorded = record_->plan();
  const Partition partitions = count_of(tasks_topic(application_id_));
  const auto agreed = recorded.version > 0 ? agree_on_tokens(recorded, own_) : unrecorded(partitions);
  const bool same =
      agreed.ok() && agreed->version == recorded.version && agreed->tokens.size() == own_.tokens.size();
  if (!same && !group_) return look_at_group();
  const bool alone = group_ && group_->members.empty();
  if (!agreed.ok() && !alone) {
    return fatal_error(fmt::format(
        "the tasks of this topology are not those of the group {}, in which there is {}: {}. Stop the other "
        "instances (one that was killed is gone after its session timeout) and start again, or use another "
        "application id",
        application_id_, names_of_members(), message_of(agreed.status())));
  }
  TokenPlan next = same || !alone ? *agreed : own_;
  if (same || (!alone && next.version == recorded.version)) {
    const auto tokens = static_cast<Partition>(recorded.tokens.size());
    if (partitions < tokens) return grow_tasks_topic(tokens);
    plan_->tasks = number_tasks(recorded, own_, plan_->tasks, partitions);
    plan_->tokens_version = recorded.version;
    plan_->tokens_end = record_->position();
    return true;
  }
  next.version = recorded.version + 1;
  if (const absl::Status started = record_->propose(next); !started.ok()) {
    WEIR_RETURN_IF_ERROR(again(started));
    return false;
  }
  proposing_ = true;
  return false;
}

// Instances that are there without a record count like this program, if they have as many tasks.
absl::StatusOr<TokenPlan> Bootstrap::unrecorded(Partition partitions) const {
  if (static_cast<std::size_t>(partitions) != own_.tokens.size()) {
    return absl::FailedPreconditionError(
        fmt::format("{} has {} partitions, one per task, and this topology has {} tasks",
                    tasks_topic(application_id_), partitions, own_.tokens.size()));
  }
  TokenPlan plan = own_;
  plan.version = 1;
  return plan;
}

absl::StatusOr<bool> Bootstrap::read_tokens() {
  if (record_ == nullptr) {
    record_ = std::make_unique<TokenRecord>(transport_, clock_, application_id_, application_id_ + "-tokens");
  }
  const auto read = record_->read();
  if (!read.ok()) {
    WEIR_RETURN_IF_ERROR(again(read.status()));
    return false;
  }
  if (!*read) return in_time();
  tokens_read_ = true;
  return false;
}

absl::StatusOr<bool> Bootstrap::propose_tokens() {
  const auto proposed = record_->proposed();
  if (proposed.ok() && !*proposed) return in_time();
  proposing_ = false;
  tokens_read_ = false;
  group_.reset();
  if (!proposed.ok()) WEIR_RETURN_IF_ERROR(again(proposed.status()));
  return false;
}

absl::StatusOr<bool> Bootstrap::look_at_group() {
  if (!looking_.started()) looking_ = admin_->describe_group(application_id_);
  if (!looking_.ready()) return false;
  auto group = looking_.take();
  if (!group.ok()) {
    WEIR_RETURN_IF_ERROR(again(group.status()));
    return false;
  }
  group_ = *std::move(group);
  return false;
}

absl::StatusOr<bool> Bootstrap::grow_tasks_topic(Partition partitions) {
  const std::string topic = tasks_topic(application_id_);
  if (!growing_.started()) growing_ = admin_->grow_topic(topic, partitions);
  if (!growing_.ready()) return false;
  const auto grown = growing_.take();
  // Somebody else may have been quicker: then it has them.
  if (!grown.ok()) WEIR_RETURN_IF_ERROR(again(retriable_error(message_of(grown.status()))));
  topics_made_ = false;
  return in_time();
}

// Returns false, "not yet", until the deadline.
absl::StatusOr<bool> Bootstrap::in_time() {
  if (clock_.steady() < deadline_) return false;
  return again(
      retriable_error("the tasks topic " + tasks_topic(application_id_) + " cannot be read or written"));
}

std::string Bootstrap::names_of_members() const {
  std::vector<std::string> names;
  for (const MemberDescription& member : group_->members) names.push_back(member.client_id);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace weir
