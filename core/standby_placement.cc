#include <weir/core/standby_placement.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace weir {
namespace {

constexpr std::string_view kWorkerMark = "-worker-";

// FNV-1a with the finalizer of MurmurHash3: all instances must agree, also those of another build.
std::uint64_t weight_of(std::string_view task, std::string_view instance) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  const auto mix = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    hash = (hash ^ 0xffU) * 0x100000001b3U;
  };
  mix(task);
  mix(instance);
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
  return hash ^ (hash >> 33U);
}

}  // namespace

std::optional<WorkerIdentity> worker_of(std::string_view client_id, std::string_view application_id) {
  const std::size_t mark = client_id.rfind(kWorkerMark);
  if (mark == std::string_view::npos || mark <= application_id.size() + 1) return std::nullopt;
  if (!client_id.starts_with(application_id) || client_id[application_id.size()] != '-') return std::nullopt;
  WorkerIdentity worker;
  worker.instance = client_id.substr(application_id.size() + 1, mark - application_id.size() - 1);
  const std::size_t rack = client_id.find('@', mark);
  if (rack != std::string_view::npos) worker.rack = client_id.substr(rack + 1);
  return worker;
}

std::optional<GroupView> view_of(const GroupDescription& group, const std::string& application_id) {
  if (group.state == GroupDescription::State::kPreparing) return std::nullopt;
  GroupView view;
  const std::string tokens = tasks_topic(application_id);
  for (const MemberDescription& member : group.members) {
    const auto worker = worker_of(member.client_id, application_id);
    if (!worker) continue;
    view.instances.insert(worker->instance);
    if (!worker->rack.empty()) view.racks[worker->instance] = worker->rack;
    for (const TopicPartition& token : member.assignment) {
      if (token.topic == tokens) view.owners[token.partition] = worker->instance;
    }
  }
  return view;
}

std::set<std::string> standbys_of(TaskId task, Partition token, const GroupView& view, int replicas) {
  const auto owner = view.owners.find(token);
  std::vector<std::pair<std::uint64_t, std::string>> ranked;
  for (const std::string& instance : view.instances) {
    if (owner != view.owners.end() && owner->second == instance) continue;
    ranked.emplace_back(weight_of(task.name(), instance), instance);
  }
  std::sort(ranked.rbegin(), ranked.rend());

  std::set<std::string> racks;  // that have a copy
  const auto has_copy_in_rack = [&](const std::string& instance) {
    const auto rack = view.racks.find(instance);
    return rack != view.racks.end() && !racks.insert(rack->second).second;
  };
  if (owner != view.owners.end()) (void)has_copy_in_rack(owner->second);
  std::vector<std::string> order;
  std::vector<std::string> last;
  for (auto& [weight, instance] : ranked)
    (has_copy_in_rack(instance) ? last : order).push_back(std::move(instance));
  order.insert(order.end(), last.begin(), last.end());

  const std::size_t most = replicas < 0 ? order.size() : static_cast<std::size_t>(replicas);
  if (order.size() > most) order.resize(most);
  return {order.begin(), order.end()};
}

}  // namespace weir
