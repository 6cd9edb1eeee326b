// What an application decides for its workers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include <weir/core/clock.h>
#include <weir/core/error_policy.h>
#include <weir/core/log.h>
#include <weir/core/offset_reset.h>
#include <weir/core/pause_board.h>
#include <weir/core/progress_watch.h>
#include <weir/core/task_store.h>
#include <weir/core/time.h>

namespace weir {

enum class Guarantee {
  kAtLeastOnce,  // after a crash some records are processed again
  kExactlyOnce,  // outputs, state and positions are committed together, in a Kafka transaction
};

class StoreKeeper;
class WorkerShares;

struct WorkerOptions {
  std::string application_id = {};
  std::string client_id = {};         // as in core/standby_placement.h; unique in the group
  std::string transactional_id = {};  // for exactly-once
  std::string instance_id = {};       // static membership when not empty
  // What of the application is paused; null: nothing ever is. Outlives the worker.
  const PauseBoard* pauses = nullptr;
  Guarantee guarantee = Guarantee::kAtLeastOnce;
  Duration commit_interval{30'000};
  std::optional<Duration> commit_latency_target = {};  // see commit_pacer.h; then commit_interval has no say
  // All positions are committed at least so often, also where nothing was processed: brokers forget those of topics that no
  // member subscribes to (after a week by default), and no member subscribes to our sources.
  Duration positions_interval = std::chrono::hours{1};
  // What a transaction may have sent before a commit comes early; 0: any.
  std::uint64_t transaction_records_max = 0;
  std::uint64_t transaction_bytes_max = 0;
  // How long a task may have work without getting on before it is reported; 0: for ever. See progress_watch.h.
  Duration stall_limit{0};
  StallListener on_stall = {};
  OffsetReset offset_reset = OffsetReset::kEarliest;
  ErrorPolicy on_error = ErrorPolicy::kFail;
  ErrorPolicy on_production_error = ErrorPolicy::kFail;
  RetryOptions retry = {};
  std::string dead_letter_topic = {};
  Duration max_task_idle{0};
  // Records kept per partition between the client and the task.
  std::size_t buffered_records = 1000;
  // What all its partitions together may keep there.
  std::size_t buffered_bytes = std::size_t{16} << 20;
  // The same and the limits of what is uncommitted and of the producer's queue, as they are now that workers come and go; null: as
  // said here. Outlives the worker.
  const WorkerShares* shares = nullptr;
  // What a partition may have in the client beside that, and what may wait for the broker's acknowledgement.
  std::size_t partition_queue_bytes = std::size_t{8} << 20;
  std::size_t producer_queue_bytes = std::size_t{64} << 20;
  std::string state_directory = {};  // tasks have folders below it
  std::shared_ptr<StateResources> resources =
      {};  // shared by the workers of a process; null if there is no store
  // The instance's keeper of stores, stepped by somebody else; outlives the worker. Null: the worker has one of its own.
  StoreKeeper* keeper = nullptr;
  // The instance's global stores, complete; null if the topology has none. Outlive the worker.
  const TaskStore* globals = nullptr;
  // Uncommitted state above which a commit comes early.
  std::size_t uncommitted_bytes_max = std::size_t{64} << 20;
  // How often what is processed is deleted from repartition topics; zero: never.
  Duration repartition_purge_interval{30'000};
  Duration session_timeout{45'000};
  std::map<std::string, std::string> consumer_properties = {};
  std::map<std::string, std::string> producer_properties = {};
  Logger log = {};
};

}  // namespace weir
