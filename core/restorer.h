// Brings a task's stores up to the end of their changelogs, in steps.
//
// Where a store continues is what its last commit remembered; a store in memory, or one whose changelog no longer holds that
// place, starts over from the changelog's beginning. The end is read uncommitted: the last stable offset can lie before
// committed data after a fail-over (KAFKA-10167); the reader itself sees committed records only, if the consumer does.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/log.h>
#include <weir/core/task_store.h>
#include <weir/core/transport.h>

namespace weir {

class Restorer {
 public:
  // `consumer` reads without a group and outlives the restorer, as `store` does. Only logged stores are restored.
  Restorer(const std::string& application_id, Partition partition, std::vector<StoreSpec> stores,
           TaskStore& store, Consumer& consumer, Logger log);

  // Does a bounded piece of work. Returns whether all stores are restored.
  [[nodiscard]] absl::StatusOr<bool> step();

  [[nodiscard]] std::uint64_t restored_records() const { return restored_; }
  // Records between where the stores are and the end; 0 before the end is known.
  [[nodiscard]] std::uint64_t remaining_records() const;

 private:
  struct Log {
    StoreSpec store;
    TopicPartition where;
    Offset end = 0;
    std::unique_ptr<PartitionReader> reader;  // null once done
  };

  [[nodiscard]] absl::Status begin(const std::vector<OffsetRange>& ranges);
  [[nodiscard]] absl::Status read(Log& log);

  std::vector<Log> logs_;
  TaskStore& store_;
  Consumer& consumer_;
  Logger log_;
  Pending<std::vector<OffsetRange>> ranges_;
  bool begun_ = false;
  std::uint64_t restored_ = 0;
  std::vector<RawRecord> batch_;
};

}  // namespace weir
