#include <weir/core/app_wiring.h>

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/memory_budget.h>

namespace weir {
namespace {

constexpr Duration kAtLeastOnceInterval{30'000};
constexpr Duration kExactlyOnceInterval{100};

bool uses_dead_letters(const Topology& topology, const AppConfig& config) {
  return std::any_of(topology.nodes.begin(), topology.nodes.end(), [&](const NodeSpec& node) {
    ErrorPolicy policy = node.on_error == ErrorPolicy::kInherit ? config.on_error : node.on_error;
    if (policy == ErrorPolicy::kRetry) policy = config.retry.then;
    return policy == ErrorPolicy::kDeadLetter ||
           (node.kind == NodeKind::kSink && node.on_error == ErrorPolicy::kInherit &&
            config.on_production_error == ErrorPolicy::kDeadLetter);
  });
}

}  // namespace

Logger logger_of(const AppConfig& config) {
  if (!config.log) return log_to_stderr(LogLevel::kWarning);
  if (!*config.log) return [](LogLevel, std::string_view) {};
  return *config.log;
}

absl::Status check_config(const Topology& topology, const AppConfig& config) {
  std::vector<std::string> faults;
  if (config.application_id.empty()) faults.push_back("application_id is empty");
  if (config.transport == nullptr) faults.push_back("transport is not set (see weir::connect)");
  if (config.workers < 1) faults.push_back(fmt::format("workers is {}", config.workers));
  if (config.commit_interval && config.commit_interval->count() < 1) {
    faults.push_back(fmt::format("commit_interval is {} ms", config.commit_interval->count()));
  }
  if (config.commit_latency_target && config.commit_latency_target->count() < 1) {
    faults.push_back(fmt::format("commit_latency_target is {} ms", config.commit_latency_target->count()));
  }
  if (config.positions_interval.count() < 1) {
    faults.push_back(fmt::format("positions_interval is {} ms", config.positions_interval.count()));
  }
  if (config.stall_limit.count() < 0) {
    faults.push_back(fmt::format("stall_limit is {} ms", config.stall_limit.count()));
  }
  if (config.topic_refresh_interval.count() < 1) {
    faults.push_back(fmt::format("topic_refresh_interval is {} ms", config.topic_refresh_interval.count()));
  }
  if (config.retry.attempts < 0) faults.push_back(fmt::format("retry.attempts is {}", config.retry.attempts));
  if (config.retry.first_pause.count() < 1 || config.retry.longest_pause < config.retry.first_pause) {
    faults.push_back(fmt::format("retry goes from pauses of {} ms to {} ms", config.retry.first_pause.count(),
                                 config.retry.longest_pause.count()));
  }
  if (config.retry.then == ErrorPolicy::kRetry || config.retry.then == ErrorPolicy::kInherit) {
    faults.push_back("retry.then must say what happens in the end: fail, skip or dead-letter");
  }
  if (config.on_production_error == ErrorPolicy::kRetry ||
      config.on_production_error == ErrorPolicy::kInherit) {
    faults.push_back("on_production_error must be to fail, skip or dead-letter: what may be sent again is");
  }
  if (config.standby_replicas < 0 && config.standby_replicas != kAllInstances) {
    faults.push_back(fmt::format("standby_replicas is {}", config.standby_replicas));
  }
  if (config.standby_refresh_interval.count() < 1) {
    faults.push_back(
        fmt::format("standby_refresh_interval is {} ms", config.standby_refresh_interval.count()));
  }
  if (config.remove_unused_state_after && config.remove_unused_state_after->count() < 1) {
    faults.push_back(
        fmt::format("remove_unused_state_after is {} ms", config.remove_unused_state_after->count()));
  }
  if (config.buffered_records < 1) faults.push_back("buffered_records is 0");
  const bool persistent = std::any_of(topology.stores.begin(), topology.stores.end(),
                                      [](const StoreSpec& store) { return store.persistent; });
  if (persistent && config.state_directory.empty()) {
    faults.push_back("state_directory is empty, but the topology has persistent stores");
  }
  if (config.guarantee == Guarantee::kExactlyOnce && config.state_directory.empty() &&
      config.instance_id.empty()) {
    faults.push_back(
        "state_directory and instance_id are empty, but exactly-once needs an instance id that survives "
        "restarts");
  }
  if (config.dead_letter_topic.empty() && uses_dead_letters(topology, config)) {
    faults.push_back("dead_letter_topic is empty, but records are to be sent aside");
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the configuration cannot work: {}", fmt::join(faults, "; ")));
}

WorkerOptions worker_options(const AppConfig& config, const InstanceState& instance, const std::string& role,
                             int slot, const TaskStore* globals) {
  WorkerOptions options;
  options.application_id = config.application_id;
  const std::string& id = config.instance_id.empty() ? instance.id : config.instance_id;
  options.client_id = fmt::format("{}-{}-{}{}{}", config.application_id, id, role,
                                  config.rack.empty() ? "" : "@", config.rack);
  options.transactional_id = fmt::format("{}-{}-{}", config.application_id, id, slot);
  if (!config.instance_id.empty()) options.instance_id = fmt::format("{}-{}", config.instance_id, slot);
  options.guarantee = config.guarantee;
  options.commit_interval = config.commit_interval.value_or(
      config.guarantee == Guarantee::kExactlyOnce ? kExactlyOnceInterval : kAtLeastOnceInterval);
  options.commit_latency_target = config.commit_latency_target;
  options.positions_interval = config.positions_interval;
  options.transaction_records_max = config.transaction_records_max;
  options.transaction_bytes_max = config.transaction_bytes_max;
  options.stall_limit = config.stall_limit;
  options.on_stall = config.on_stall;
  options.offset_reset = config.offset_reset;
  options.on_error = config.on_error;
  options.on_production_error = config.on_production_error;
  options.retry = config.retry;
  options.dead_letter_topic = config.dead_letter_topic;
  options.max_task_idle = config.max_task_idle;
  options.buffered_records = config.buffered_records;
  const MemoryShares memory = share_out(config.memory_bytes, config.workers, instance.partitions,
                                        /*stateful=*/instance.resources != nullptr);
  options.buffered_bytes = memory.buffered_bytes;
  options.uncommitted_bytes_max = memory.uncommitted_bytes;
  options.partition_queue_bytes = memory.partition_queue_bytes;
  options.producer_queue_bytes = memory.producer_queue_bytes;
  options.state_directory = instance.directory;
  options.resources = instance.resources;
  options.globals = globals;
  options.repartition_purge_interval = config.repartition_purge_interval;
  options.session_timeout = config.session_timeout;
  options.consumer_properties = config.consumer_properties;
  if (!config.rack.empty()) options.consumer_properties.emplace("client.rack", config.rack);
  options.producer_properties = config.producer_properties;
  options.log = logger_of(config);
  return options;
}

BootstrapOptions bootstrap_options(const AppConfig& config) {
  return {.internal_topics = config.internal_topics,
          .wait_for_topics = config.wait_for_topics,
          .log = logger_of(config)};
}

KeeperOptions keeper_options(const AppConfig& config, const InstanceState& instance,
                             RestoreListener listener) {
  KeeperOptions options;
  options.worker = worker_options(config, instance, "stores", 0, nullptr);
  options.instance_id = config.instance_id.empty() ? instance.id : config.instance_id;
  options.standby_replicas = config.standby_replicas;
  options.observe = config.catch_up_before_joining.has_value();
  options.look_interval = config.standby_refresh_interval;
  options.remove_unused_after = config.remove_unused_state_after;
  options.listener = std::move(listener);
  return options;
}

}  // namespace weir
