// The stores of an instance that no running task has: those on their way to a task, and standbys.
//
//               ┌──────── a worker asks for a task's stores ────────┐
//   closed  →  restoring  →  (committed positions known: sealed)  →  handed over  →  given back
//      ↑          ⇅                                                                      │
//      └────── standby ←─────────────────────────────────────────────────────────────────┘
//
// A worker asks as soon as it is given a task, and reading begins at once; when it knows the task's committed positions it
// says so, and only then the ends of the changelogs are taken for what has to be there (reliability: positions first). While
// it waits its running tasks go on. A store that nobody waits for any more is closed, once, or stays as a standby.
//
// There is one keeper per instance, so that a task's database is open at most once in a process. On a thread of its own in
// an App; a worker that is given none has a keeper of its own, which it steps itself.
//
// Thread safety: run_once, idle_wait and the destructor belong to one thread; everything else may be called from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/lent_store.h>
#include <weir/core/partition_plan.h>
#include <weir/core/restorer.h>
#include <weir/core/standby_placement.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>
#include <weir/core/worker_options.h>

namespace weir {

struct KeeperOptions {
  WorkerOptions worker = {};     // what an application decides for its clients; client_id is the keeper's
  std::string instance_id = {};  // as in the client ids of the instance's workers
  int standby_replicas = 0;      // or kAllInstances
  // Begin as an observer: a standby of every task, until the group has given tasks to this instance's workers.
  bool observe = false;
  // How often the group is asked who is there.
  Duration look_interval{5'000};
  // Remove the folders of tasks that this instance neither had nor stood by for since so long. Nothing: never.
  std::optional<Duration> remove_unused_after = {};
  RestoreListener listener = {};
};

// Sums over the instance's stores that are not with a task.
struct KeeperMetrics {
  std::atomic<std::uint64_t> standby_tasks{0};
  std::atomic<std::uint64_t> standby_records{0};  // applied to standbys
  std::atomic<std::uint64_t> standby_lag{0};
  std::atomic<std::uint64_t> bytes_restored{0};  // for tasks
};

class StoreKeeper final : public StoreHome {
  struct Ticket;

 public:
  // Somebody's wish to have a task's stores. Withdrawn when it is destroyed. Must not outlive the keeper.
  class Request {
   public:
    Request() = default;
    Request(Request&& other) noexcept = default;
    Request& operator=(Request&& other) noexcept;
    ~Request();

    // The task's committed positions are known: what its changelogs have now is what it needs.
    void seal();
    // Whether the stores are there, complete. A failure is final.
    [[nodiscard]] absl::StatusOr<bool> ready() const;
    // Requires that ready returned true.
    [[nodiscard]] LentStore take();

    // Since it was made.
    [[nodiscard]] std::uint64_t restored_records() const;
    [[nodiscard]] std::uint64_t remaining_records() const;

   private:
    friend class StoreKeeper;
    Request(StoreKeeper& keeper, std::shared_ptr<Ticket> ticket)
        : keeper_(&keeper), ticket_(std::move(ticket)) {}
    void withdraw();

    StoreKeeper* keeper_ = nullptr;
    std::shared_ptr<Ticket> ticket_;  // shared with the keeper
  };

  // Everything referred to outlives the keeper.
  StoreKeeper(const Topology& topology, Transport& transport, const Clock& clock, KeeperOptions options);
  ~StoreKeeper() override;

  // Advances by one bounded step. Returns how long there is nothing to do unless something arrives.
  [[nodiscard]] Duration run_once();
  void idle_wait(Duration at_most);

  // The tasks there are, by token. Standbys of others are closed.
  void use_plan(const PartitionPlan& plan);

  [[nodiscard]] Request request(TaskId task);
  void give_back(TaskId task, std::unique_ptr<TaskStore> store) override;

  // Whether an observer has every store, up to so many records altogether. True of one that is not observing.
  [[nodiscard]] bool caught_up(std::uint64_t records) const;

  // Of the stores that are restored or followed now.
  [[nodiscard]] std::vector<RestoreProgress> progress() const;
  [[nodiscard]] const KeeperMetrics& metrics() const { return metrics_; }

 private:
  struct Ticket {
    TaskId task;
    // Guarded by the keeper's mutex.
    bool sealed = false;
    bool withdrawn = false;
    absl::Status failure;
    LentStore store;
    bool complete = false;
    std::uint64_t records = 0;
    std::uint64_t remaining = 0;
    // The keeper's own.
    std::uint64_t records_before = 0;  // of the restorer when the ticket came to it
    std::uint64_t bytes_before = 0;
  };

  // The stores of one task. Members are destroyed in reverse: the restorer before the store.
  struct Entry {
    std::unique_ptr<TaskStore> store;
    std::unique_ptr<Restorer> restorer;
    std::vector<std::shared_ptr<Ticket>> tickets;  // shared with those who wait; the last one is served
    std::shared_ptr<Ticket> serving;
    std::shared_ptr<Ticket> sealed_for;
    bool out = false;      // a task has them
    bool standby = false;  // wanted without anybody waiting
    bool failed = false;   // as a standby; tried again
    bool told = false;     // that it is tried again and again
    Duration retry_at{0};
    std::uint64_t standby_records = 0;  // of the restorer, counted already
  };

  void advance(Duration& idle);
  [[nodiscard]] bool connect();
  void take_news();
  void serve_clients();
  // Returns whether all changelogs' settings are known.
  [[nodiscard]] bool know_changelogs();
  void look_around();
  void place_standbys();
  // Returns whether the entry is of no use any more.
  bool advance_entry(TaskId task, Entry& entry);
  [[nodiscard]] absl::Status open(TaskId task, Entry& entry);
  void serve_newest(Entry& entry);
  void hand_over(TaskId task, Entry& entry);
  void count_standby(Entry& entry);
  void fail_entry(TaskId task, Entry& entry, const absl::Status& status);
  void fail_all(const absl::Status& status);
  // Reads one batch for whoever needs it most. Returns whether there was one.
  bool read();
  void publish();
  void remove_unused();
  void wake();
  [[nodiscard]] std::vector<StoreSpec> stores_of(TaskId task) const;
  [[nodiscard]] bool has_stores(TaskId task) const;
  void log(LogLevel level, const std::string& message) const;

  const Topology& topology_;
  Transport& transport_;
  const Clock& clock_;
  const KeeperOptions options_;

  mutable std::mutex mutex_;
  // Guarded by the mutex.
  std::vector<std::shared_ptr<Ticket>> asked_;
  std::vector<std::pair<TaskId, std::unique_ptr<TaskStore>>> returned_;
  std::optional<std::vector<TaskPlan>> new_plan_;
  std::vector<RestoreProgress> progress_;
  Consumer* awake_ = nullptr;  // who is waited on; null before there is one

  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<Admin> admin_;
  std::vector<ConsumerEvent> events_;
  absl::Status broken_;  // the client is of no use any more
  TombstoneLifetimes tombstones_;
  bool changelogs_known_ = false;
  Pending<std::vector<TopicDescription>> describing_;
  Pending<GroupDescription> looking_;
  Duration next_look_{0};
  Duration ask_again_at_{0};
  GroupView view_;
  std::vector<TaskPlan> tasks_;  // by token
  std::map<TaskId, Entry> entries_;
  std::map<std::string, Duration> unused_since_;  // folders
  Duration next_cleaning_{0};
  Duration last_publish_{0};
  std::atomic<bool> observing_;
  std::atomic<std::uint64_t> observer_lag_{UINT64_MAX};
  KeeperMetrics metrics_;
};

}  // namespace weir
