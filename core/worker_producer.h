// The producer of a worker, and its transaction if it has one:
//
//   made  →  initialising  →  idle  ⇄  in a transaction
//                              ↖        ↓
//                                aborting
//
// At least once there are no transactions: the producer is idle at once and stays so.
//
// Thread safety: none; belongs to a worker.
#pragma once

#include <memory>

#include <absl/status/statusor.h>

#include <weir/core/pending.h>
#include <weir/core/transport.h>
#include <weir/core/worker_options.h>

namespace weir {

class WorkerProducer {
 public:
  // References outlive this. `reports_offsets`: whether somebody asks for what is acknowledged.
  WorkerProducer(Transport& transport, const WorkerOptions& options, bool reports_offsets)
      : transport_(transport), options_(options), reports_offsets_(reports_offsets) {}

  // Makes a producer, in place of one that there was. With a transactional id its initialisation settles whatever transaction
  // that one left behind, in this process or another.
  [[nodiscard]] absl::Status make();
  void reset();

  [[nodiscard]] Producer& operator*() const { return *producer_; }
  [[nodiscard]] Producer* operator->() const { return producer_.get(); }

  // Also where there is none.
  [[nodiscard]] bool has_room() const { return producer_ == nullptr || producer_->has_room(); }

  // Returns whether the producer may be used; initialises it once more where that failed and may go well.
  [[nodiscard]] absl::StatusOr<bool> initialised();

  [[nodiscard]] bool in_transaction() const { return in_transaction_; }
  // Begins a transaction, unless there is one, or there are none.
  [[nodiscard]] absl::Status begin();
  // The transaction was committed.
  void committed() { in_transaction_ = false; }

  // Begins to abort the transaction, which is over from now on.
  void abort();
  [[nodiscard]] bool aborting() const { return aborting_.started(); }
  // Requires aborting(). Returns whether that is done.
  [[nodiscard]] absl::StatusOr<bool> aborted();

 private:
  [[nodiscard]] bool transactional() const { return options_.guarantee == Guarantee::kExactlyOnce; }

  Transport& transport_;
  const WorkerOptions& options_;
  const bool reports_offsets_;
  std::unique_ptr<Producer> producer_;
  Pending<> initialising_;
  Pending<> aborting_;
  bool in_transaction_ = false;
};

}  // namespace weir
