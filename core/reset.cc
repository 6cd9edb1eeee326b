#include <weir/core/reset.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/group_signal.h>
#include <weir/core/internal_topics.h>
#include <weir/core/state_directory.h>
#include <weir/core/status.h>

namespace weir {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kResetPause{2};
// Between two looks at who is still in the group.
constexpr std::chrono::milliseconds kLookPause{100};
constexpr std::array<std::string_view, 4> kInternalEndings{
    "-changelog", "-repartition", "-subscription-registration", "-subscription-response"};

// The clients of a reset, and how one waits for their answers.
class Clients {
 public:
  static absl::StatusOr<std::unique_ptr<Clients>> make(const ResetOptions& options, Transport& transport) {
    auto admin = transport.make_admin();
    if (!admin.ok()) return admin.status();
    // In the group's name, but never a member of it.
    auto consumer = transport.make_consumer(
        {.client_id = options.application_id + "-reset", .group = options.application_id});
    if (!consumer.ok()) return consumer.status();
    auto clients = std::make_unique<Clients>();
    clients->admin_ = *std::move(admin);
    clients->consumer_ = *std::move(consumer);
    clients->clock_ = options.clock != nullptr ? options.clock : &system_clock();
    clients->patience_ = options.patience;
    return clients;
  }

  [[nodiscard]] Admin& admin() { return *admin_; }
  [[nodiscard]] Consumer& consumer() { return *consumer_; }

  // Waits for an answer; asks again as long as that may help.
  template <class Start>
  auto ask(const std::string& what, Start start) -> decltype(start().take()) {
    const Duration deadline = clock_->steady() + patience_;
    auto pending = start();
    while (true) {
      poll();
      if (pending.ready()) {
        auto answer = pending.take();
        const bool again = !answer.ok() && class_of(answer.status()) == ErrorClass::kRetriable;
        if (answer.ok() || !again || clock_->steady() > deadline) {
          if (answer.ok()) return answer;
          return with_context(answer.status(), what);
        }
        pending = start();
      }
      if (clock_->steady() > deadline + patience_)
        return absl::DeadlineExceededError(what + ": the brokers do not answer");
      std::this_thread::sleep_for(kResetPause);
    }
  }

