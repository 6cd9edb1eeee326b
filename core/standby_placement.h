// Which instance keeps a standby of which task.
//
// Every instance computes the same from the same view of the group, without talking to the others: of the instances that do
// not own the task those with the highest hash of (task, instance) have one. An instance that comes or goes moves only the
// standbys it has or is to have. Where instances say which rack they are in, a rack without a copy goes before one that has one
// (as in KIP-708, with one tag).
//
// Thread safety: all functions may be called from any thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <weir/core/partition_plan.h>
#include <weir/core/transport.h>

namespace weir {

// Standbys on every instance.
inline constexpr int kAllInstances = -1;

// Who is there and who owns what, as the group says.
struct GroupView {
  std::set<std::string> instances = {};
  std::map<Partition, std::string> owners = {};   // instance by token
  std::map<std::string, std::string> racks = {};  // by instance, of those that say theirs

  bool operator==(const GroupView&) const = default;
};

// What the client id of a worker says: "<application>-<instance>-worker-<n>", and "@<rack>" where the instance has one.
struct WorkerIdentity {
  std::string instance;
  std::string rack = {};

  bool operator==(const WorkerIdentity&) const = default;
};

// Returns nothing for other clients.
[[nodiscard]] std::optional<WorkerIdentity> worker_of(std::string_view client_id,
                                                      std::string_view application_id);

// Returns the view of a stable group; nothing while it rebalances, since nobody owns what it says then.
[[nodiscard]] std::optional<GroupView> view_of(const GroupDescription& group,
                                               const std::string& application_id);

// Returns the instances that are to have a standby of the task with that token. `replicas` may be kAllInstances.
[[nodiscard]] std::set<std::string> standbys_of(TaskId task, Partition token, const GroupView& view,
                                                int replicas);

}  // namespace weir
