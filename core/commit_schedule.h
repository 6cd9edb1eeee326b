// When a worker commits: at its interval or earlier, where a task asks for it, where a transaction or what is uncommitted has
// become too large, and from time to time although nothing was processed.
//
// Thread safety: none; belongs to a worker.
#pragma once

#include <cstddef>

#include <weir/core/clock.h>
#include <weir/core/commit_failures.h>
#include <weir/core/commit_pacer.h>
#include <weir/core/worker_options.h>
#include <weir/core/worker_tasks.h>

namespace weir {

class CommitSchedule {
 public:
  // References outlive this.
  CommitSchedule(const WorkerTasks& tasks, const WorkerOptions& options, const Clock& clock);

  // Intervals count from now: the worker has joined; and it has a producer.
  void joined() { last_of_all_ = clock_.steady(); }
  void started() { last_ = clock_.steady(); }

  // All positions are to be committed, although nothing was processed.
  void force() { forced_ = true; }

  // Whether to commit now. `uncommitted_bytes_max`: what tasks may have written to their stores.
  [[nodiscard]] bool due(bool in_transaction, std::size_t uncommitted_bytes_max) const;
  // Whether something must be committed before tasks may go.
  [[nodiscard]] bool owed() const;
  // How long until the next commit is due for its interval; zero or less: it is.
  [[nodiscard]] Duration left() const { return pacer_.interval() - (clock_.steady() - last_); }

  // Whether the next commit is one of all positions.
  [[nodiscard]] bool of_all() const;
  // A commit begins, of all positions if of_all() said so; succeeded; failed.
  void begun();
  void finished();
  void failed() { failures_.failed(); }

  // What is left of the pause after commits that failed, and how many those were.
  [[nodiscard]] Duration pause_left() const { return failures_.left(); }
  [[nodiscard]] int failures() const { return failures_.count(); }

 private:
  const WorkerTasks& tasks_;
  const WorkerOptions& options_;
  const Clock& clock_;
  CommitPacer pacer_;
  CommitFailures failures_;
  bool forced_ = false;
  Duration last_{0};
  Duration last_of_all_{0};
};

}  // namespace weir
