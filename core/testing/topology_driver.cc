#include <weir/core/testing/topology_driver.h>

#include <algorithm>

#include <weir/core/global_updater.h>
#include <weir/core/partition_plan.h>
#include <weir/core/status.h>

namespace weir {
namespace {

// The driver's stores are small; what is set aside for them is too.
constexpr StateLimits kLimits{.memory_bytes = std::size_t{16} << 20};

constexpr TaskId kTaskId{0, 0};

bool has_persistent_store(const Topology& topology) {
  return std::any_of(topology.stores.begin(), topology.stores.end(),
                     [](const StoreSpec& store) { return store.persistent; });
}

}  // namespace

absl::StatusOr<std::unique_ptr<TopologyDriver>> TopologyDriver::create(const Topology& topology,
                                                                       DriverOptions options) {
  std::unique_ptr<TopologyDriver> driver(new TopologyDriver(topology, std::move(options)));
  WEIR_RETURN_IF_ERROR(driver->open_task());
  return driver;
}

TopologyDriver::TopologyDriver(const Topology& topology, DriverOptions options)
    : options_(std::move(options)),
      topology_(topology),
      meta_survives_(has_persistent_store(topology)),
      clock_(options_.wall_clock) {
  if (options_.state_directory.empty()) {
    for (StoreSpec& store : topology_.stores) store.persistent = false;
  }
  lay_out_topics();
}

TopologyDriver::~TopologyDriver() {
  if (task_ != nullptr) task_->close();
  if (globals_ != nullptr) globals_->close();
}

TaskCounters TopologyDriver::counters() const {
  TaskCounters total = task_ != nullptr ? task_->counters() : TaskCounters();
  if (globals_ != nullptr) {
    for (std::size_t i = 0; i < kDropReasons; ++i) total.dropped[i] += globals_->counters().dropped[i];
  }
  return total;
}

void TopologyDriver::lay_out_topics() {
  for (const NodeSpec& node : topology_.nodes) {
    for (const TopicName& topic : node.topics) {
      if (topic.pattern) continue;
      const std::string name = topic.on_broker(options_.application_id);
      partitions_[name] = 1;
      if (node.kind == NodeKind::kSource)
        (node.global ? topics_[name].is_global : topics_[name].is_source) = true;
    }
  }
  for (const StoreSpec& store : topology_.stores) {
    if (store.logged) topics_[changelog_topic(options_.application_id, store.name)].is_changelog = true;
  }
  if (!options_.dead_letter_topic.empty()) partitions_[options_.dead_letter_topic] = 1;
  std::vector<std::string> names;
  for (const auto& [name, partitions] : partitions_) names.push_back(name);
  for (const std::string& name : matching_topics(topology_, options_.application_id, names)) {
    topics_[name].is_source = true;
  }
  for (auto& [name, topic] : topics_) topic.id = producer_.topic(name);
}

absl::Status TopologyDriver::match(const std::string& name) {
  if (matching_topics(topology_, options_.application_id, {name}).empty()) return absl::OkStatus();
  Topic& topic = topics_[name];
  if (topic.is_source) return absl::OkStatus();
  topic.id = producer_.topic(name);
  topic.is_source = true;
  partitions_[name] = 1;
  return task_->add_input({{name, 0}, nullptr, producer_.next_offset(topic.id)});
}

absl::StatusOr<std::unique_ptr<TaskStore>> TopologyDriver::open_store() {
  std::vector<StoreSpec> specs;
  for (const SubTopology& part : topology_.sub_topologies) {
    for (const std::size_t store : part.stores) specs.push_back(topology_.stores[store]);
  }
  if (specs.empty()) return std::unique_ptr<TaskStore>();
  TaskStoreOptions options;
  options.directory = directory_of(kTaskId);
  options.task = kTaskId.name();
  options.resources = resources_;
  auto opened = topology_.engine->open(options, specs);
  if (!opened.ok()) return opened.status();
  std::unique_ptr<TaskStore> store = *std::move(opened);

  for (const StoreSpec& spec : specs) {
    if (!spec.logged) continue;
    Topic& topic = topics_.at(changelog_topic(options_.application_id, spec.name));
    const auto known = store->meta().changelogs.find(spec.name);
    const Offset from = known != store->meta().changelogs.end() ? known->second : 0;
    // A state directory that another driver left behind: its changelog is gone, its offsets are not used
    // again.
    if (producer_.next_offset(topic.id) < from) producer_.continue_at(topic.id, from);
    std::vector<RawRecord> records;
    for (const OwnedRecord& record : topic.changelog) {
      if (record.offset >= from) records.push_back(to_raw(record));
    }
    if (records.empty()) continue;
    WEIR_RETURN_IF_ERROR(store->restore(spec.name, records, records.back().offset + 1));
  }
  if (surviving_meta_) WEIR_RETURN_IF_ERROR(store->apply(*surviving_meta_));
  return store;
}

std::string TopologyDriver::directory_of(const TaskId& task) const {
  return options_.state_directory.empty() ? "" : options_.state_directory + "/" + task.name();
}

absl::Status TopologyDriver::open_globals() {
  TaskStoreOptions options;
  options.directory = directory_of(kGlobalTask);
  options.task = kGlobalTask.name();
  options.resources = resources_;
  auto store = topology_.engine->open(options, global_stores(topology_));
  if (!store.ok()) return store.status();

  std::vector<TopicPartition> partitions;
  std::vector<OffsetRange> ranges;
  for (auto& [name, topic] : topics_) {
    if (!topic.is_global) continue;
    const TopicPartition where{name, 0};
    // As with changelogs that another driver left behind.
    const auto known = (*store)->meta().positions.find(where);
    if (known != (*store)->meta().positions.end() && producer_.next_offset(topic.id) < known->second) {
      producer_.continue_at(topic.id, known->second);
    }
    const Offset end = producer_.next_offset(topic.id);
    partitions.push_back(where);
    ranges.push_back({topic.changelog.empty() ? end : topic.changelog.front().offset, end});
  }
  const auto starts =
      begin_globals(topology_, options_.application_id, {partitions, ranges}, **store, options_.log);
  if (!starts.ok()) return starts.status();

  TaskEnvironment global = environment();
  global.producer = nullptr;
  global.globals = store->get();
  global.on_error = global_policy(options_.on_error);
  globals_ =
      std::make_unique<Task>(kGlobalTask, topology_, global_nodes(topology_), global, *std::move(store));
  std::vector<Task::Input> inputs;
  for (const PartitionOffset& start : *starts) inputs.push_back({start.where, nullptr, start.offset});
  WEIR_RETURN_IF_ERROR(globals_->open(std::move(inputs)));
  for (const PartitionOffset& start : *starts) {
    for (const OwnedRecord& record : topics_.at(start.where.topic).changelog) {
      if (record.offset >= start.offset) globals_->add(start.where, to_raw(record));
    }
  }
  return update_globals();
}

absl::Status TopologyDriver::update_globals() {
  while (true) {
    const auto more = globals_->process_next();
    if (!more.ok()) return more.status();
    if (!globals_->dirty()) return absl::OkStatus();
    WEIR_RETURN_IF_ERROR(globals_->prepare_commit());
    WEIR_RETURN_IF_ERROR(globals_->apply());
  }
}

TaskEnvironment TopologyDriver::environment() {
  TaskEnvironment environment;
  environment.application_id = options_.application_id;
  environment.state_directory = options_.state_directory;
  environment.clock = &clock_;
  environment.producer = &producer_;
  environment.globals = globals_ != nullptr ? globals_->task_store() : nullptr;
  environment.log = options_.log;
  environment.on_error = options_.on_error;
  environment.dead_letter_topic = options_.dead_letter_topic;
  environment.partitions = &partitions_;
  environment.partitions_of_others = 1;
  return environment;
}

absl::Status TopologyDriver::open_task() {
  if (topology_.engine != nullptr) {
    auto resources = topology_.engine->make_resources(kLimits);
    if (!resources.ok()) return resources.status();
    resources_ = *std::move(resources);
  } else if (!topology_.stores.empty()) {
    return absl::InvalidArgumentError("the topology has stores and no engine");
  }
  if (!topology_.globals.empty()) WEIR_RETURN_IF_ERROR(open_globals());
  auto store = open_store();
  if (!store.ok()) return store.status();

  std::vector<Task::Input> inputs;
  for (auto& [name, topic] : topics_) {
    if (!topic.is_source) continue;
    const TopicPartition where{name, 0};
    if (*store != nullptr) {
      const auto known = (*store)->meta().positions.find(where);
      if (known != (*store)->meta().positions.end() && producer_.next_offset(topic.id) < known->second) {
        producer_.continue_at(topic.id, known->second);
      }
    }
    const Offset position =
        topic.unprocessed.empty() ? producer_.next_offset(topic.id) : topic.unprocessed.front().offset;
    inputs.push_back({where, nullptr, position});
  }

  std::vector<NodeIndex> nodes;
  for (NodeIndex node = 0; node < topology_.nodes.size(); ++node) {
    if (!topology_.nodes[node].global) nodes.push_back(node);
  }
  task_ = std::make_unique<Task>(kTaskId, topology_, nodes, environment(), *std::move(store));
  return task_->open(std::move(inputs));
}

absl::Status TopologyDriver::may_step() {
  if (status_.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError("the driver stopped at an earlier failure: " + message_of(status_));
}

absl::Status TopologyDriver::end_step(const absl::Status& status) {
  ++next_step_;
  if (status.ok()) return status;
  status_ = status;
  producer_.forget();
  producer_.clear_failure();
  return status;
}

absl::Status TopologyDriver::pipe_raw(const std::string& topic, OwnedRecord record) {
  WEIR_RETURN_IF_ERROR(may_step());
  WEIR_RETURN_IF_ERROR(match(topic));
  const auto found = topics_.find(topic);
  if (found == topics_.end() || !(found->second.is_source || found->second.is_global)) {
    return absl::NotFoundError(fmt::format("the topology does not read the topic '{}'", topic));
  }
  record.offset = producer_.claim_offset(found->second.id);
  absl::Status status = feed(found->second, {topic, 0}, std::move(record));
  if (status.ok()) status = work_until_quiet();
  return end_step(status);
}

absl::Status TopologyDriver::advance_wall_clock(Duration by) {
  WEIR_RETURN_IF_ERROR(may_step());
  if (by.count() < 0)
    return absl::InvalidArgumentError(fmt::format("the clock goes forward: {} ms", by.count()));
  clock_.advance(by);
  absl::Status status = task_->fire_wall_timers();
  if (status.ok()) status = commit().status();
  if (status.ok()) status = work_until_quiet();
  return end_step(status);
}

absl::Status TopologyDriver::restart() {
  // On disk the meta is where it belongs already.
  if (task_ != nullptr) {
    if (meta_survives_ && options_.state_directory.empty() && task_->task_store() != nullptr) {
      surviving_meta_ = task_->task_store()->meta();
    }
    task_->close();
    task_.reset();
  }
  if (globals_ != nullptr) globals_->close();
  globals_.reset();
  producer_.forget();
  producer_.clear_failure();
  status_ = open_task();
  if (!status_.ok()) return end_step(status_);
  for (auto& [name, topic] : topics_) {
    for (const OwnedRecord& record : topic.unprocessed) task_->add({name, 0}, to_raw(record));
  }
  return end_step(work_until_quiet());
}

absl::Status TopologyDriver::work_until_quiet() {
  for (std::uint64_t processed = 0; processed < options_.records_per_step_max; ++processed) {
    const auto more = task_->process_next();
    if (!more.ok()) return more.status();
    // Records without a time are passed over without being processed; that is worth a commit too.
    if (!*more && !task_->dirty()) return absl::OkStatus();
    const auto committed = commit();
    if (!committed.ok()) return committed.status();
    // What is under way needs another moment of the clock.
    if (!*more && !*committed) return absl::OkStatus();
  }
  return fatal_error(fmt::format("the topology does not come to rest: {} records processed in one step",
                                 options_.records_per_step_max));
}

absl::StatusOr<bool> TopologyDriver::commit() {
  const auto home = task_->come_home();
  if (!home.ok() || !*home) return home;
  WEIR_RETURN_IF_ERROR(task_->prepare_commit());
  WEIR_RETURN_IF_ERROR(producer_.failure());
  WEIR_RETURN_IF_ERROR(task_->apply());
  for (const PartitionOffset& position : task_->positions()) {
    std::deque<OwnedRecord>& unprocessed = topics_.at(position.where.topic).unprocessed;
    while (!unprocessed.empty() && unprocessed.front().offset < position.offset) unprocessed.pop_front();
  }
  WEIR_RETURN_IF_ERROR(deliver());
  return true;
}

absl::Status TopologyDriver::deliver() {
  for (CapturingProducer::Captured& captured : producer_.take()) {
    if (captured.topic >= topics_by_id_.size()) topics_by_id_.resize(captured.topic + 1, nullptr);
    Topic*& topic = topics_by_id_[captured.topic];
    const std::string& name = producer_.name_of(captured.topic);
    if (topic == nullptr) {
      topic = &topics_[name];
      topic->id = captured.topic;
      WEIR_RETURN_IF_ERROR(match(name));
    }
    topic->was_written = true;
    if (topic->is_changelog) topic->changelog.push_back(captured.record);
    if (topic->is_source || topic->is_global) WEIR_RETURN_IF_ERROR(feed(*topic, {name, 0}, captured.record));
    topic->outputs.push_back({std::move(captured.record), next_step_, next_sequence_++});
  }
  return absl::OkStatus();
}

// Puts a record among those that the task has to process, or into the global stores; the copy is for a restart.
absl::Status TopologyDriver::feed(Topic& topic, const TopicPartition& where, OwnedRecord record) {
  Task& task = topic.is_global ? *globals_ : *task_;
  task.add(where, to_raw(record));
  if (!topic.is_global) {
    topic.unprocessed.push_back(std::move(record));
    return absl::OkStatus();
  }
  topic.changelog.push_back(std::move(record));
  return update_globals();
}

bool TopologyDriver::may_read(const absl::Status& decoded, const char* what, const std::string& topic,
                              Offset offset) {
  if (decoded.ok()) return true;
  if (!status_.ok()) return false;
  status_ =
      absl::InvalidArgumentError(fmt::format("the {} of an output is of another type: topic={} offset={}: {}",
                                             what, topic, offset, message_of(decoded)));
  return false;
}

std::vector<RawOutput> TopologyDriver::read_raw(const std::string& topic) {
  std::vector<RawOutput> result;
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return result;
  for (Written& written : found->second.outputs) {
    result.push_back({topic, std::move(written.record), written.step});
  }
  found->second.outputs.clear();
  return result;
}

std::vector<RawOutput> TopologyDriver::read_all_raw() {
  std::vector<std::pair<std::uint64_t, RawOutput>> ordered;
  for (auto& [name, topic] : topics_) {
    for (Written& written : topic.outputs) {
      ordered.emplace_back(written.sequence, RawOutput{name, std::move(written.record), written.step});
    }
    topic.outputs.clear();
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& left, const auto& right) { return left.first < right.first; });
  std::vector<RawOutput> result;
  result.reserve(ordered.size());
  for (auto& [sequence, output] : ordered) result.push_back(std::move(output));
  return result;
}

std::set<std::string> TopologyDriver::topics_written() const {
  std::set<std::string> names;
  for (const auto& [name, topic] : topics_) {
    if (topic.was_written) names.insert(name);
  }
  return names;
}

StateStore* TopologyDriver::store(const std::string& name) const {
  for (Task* task : {task_.get(), globals_.get()}) {
    TaskStore* stores = task != nullptr ? task->task_store() : nullptr;
    if (StateStore* found = stores != nullptr ? stores->find(name) : nullptr; found != nullptr) return found;
  }
  return nullptr;
}

}  // namespace weir
