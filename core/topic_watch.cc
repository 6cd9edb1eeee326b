#include <weir/core/topic_watch.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/status.h>

namespace weir {
namespace {

// How soon a topic that was not found is looked for again.
constexpr Duration kSecondLook{1'000};

}  // namespace

TopicWatch::TopicWatch(const Topology& topology, std::string application_id, const PartitionPlan& plan,
                       Transport& transport, const Clock& clock, Duration interval, Logger log)
    : topology_(topology),
      application_id_(std::move(application_id)),
      matched_(plan.matched),
      transport_(transport),
      clock_(clock),
      interval_(interval),
      log_(std::move(log)),
      next_(clock.steady() + interval) {
  for (const auto& [topic, count] : plan.partitions) {
    if (count > 0) partitions_[topic] = count;
  }
  if (!plan.tasks.empty())
    partitions_[tasks_topic(application_id_)] = static_cast<Partition>(plan.tasks.size());
}

absl::StatusOr<bool> TopicWatch::changed() {
  auto different = look();
  if (different.ok() || absl::IsNotFound(different.status())) return different;
  listing_.abandon();
  describing_.abandon();
  next_ = clock_.steady() + interval_;
  if (log_) log_(LogLevel::kWarning, "cannot look after the topics: " + message_of(different.status()));
  return false;
}

absl::StatusOr<bool> TopicWatch::look() {
  if (!listing_.started() && !describing_.started() && clock_.steady() < next_) return false;
  if (admin_ == nullptr) {
    auto admin = transport_.make_admin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  admin_->poll();
  if (!describing_.started()) {
    if (has_patterns(topology_)) {
      if (!listing_.started()) listing_ = admin_->list_topics();
      if (!listing_.ready()) return false;
      const auto names = listing_.take();
      // Whatever the broker says to this question, it is no word on a topic.
      if (!names.ok()) return retriable_error(message_of(names.status()));
      if (matching_topics(topology_, application_id_, *names) != matched_) {
        reason_ = "the topics that match have changed";
        return true;
      }
    }
    std::vector<std::string> names;
    for (const auto& [topic, count] : partitions_) names.push_back(topic);
    describing_ = admin_->describe_topics(std::move(names));
  }
  if (!describing_.ready()) return false;
  const auto topics = describing_.take();
  if (!topics.ok()) return retriable_error(message_of(topics.status()));
  next_ = clock_.steady() + interval_;
  if (compare(*topics)) return true;
  WEIR_RETURN_IF_ERROR(gone_for_good(*topics));
  return false;
}

bool TopicWatch::compare(const std::vector<TopicDescription>& topics) {
  std::vector<std::string> changes;
  for (const TopicDescription& topic : topics) {
    const Partition before = partitions_.at(topic.name);
    if (topic.partitions == 0 || topic.partitions == before) continue;
    changes.push_back(
        fmt::format("the topic {} had {} partitions and has {}", topic.name, before, topic.partitions));
  }
  reason_ = fmt::format("{}", fmt::join(changes, "; "));
  return !changes.empty();
}

absl::Status TopicWatch::gone_for_good(const std::vector<TopicDescription>& topics) {
  std::set<std::string> missing;
  for (const TopicDescription& topic : topics) {
    if (topic.partitions == 0) missing.insert(topic.name);
  }
  std::vector<std::string> gone;
  std::set_intersection(missing.begin(), missing.end(), missed_.begin(), missed_.end(),
                        std::back_inserter(gone));
  missed_ = std::move(missing);
  if (!missed_.empty()) next_ = clock_.steady() + std::min(interval_, kSecondLook);
  if (gone.empty()) return absl::OkStatus();
  return make_error(
      ErrorClass::kFatal, absl::StatusCode::kNotFound,
      fmt::format("deleted while the application was running: the topic{} {}. What had been processed "
                  "is committed; what was in there is gone. Create what the application does not make "
                  "itself, and start again",
                  gone.size() == 1 ? "" : "s", fmt::join(gone, ", ")));
}

}  // namespace weir
