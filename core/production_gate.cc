#include <weir/core/production_gate.h>

#include <algorithm>

#include <weir/core/partition_plan.h>

namespace weir {
namespace {

// So many single records of a topic are remembered; more are a fault of all of them.
constexpr std::size_t kMostOthers = 10'000;

std::size_t size_of(const OutgoingRecord& record) {
  std::size_t bytes = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  if (record.headers == nullptr) return bytes;
  for (const Header& header : *record.headers)
    bytes += header.name.size() + (header.value ? header.value->size() : 0);
  return bytes;
}

// Larger is stricter.
int strictness(ErrorPolicy policy) {
  switch (policy) {
    case ErrorPolicy::kSkip:
      return 0;
    case ErrorPolicy::kDeadLetter:
      return 1;
    default:
      return 2;
  }
}

}  // namespace

void ProductionGate::learn(const Refusal& refusal) {
  Learned& topic = topics_[refusal.topic];
  topic.forget_at = clock_.steady() + kRemembered;
  switch (refusal.reason) {
    case Refusal::Reason::kNoTopic:
    case Refusal::Reason::kNotAllowed:
      topic.all = refusal.reason;
      return;
    case Refusal::Reason::kTooLarge:
      topic.large = std::min(topic.large, refusal.bytes);
      return;
    case Refusal::Reason::kOther:
      if (topic.others.size() >= kMostOthers) topic.all = refusal.reason;
      topic.others.insert(refusal.digest);
      return;
  }
}

std::optional<Refusal::Reason> ProductionGate::refuses(const std::string& topic,
                                                       const OutgoingRecord& record) {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return std::nullopt;
  const Learned& learned = found->second;
  if (clock_.steady() >= learned.forget_at) {
    topics_.erase(found);
    return std::nullopt;
  }
  if (learned.all) return learned.all;
  if (size_of(record) >= learned.large) return Refusal::Reason::kTooLarge;
  if (!learned.others.empty() && learned.others.contains(digest_of(record.key, record.value)))
    return Refusal::Reason::kOther;
  return std::nullopt;
}

ProductionPolicy production_policy(const Topology& topology, const std::string& application_id,
                                   const std::string& topic, ErrorPolicy application) {
  for (const StoreSpec& store : topology.stores) {
    if (changelog_topic(application_id, store.name) == topic) return {};
  }
  std::optional<ProductionPolicy> fixed;
  std::optional<ProductionPolicy> choosing;
  for (const NodeSpec& node : topology.nodes) {
    if (node.kind != NodeKind::kSink) continue;
    const bool writes = std::any_of(node.topics.begin(), node.topics.end(), [&](const TopicName& name) {
      return name.on_broker(application_id) == topic;
    });
    if (!writes && !node.topics.empty()) continue;
    std::optional<ProductionPolicy>& strictest = writes ? fixed : choosing;
    const ErrorPolicy policy = node.on_error == ErrorPolicy::kInherit ? application : node.on_error;
    if (!strictest || strictness(policy) > strictness(strictest->policy))
      strictest = ProductionPolicy{policy, node.name};
  }
  if (fixed) return *fixed;
  return choosing.value_or(ProductionPolicy{});
}

DropReason drop_reason_of(Refusal::Reason reason) {
  switch (reason) {
    case Refusal::Reason::kTooLarge:
      return DropReason::kTooLarge;
    case Refusal::Reason::kNoTopic:
      return DropReason::kNoTopic;
    case Refusal::Reason::kNotAllowed:
      return DropReason::kNotAllowed;
    case Refusal::Reason::kOther:
      return DropReason::kRefused;
  }
  return DropReason::kRefused;
}

}  // namespace weir
