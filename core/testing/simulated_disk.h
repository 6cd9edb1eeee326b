// The disks of simulated instances, and the engine through which their tasks' stores are opened.
//
// A disk is simulated by keeping the stores of a task that was closed in memory, without what was not applied: what a killed
// process leaves behind. That is quicker than opening a RocksDB by orders of magnitude. With `real` set stores are opened in
// directories instead.
//
// Beside each persistent store the disk keeps what went to its changelog and was applied. So it can be said at any time
// whether a store is what its changelog says.
//
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include <weir/core/embedded/broker.h>
#include <weir/core/task_store.h>
#include <weir/core/testing/simulation_observer.h>

namespace weir {

class SimulatedDisk {
 public:
  SimulatedDisk(bool real, std::string application_id, EmbeddedBroker& broker, bool check_state)
      : real_(real), application_id_(std::move(application_id)), broker_(broker), check_state_(check_state) {}
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  // Returns an engine for one instance that opens stores of `inner` on this disk. The disk and the observer outlive it and
  // the stores.
  [[nodiscard]] std::shared_ptr<const StateEngine> engine(std::shared_ptr<const StateEngine> inner,
                                                          int instance, SimulationObserver& observer);

  // Forgets everything below a directory. No store in it is open.
  void lose(const std::string& directory);

  [[nodiscard]] std::uint64_t restored_records() const { return restored_; }

 private:
  friend class ObservedEngine;
  friend class ObservedStore;

  using Rows = std::map<Bytes, Bytes>;
  struct Folder {
    std::unique_ptr<TaskStore> parked;  // closed; null if there is nothing, or on a real disk
    std::map<std::string, Rows> rows;   // by store
    bool open = false;
  };

  // Returns up to where it is known what of a changelog is committed.
  [[nodiscard]] Offset stable_end(const std::string& store, Partition partition) const;
  // Returns what a changelog's committed records before `end` amount to.
  [[nodiscard]] Rows fold(const std::string& store, Partition partition, Offset end) const;

  const bool real_;
  const std::string application_id_;
  EmbeddedBroker& broker_;
  const bool check_state_;
  std::map<std::string, Folder> folders_;
  std::uint64_t restored_ = 0;
};

}  // namespace weir
