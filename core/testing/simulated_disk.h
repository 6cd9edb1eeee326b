// The disks of simulated instances, and the engine through which their tasks' stores are opened.
//
// A disk is simulated by databases that stay in memory, with what was applied: what a killed process leaves behind. That is
// quicker than opening a RocksDB by orders of magnitude. With `real` set stores are opened in directories instead.
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

#include <weir/core/clock.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/task_store.h>
#include <weir/core/testing/simulation.h>
#include <weir/core/testing/simulation_observer.h>

namespace weir {

struct SimulatedDiskOptions {
  bool real = false;
  bool check_state = true;  // stores must be what their changelogs say
  bool may_age = false;     // wall clocks jump, so that a store may be too old to be trusted
  bool compacts = false;    // changelogs lose what later records replace
  Duration tombstones{
      0};  // how long changelogs keep deletions, if a store can be too old for that; 0: unknown
  bool little_memory = false;  // so that stores read again what they had
  SimulatedReader read = {};
};

class SimulatedDisk {
 public:
  SimulatedDisk(SimulatedDiskOptions options, std::string application_id, EmbeddedBroker& broker,
                const Clock& clock)
      : options_(std::move(options)),
        application_id_(std::move(application_id)),
        broker_(broker),
        clock_(clock) {}
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  // Returns an engine for one instance that opens stores of `inner` on this disk. The disk and the observer outlive it and
  // the stores.
  [[nodiscard]] std::shared_ptr<const StateEngine> engine(std::shared_ptr<const StateEngine> inner,
                                                          int instance, SimulationObserver& observer);

  // Forgets everything below a directory. No store in it is open.
  void lose(const std::string& directory);

  // Keeps real directories as they are now through what `end` does to their stores: nothing is closed in a process that is
  // killed.
  template <class End>
  void freeze(const std::string& directory, End end) {
    if (options_.real) copy(directory, directory + ".killed");
    end();
    if (options_.real) copy(directory + ".killed", directory);
  }

  // Whether any store is open.
  [[nodiscard]] bool in_use() const;

  [[nodiscard]] std::uint64_t restored_records() const { return restored_; }

 private:
  friend class ObservedEngine;
  friend class ObservedStore;

  using Rows = std::map<Bytes, std::pair<Bytes, Timestamp>>;
  struct Folder {
    int number = 0;                         // names its database in memory; not used again when it is lost
    std::map<std::string, Rows> rows;       // by store
    std::map<std::string, Offset> applied;  // of the changelog of each persistent store
    Duration committed_at{0};               // when something was applied last
    bool open = false;
  };

  // Returns up to where it is known what of a changelog is committed.
  [[nodiscard]] Offset stable_end(const std::string& store, Partition partition) const;
  // Returns what a changelog's committed records before `end` amount to, and the offset of the first that is not before it.
  [[nodiscard]] Rows fold(const std::string& store, Partition partition, Offset end, Offset& beyond) const;
  // Adds what a topic's committed records before `end` amount to. Returns the offset of the first that is not before it, or
  // kNoOffset.
  Offset fold(const TopicPartition& where, Offset end, Rows& rows) const;
  // Puts a copy of a directory in the place of another.
  static void copy(const std::string& from, const std::string& to);

  const SimulatedDiskOptions options_;
  const std::string application_id_;
  EmbeddedBroker& broker_;
  const Clock& clock_;
  std::shared_ptr<StateResources>
      resources_;  // shared with the stores, which are open; has the databases in memory
  std::map<std::string, Folder> folders_;
  int folders_made_ = 0;
  std::uint64_t restored_ = 0;
};

}  // namespace weir
