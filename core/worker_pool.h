// The workers of an application, each on a thread of its own. A worker has a slot, which decides its names (client id,
// transactional id, static membership); a slot has one worker at a time.
//
// Thread safety: step and the destructor belong to one thread, the supervisor's. All else may be called from any.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <weir/core/app.h>
#include <weir/core/backoff.h>
#include <weir/core/clock.h>
#include <weir/core/worker.h>

namespace weir {

class WorkerPool {
 public:
  using Make = std::function<std::unique_ptr<Worker>(int slot)>;

  struct Ended {
    int slot = 0;
    absl::Status failure;  // ok: it was told to end
  };

  // `make` makes the worker of a slot. The clock outlives the pool.
  WorkerPool(Make make, const Clock& clock) : make_(std::move(make)), clock_(clock) {}
  // Abandons all workers and waits for them.
  ~WorkerPool();

  // Starts a worker in a slot that has none.
  void start(int slot);

  // Starts a worker in the slot after a pause that doubles with each replacement, unless the last one went well for long.
  void replace(int slot);

  // Asks workers to commit and to end. Those that were to be replaced are not.
  void stop(int slot, bool leave_group);
  void stop_all(bool leave_group);
  // Asks them to end at once, without a commit.
  void abandon_all();

  // Starts what is to be replaced and is due. Returns the workers that have ended since the last call; their threads are gone.
  [[nodiscard]] std::vector<Ended> step();

  // Whether there is no worker, nor any to come.
  [[nodiscard]] bool empty() const;
  // Whether all workers run all their tasks, and none is to come.
  [[nodiscard]] bool all_running() const;
  // Whether a worker was given tasks that its plan does not know.
  [[nodiscard]] bool plan_outdated() const;
  // Whether the slot has a worker that has not ended, or is to get one.
  [[nodiscard]] bool has(int slot) const;
  // Workers that have not ended.
  [[nodiscard]] std::size_t size() const;

  // Adds what the workers count and hold, those that are gone included.
  void add_to(AppMetrics& sum) const;

  // Calls `visit` for each worker, under the pool's lock.
  void for_each(const std::function<void(int slot, const Worker& worker)>& visit) const;

 private:
  struct Seat {
    std::unique_ptr<Worker> worker;
    std::thread thread;
  };
  struct Replacement {
    int failures = 0;
    Duration due{0};  // steady
    bool waiting = false;
  };

  void start_locked(int slot);

  static constexpr Backoff kPauses{Duration{200}, Duration{30'000}};

  const Make make_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<int, Seat> seats_;
  std::map<int, Duration> started_;  // when the last worker of the slot was
  std::map<int, Replacement> replacements_;
  AppMetrics past_;  // counters of workers that are gone
};

}  // namespace weir