 private:
  void poll() {
    admin_->poll();
    events_.clear();
    consumer_->poll(events_);
  }

  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Consumer> consumer_;
  const Clock* clock_ = nullptr;
  Duration patience_{0};
  std::vector<ConsumerEvent> events_;
};

absl::StatusOr<std::vector<std::string>> members_of(const std::string& group, Clients& clients) {
  auto description = clients.ask("cannot see who is in the group " + group,
                                 [&] { return clients.admin().describe_group(group); });
  if (!description.ok()) return description.status();
  std::vector<std::string> names;
  for (const MemberDescription& member : description->members) names.push_back(member.client_id);
  return names;
}

// Tells them to stop and waits until nobody is there. Returns who still is.
absl::StatusOr<std::vector<std::string>> members_after_stop(const ResetOptions& options, Transport& transport,
                                                            Clients& clients) {
  const Clock& clock = options.clock != nullptr ? *options.clock : system_clock();
  const Duration deadline = clock.steady() + options.force_patience;
  GroupSignal signal(transport, clock, options.application_id, "weir-reset", {});
  WEIR_RETURN_IF_ERROR(signal.tell("the application is reset"));
  bool told = false;
  while (true) {
    if (!told) {
      const auto heard = signal.told();
      if (!heard.ok()) return with_context(heard.status(), "cannot tell the instances to stop");
      told = *heard;
    }
    auto members = members_of(options.application_id, clients);
    if (!members.ok() || members->empty() || clock.steady() > deadline) return members;
    std::this_thread::sleep_for(kLookPause);
  }
}

// All partitions of these topics; NotFound names those that do not exist.
absl::StatusOr<std::vector<TopicPartition>> partitions_of(const std::vector<std::string>& topics,
                                                          Clients& clients) {
  std::vector<TopicPartition> partitions;
  if (topics.empty()) return partitions;
  const auto described =
      clients.ask("cannot describe topics", [&] { return clients.admin().describe_topics(topics); });
  if (!described.ok()) return described.status();
  std::vector<std::string> missing;
  for (const TopicDescription& topic : *described) {
    if (topic.partitions == 0) missing.push_back(topic.name);
    for (Partition partition = 0; partition < topic.partitions; ++partition)
      partitions.push_back({topic.name, partition});
  }
  if (missing.empty()) return partitions;
  return absl::NotFoundError(fmt::format("there is no topic {}", fmt::join(missing, ", ")));
}

absl::StatusOr<std::vector<Offset>> targets(const ResetOptions& options,
                                            const std::vector<TopicPartition>& partitions, Clients& clients) {
  if (options.to == ResetTo::kTime) {
    return clients.ask("cannot look offsets up by time",
                       [&] { return clients.consumer().offsets_at(partitions, options.time); });
  }
  const auto ranges = clients.ask("cannot look the ends of partitions up",
                                  [&] { return clients.consumer().offset_ranges(partitions); });
  if (!ranges.ok()) return ranges.status();
  std::vector<Offset> offsets;
  for (const OffsetRange& range : *ranges) {
    offsets.push_back(options.to == ResetTo::kEarliest ? range.begin
                      : options.to == ResetTo::kLatest ? range.end
                                                       : std::clamp(options.offset, range.begin, range.end));
  }
  return offsets;
}

absl::Status plan_moves(const std::set<std::string>& own, const std::vector<std::string>& names,
                        ResetPlan& plan, Clients& clients) {
  const ResetOptions& options = plan.options;
  std::vector<std::string> topics = options.inputs;
  if (topics.empty()) {
    std::copy_if(names.begin(), names.end(), std::back_inserter(topics),
                 [&](const std::string& name) { return !own.contains(name); });
  }
  std::sort(topics.begin(), topics.end());
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  auto partitions = partitions_of(topics, clients);
  if (!partitions.ok()) return partitions.status();
  if (partitions->empty()) return absl::OkStatus();
  const auto committed = clients.ask("cannot look committed positions up",
                                     [&] { return clients.consumer().committed(*partitions); });
  if (!committed.ok()) return committed.status();
  std::map<TopicPartition, Offset> before;
  std::set<std::string> read;  // topics with a position
  for (const PartitionOffset& position : *committed) {
    before[position.where] = position.offset;
    if (position.offset != kNoOffset) read.insert(position.where.topic);
  }
  if (options.inputs.empty())
    std::erase_if(*partitions, [&](const TopicPartition& where) { return !read.contains(where.topic); });
  if (partitions->empty()) return absl::OkStatus();
  const auto after = targets(options, *partitions, clients);
  if (!after.ok()) return after.status();
  for (std::size_t i = 0; i < partitions->size(); ++i) {
    const TopicPartition& where = (*partitions)[i];
    if (before[where] != (*after)[i]) plan.moves.push_back({where, before[where], (*after)[i]});
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> internal_topics_of(const std::string& application_id,
                                            const std::vector<std::string>& names) {
  constexpr std::string_view kTasks = "-tasks";
  std::vector<std::string> longer;  // ids of other applications that begin like this one's
  for (const std::string& name : names) {
    if (name.starts_with(application_id + "-") && name.ends_with(kTasks) &&
        name != tasks_topic(application_id))
      longer.push_back(name.substr(0, name.size() - kTasks.size()));
  }
  std::vector<std::string> result;
  for (const std::string& name : names) {
    const bool internal = name == tasks_topic(application_id) ||
                          (name.starts_with(application_id + "-") &&
                           std::any_of(kInternalEndings.begin(), kInternalEndings.end(),
                                       [&](std::string_view ending) { return name.ends_with(ending); }));
    const bool of_another = std::any_of(longer.begin(), longer.end(),
                                        [&](const std::string& id) { return name.starts_with(id + "-"); });
    if (internal && !of_another) result.push_back(name);
  }
  return result;
}

std::string ResetPlan::text() const {
  std::string text;
  for (const Move& move : moves) {
    text += fmt::format("position of {} partition {}: {} -> {}\n", move.where.topic, move.where.partition,
                        move.from == kNoOffset ? "none" : std::to_string(move.from), move.to);
  }
  for (const std::string& topic : topics) text += fmt::format("delete the topic {}\n", topic);
  if (!directory.empty()) text += fmt::format("remove what is in {}\n", directory);
  if (text.empty()) text = "nothing to do\n";
  if (!members.empty()) {
    text += fmt::format(
        "{} in the group {}: {}\n",
        options.force ? "before that, tell those to stop and wait for them who are" : "not while somebody is",
        options.application_id, fmt::join(members, ", "));
  }
  return text;
}

absl::StatusOr<ResetPlan> plan_reset(ResetOptions options, Transport& transport) {
  if (options.application_id.empty()) return absl::InvalidArgumentError("the application id is empty");
  if (options.to == ResetTo::kOffset && options.offset < 0)
    return absl::InvalidArgumentError(fmt::format("an offset is not negative: {}", options.offset));
  auto clients = Clients::make(options, transport);
  if (!clients.ok()) return clients.status();
  ResetPlan plan;
  plan.options = std::move(options);
  auto members = members_of(plan.options.application_id, **clients);
  if (!members.ok()) return members.status();
  plan.members = *std::move(members);

  const auto names = (*clients)->ask("cannot list topics", [&] { return (*clients)->admin().list_topics(); });
  if (!names.ok()) return names.status();
  const std::vector<std::string> own = internal_topics_of(plan.options.application_id, *names);
  if (plan.options.internal_topics) plan.topics = own;
  if (plan.options.to != ResetTo::kNowhere)
    WEIR_RETURN_IF_ERROR(plan_moves({own.begin(), own.end()}, *names, plan, **clients));

  if (!plan.options.state_directory.empty()) {
    const std::string directory = plan.options.state_directory + "/" + plan.options.application_id;
    std::error_code error;
    if (fs::exists(directory, error)) plan.directory = directory;
  }
  return plan;
}

absl::Status reset(const ResetPlan& plan, Transport& transport) {
  const std::string& id = plan.options.application_id;
  auto clients = Clients::make(plan.options, transport);
  if (!clients.ok()) return clients.status();
  auto members = members_of(id, **clients);
  if (members.ok() && !members->empty() && plan.options.force)
    members = members_after_stop(plan.options, transport, **clients);
  if (!members.ok()) return members.status();
  if (!members->empty()) {
    return absl::FailedPreconditionError(fmt::format(
        "somebody is in the group {}: {}. Stop all instances; one that was killed is gone after its session "
        "timeout",
        id, fmt::join(*members, ", ")));
  }
  StateDirectory lock;
  if (!plan.directory.empty()) {
    auto locked = StateDirectory::open(plan.options.state_directory, id);
    if (!locked.ok()) return locked.status();
    lock = *std::move(locked);
  }

  if (!plan.moves.empty()) {
    std::vector<PartitionOffset> positions;
    for (const ResetPlan::Move& move : plan.moves) positions.push_back({move.where, move.to, {}});
    WEIR_RETURN_IF_ERROR(
        (*clients)
            ->ask("cannot set positions", [&] { return (*clients)->consumer().commit(positions); })
            .status());
  }
  // State before its changelogs: what is left of either alone would be taken for the whole.
  if (!plan.directory.empty()) {
    std::error_code error;
    std::vector<fs::path> paths;
    for (const auto& entry : fs::directory_iterator(plan.directory, error)) paths.push_back(entry.path());
    for (const fs::path& path : paths) {
      // The lock is held, and an instance keeps its name.
      if (path.filename() == "lock" || path.filename() == "instance-id") continue;
      if (!error) fs::remove_all(path, error);
    }
    if (error)
      return fatal_error(fmt::format("cannot remove what is in '{}': {}", plan.directory, error.message()));
  }
  if (!plan.topics.empty()) {
    WEIR_RETURN_IF_ERROR(
        (*clients)
            ->ask("cannot delete topics", [&] { return (*clients)->admin().delete_topics(plan.topics); })
            .status());
  }
  return absl::OkStatus();
}

}  // namespace weir
