// How an application's configuration becomes what its parts are told. Shared by those who put the parts together: App, on
// threads, and the simulator, on none.
//
// Thread safety: all functions may be called from any thread.
#pragma once

#include <memory>
#include <string>

#include <absl/status/status.h>

#include <weir/core/app.h>
#include <weir/core/bootstrap.h>
#include <weir/core/log.h>
#include <weir/core/store_keeper.h>
#include <weir/core/task_store.h>
#include <weir/core/topology.h>
#include <weir/core/worker_options.h>

namespace weir {

// Returns everything that an application cannot work with, or ok.
[[nodiscard]] absl::Status check_config(const Topology& topology, const AppConfig& config);

// Returns the logger that the configuration asks for; never an empty one.
[[nodiscard]] Logger logger_of(const AppConfig& config);

// What an instance has besides its configuration.
struct InstanceState {
  std::string id = {};                             // in the names of its clients and its transactional ids
  std::string directory = {};                      // of its tasks; empty: nothing is on disk
  std::shared_ptr<StateResources> resources = {};  // shared by its workers; null if there is no store
  std::size_t partitions = 0;                      // of the sources of all tasks
};

// Returns the options of a worker or of the updater of the global stores. `role` ends the names of its clients, `slot` tells
// workers of an instance apart.
[[nodiscard]] WorkerOptions worker_options(const AppConfig& config, const InstanceState& instance,
                                           const std::string& role, int slot, const TaskStore* globals);

[[nodiscard]] BootstrapOptions bootstrap_options(const AppConfig& config);

// Returns the options of the instance's keeper of stores.
[[nodiscard]] KeeperOptions keeper_options(const AppConfig& config, const InstanceState& instance,
                                           RestoreListener listener);

}  // namespace weir
