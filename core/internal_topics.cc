#include <weir/core/internal_topics.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir {
namespace {

constexpr std::int64_t kRepartitionSegmentBytes = 50 << 20;
constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max();

std::int64_t saturated_sum(Duration left, Duration right) {
  return left.count() > kForEver - right.count() ? kForEver : left.count() + right.count();
}

// Adds what the application said of all its topics and of this one.
NewTopic with_options(NewTopic topic, const std::string& application_id,
                      const InternalTopicOptions& options) {
  topic.replication_factor = options.replication_factor;
  if (options.min_insync_replicas) {
    topic.config["min.insync.replicas"] = std::to_string(*options.min_insync_replicas);
  }
  for (const auto& [name, value] : options.config) topic.config[name] = value;
  const auto own = options.config_of.find(topic.name.substr(application_id.size() + 1));
  if (own == options.config_of.end()) return topic;
  for (const auto& [name, value] : own->second) topic.config[name] = value;
  return topic;
}

std::set<std::string> policies_of(std::string_view text) {
  std::set<std::string> policies;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view one = text.substr(0, comma);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (!one.empty()) policies.emplace(one);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return policies;
}

// A number as Kafka writes one; -1 stands for no limit. Nothing if the setting is not told.
std::optional<std::int64_t> number_of(const std::map<std::string, std::string>& config, const char* name) {
  const auto found = config.find(name);
  if (found == config.end()) return std::nullopt;
  std::int64_t number = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [stopped, error] = std::from_chars(found->second.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

// Whether a limit is narrower than another, where a negative one is none.
bool narrower(std::int64_t limit, std::int64_t than) { return limit >= 0 && (than < 0 || limit < than); }

enum class Role { kChangelog, kRepartition, kTasks };

// One topic against what it should be.
class Comparison {
 public:
  Comparison(const NewTopic& wanted, const TopicDescription& found, Role role, const StoreSpec* store,
             std::vector<TopicMismatch>& mismatches)
      : wanted_(wanted), found_(found), role_(role), store_(store), mismatches_(mismatches) {}

  void run() {
    partitions();
    if (wanted_.replication_factor > 0 && found_.replication_factor > 0 &&
        found_.replication_factor < wanted_.replication_factor) {
      note("replication factor", std::to_string(found_.replication_factor),
           std::to_string(wanted_.replication_factor), "reassign its partitions to more brokers");
    }
    for (const auto& [setting, value] : wanted_.config) {
      const auto is = found_.config.find(setting);
      if (is == found_.config.end() || is->second == value) continue;
      compare(setting, is->second, value);
    }
    // A topic that is not to delete anything names no limits to be compared with.
    const auto policy = wanted_.config.find("cleanup.policy");
    if (!may_delete() || (policy != wanted_.config.end() && policies_of(policy->second).contains("delete")))
      return;
    if (!wanted_.config.contains("retention.bytes")) limit("retention.bytes", -1);
    if (!wanted_.config.contains("retention.ms")) limit("retention.ms", -1);
  }

 private:
  void note(const std::string& setting, const std::string& is, const std::string& should_be,
            const std::string& advice, bool fatal = false) {
    mismatches_.push_back({wanted_.name, setting, is, should_be, advice, fatal});
  }

  std::string alter(const std::string& setting, const std::string& value) const {
    return fmt::format("set {}={} on the topic", setting, value);
  }

  [[nodiscard]] bool may_delete() const {
    const auto policy = found_.config.find("cleanup.policy");
    return policy != found_.config.end() && policies_of(policy->second).contains("delete");
  }

  void partitions() {
    if (found_.partitions == wanted_.partitions) return;
    const std::string is = std::to_string(found_.partitions);
    const std::string should_be = std::to_string(wanted_.partitions);
    if (role_ == Role::kChangelog && found_.partitions > wanted_.partitions) {
      return note("partitions", is, should_be, "the others stay empty");
    }
    // How many tokens there are is for the members to agree on.
    if (role_ == Role::kTasks) return;
    note("partitions", is, should_be,
         "keys would be in other partitions than their rows. Reset the application or use another "
         "application id, if "
         "the topology or its source topics changed on purpose",
         /*fatal=*/true);
  }

  void compare(const std::string& setting, const std::string& is, const std::string& should_be) {
    if (setting == "cleanup.policy") return policy(is, should_be);
    if (setting == "retention.ms" || setting == "retention.bytes") {
      if (may_delete()) limit(setting, number_of(wanted_.config, setting.c_str()).value_or(-1));
      return;
    }
    if (setting == "min.compaction.lag.ms") return compaction_lag(is, should_be);
    if (setting == "message.timestamp.type") {
      return note(setting, is, should_be,
                  "the times of records would be replaced by the broker's: " + alter(setting, should_be),
                  role_ != Role::kTasks);
    }
    note(setting, is, should_be, alter(setting, should_be) + ", or have it as it is");
  }

  void policy(const std::string& is, const std::string& should_be) {
    const std::set<std::string> has = policies_of(is);
    const std::set<std::string> needs = policies_of(should_be);
    if (has == needs) return;
    const std::string advice = alter("cleanup.policy", should_be);
    if (role_ != Role::kChangelog) {
      const bool fatal = has.contains("compact");
      return note("cleanup.policy", is, should_be,
                  (fatal ? "records would be removed before they are read: " : "") + advice, fatal);
    }
    // That "delete" of a changelog loses nothing as long as nothing grows old is for limit() to see.
    note("cleanup.policy", is, should_be,
         (has.contains("delete") && needs.contains("compact") ? "it grows, or loses rows: " : "it grows: ") +
             advice);
  }

  // A limit on age or size after which records are deleted.
  void limit(const std::string& setting, std::int64_t wanted) {
    const std::optional<std::int64_t> is = number_of(found_.config, setting.c_str());
    if (!is || !narrower(*is, wanted)) return;
    // A window's rows need to be there for the retention of their store; the rest is to be on the safe side.
    const bool enough = setting == "retention.ms" && role_ == Role::kChangelog && store_ != nullptr &&
                        !store_->versioned && store_->retention.count() >= 0 &&
                        *is >= store_->retention.count();
    note(
        setting, std::to_string(*is), std::to_string(wanted),
        (enough ? "" : "records that are needed would be deleted: ") + alter(setting, std::to_string(wanted)),
        !enough);
  }

  void compaction_lag(const std::string& is, const std::string& should_be) {
    const std::optional<std::int64_t> lag = number_of(found_.config, "min.compaction.lag.ms");
    const std::optional<std::int64_t> wanted = number_of(wanted_.config, "min.compaction.lag.ms");
    if (lag && wanted && *lag >= *wanted) return;
    const bool lost = store_ != nullptr && store_->versioned && lag &&
                      (store_->retention.count() < 0 || *lag < store_->retention.count());
    note("min.compaction.lag.ms", is, should_be,
         (lost ? "versions that are still to be found would be compacted away: " : "") +
             alter("min.compaction.lag.ms", should_be),
         lost);
  }

  const NewTopic& wanted_;
  const TopicDescription& found_;
  const Role role_;
  const StoreSpec* const store_;  // of a changelog
  std::vector<TopicMismatch>& mismatches_;
};

}  // namespace

std::string tasks_topic(const std::string& application_id) { return application_id + "-tasks"; }

std::string changelog_topic(const std::string& application_id, const std::string& store) {
  return application_id + "-" + store + "-changelog";
}

NewTopic new_tasks_topic(const std::string& application_id, Partition partitions,
                         const InternalTopicOptions& options) {
  return with_options(
      {.name = tasks_topic(application_id),
       .partitions = partitions,
       .config = {{"cleanup.policy", "delete"}, {"retention.bytes", "-1"}, {"retention.ms", "-1"}}},
      application_id, options);
}

NewTopic new_changelog(const StoreSpec& store, const std::string& application_id, Partition partitions,
                       const InternalTopicOptions& options) {
  NewTopic topic;
  topic.name = changelog_topic(application_id, store.name);
  topic.partitions = partitions;
  topic.config["message.timestamp.type"] = "CreateTime";
  topic.config["cleanup.policy"] = "compact";
  const std::string kept = std::to_string(
      store.retention.count() < 0 ? kForEver
                                  : saturated_sum(store.retention, options.changelog_additional_retention));
  if (store.versioned) {
    topic.config["min.compaction.lag.ms"] = kept;
  } else if (store.retention.count() >= 0) {
    topic.config["cleanup.policy"] = "compact,delete";
    topic.config["retention.ms"] = kept;
    topic.config["retention.bytes"] = "-1";
  }
  return with_options(std::move(topic), application_id, options);
}

NewTopic new_repartition_topic(const std::string& name, const std::string& application_id,
                               Partition partitions, const InternalTopicOptions& options) {
  return with_options({.name = name,
                       .partitions = partitions,
                       .config = {{"cleanup.policy", "delete"},
                                  {"retention.bytes", "-1"},
                                  {"retention.ms", "-1"},
                                  {"segment.bytes", std::to_string(kRepartitionSegmentBytes)},
                                  {"message.timestamp.type", "CreateTime"}}},
                      application_id, options);
}

absl::Status check_options(const InternalTopicOptions& options, const std::string& application_id,
                           const std::vector<NewTopic>& made) {
  std::vector<std::string> unknown;
  for (const auto& [name, config] : options.config_of) {
    const std::string on_broker = fmt::format("{}-{}", application_id, name);
    const bool known =
        std::any_of(made.begin(), made.end(), [&](const NewTopic& topic) { return topic.name == on_broker; });
    if (!known && on_broker != tasks_topic(application_id)) unknown.push_back(name);
  }
  if (unknown.empty()) return absl::OkStatus();
  std::vector<std::string> names;
  for (const NewTopic& topic : made) names.push_back(topic.name.substr(application_id.size() + 1));
  names.push_back("tasks");
  return absl::InvalidArgumentError(
      fmt::format("settings for internal topics that the topology does not make: {}. It makes {}",
                  fmt::join(unknown, ", "), fmt::join(names, ", ")));
}

std::vector<TopicMismatch> compare_internal_topics(const Topology& topology,
                                                   const std::string& application_id,
                                                   const std::vector<NewTopic>& wanted,
                                                   const std::vector<TopicDescription>& found) {
  std::map<std::string, const StoreSpec*> stores;
  for (const StoreSpec& store : topology.stores) stores[changelog_topic(application_id, store.name)] = &store;
  std::vector<TopicMismatch> mismatches;
  for (const NewTopic& topic : wanted) {
    const auto description = std::find_if(found.begin(), found.end(), [&](const TopicDescription& one) {
      return one.name == topic.name && one.partitions > 0;
    });
    if (description == found.end()) continue;
    const auto store = stores.find(topic.name);
    const Role role = topic.name == tasks_topic(application_id) ? Role::kTasks
                      : store != stores.end()                   ? Role::kChangelog
                                                                : Role::kRepartition;
    Comparison(topic, *description, role, store == stores.end() ? nullptr : store->second, mismatches).run();
  }
  return mismatches;
}

std::string text_of(const std::vector<TopicMismatch>& mismatches) {
  std::vector<std::string> lines;
  for (const TopicMismatch& one : mismatches) {
    lines.push_back(fmt::format("{}: {} is {}, should be {}: {}", one.topic, one.setting, one.is,
                                one.should_be, one.advice));
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace weir
