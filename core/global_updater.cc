#include <weir/core/global_updater.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include <weir/core/planted.h>

namespace weir {
namespace {

constexpr std::size_t kGlobalRecordsPerStep = 5000;
constexpr Duration kLongestGlobalIdle{100};
constexpr Duration kPoll{1};
constexpr Duration kAskAgain{1'000};
// How often it is noted that stores have everything whose topics are at rest; more often where tombstones live for less than
// twice as long.
constexpr Duration kNoteInterval = std::chrono::hours{1};
// How often the ends are asked for where a node watches them.
constexpr Duration kWatchInterval{250};

}  // namespace

std::vector<NodeIndex> global_nodes(const Topology& topology) {
  std::vector<NodeIndex> nodes;
  for (const SubTopology& part : topology.globals) {
    nodes.insert(nodes.end(), part.nodes.begin(), part.nodes.end());
  }
  return nodes;
}

std::vector<StoreSpec> global_stores(const Topology& topology) {
  std::vector<StoreSpec> stores;
  for (const SubTopology& part : topology.globals) {
    for (const std::size_t store : part.stores) stores.push_back(topology.stores[store]);
  }
  return stores;
}

ErrorPolicy global_policy(ErrorPolicy application) {
  return application == ErrorPolicy::kDeadLetter ? ErrorPolicy::kSkip : application;
}

// That a store has what lies before its positions is remembered as an entry among the changelog offsets: it goes when the
// store goes, by whichever way (in memory, emptied, taken out of the program for a while).
absl::StatusOr<std::vector<PartitionOffset>> begin_globals(const Topology& topology,
                                                           const std::string& application_id,
                                                           const GlobalTopics& known_topics, TaskStore& store,
                                                           const Logger& log) {
  const std::vector<TopicPartition>& partitions = known_topics.partitions;
  const std::vector<OffsetRange>& ranges = known_topics.ranges;
  std::vector<PartitionOffset> starts;
  for (std::size_t i = 0; i < partitions.size(); ++i) starts.push_back({partitions[i], ranges[i].begin, ""});
  TaskMeta meta = store.meta();
  for (const SubTopology& part : topology.globals) {
    std::set<std::string> topics;
    for (const TopicName& topic : part.sources) topics.insert(topic.on_broker(application_id));
    bool continues = std::all_of(part.stores.begin(), part.stores.end(), [&](std::size_t index) {
      return meta.changelogs.contains(topology.stores[index].name);
    });
    // A store that was filled from another topic is of no use.
    for (const std::string& topic : topics) {
      const auto known = meta.positions.lower_bound({topic, 0});
      continues = continues && known != meta.positions.end() && known->first.topic == topic;
    }
    for (const std::string& topic : topics) {
      const auto lifetime = known_topics.tombstones.find(topic);
      if (!continues || meta.wall <= 0 || lifetime == known_topics.tombstones.end()) continue;
      continues = known_topics.now - meta.wall <= lifetime->second.count();
      if (continues || !log) continue;
      log(LogLevel::kWarning,
          fmt::format(
              "rebuilding global stores, since their topic may have forgotten deletions meanwhile: topic={} "
              "delete.retention.ms={} as_of={} now={}",
              topic, lifetime->second.count(), meta.wall, known_topics.now));
    }
    for (std::size_t i = 0; i < partitions.size() && continues; ++i) {
      const auto known = meta.positions.find(partitions[i]);
      if (!topics.contains(partitions[i].topic) || known == meta.positions.end()) continue;
      starts[i].offset = known->second;
      continues = known->second >= ranges[i].begin && known->second <= ranges[i].end;
      if (continues || !log) continue;
      log(LogLevel::kWarning,
          fmt::format(
              "rebuilding global stores from a topic that no longer holds where they stopped: topic={} "
              "partition={} stopped={} begin={} end={}",
              partitions[i].topic, partitions[i].partition, known->second, ranges[i].begin, ranges[i].end));
    }
    if (continues) continue;
    for (std::size_t i = 0; i < partitions.size(); ++i) {
      if (!topics.contains(partitions[i].topic)) continue;
      starts[i].offset = ranges[i].begin;
      meta.positions.erase(partitions[i]);
    }
    for (const std::size_t index : part.stores) {
      const std::string& name = topology.stores[index].name;
      WEIR_RETURN_IF_ERROR(store.clear(name));
      meta.changelogs[name] = 0;
    }
  }
  WEIR_RETURN_IF_ERROR(store.apply(meta));
  return starts;
}

GlobalUpdater::GlobalUpdater(const Topology& topology, const PartitionPlan& plan, Transport& transport,
                             const Clock& clock, WorkerOptions options)
    : topology_(topology),
      partitions_(plan.globals),
      counts_(plan.partitions),
      transport_(transport),
      clock_(clock),
      options_(std::move(options)) {}

GlobalUpdater::~GlobalUpdater() {
  if (task_ != nullptr) task_->close();
}

Duration GlobalUpdater::run_once() {
  if (failed()) return kLongestGlobalIdle;
  const auto idle = advance();
  publish();
  if (idle.ok()) return *idle;
  failure_ = with_context(idle.status(), "global stores");
  if (options_.log) options_.log(LogLevel::kError, message_of(failure_));
  failed_.store(true, std::memory_order_release);
  return kLongestGlobalIdle;
}

void GlobalUpdater::idle_wait(Duration at_most) {
  if (consumer_ != nullptr && at_most.count() > 0) consumer_->wait(at_most);
}

absl::StatusOr<Duration> GlobalUpdater::advance() {
  if (consumer_ == nullptr) WEIR_RETURN_IF_ERROR(connect());
  WEIR_RETURN_IF_ERROR(serve_client());
  if (task_ == nullptr) {
    if (know_topics()) WEIR_RETURN_IF_ERROR(find_ends());
    return kPoll;
  }
  const auto progressed = read();
  if (!progressed.ok()) return progressed.status();
  WEIR_RETURN_IF_ERROR(tell_watchers());
  ask_for_ends();
  if (*progressed) return Duration{0};
  WEIR_RETURN_IF_ERROR(note_age());
  return complete() ? kLongestGlobalIdle : kPoll;
}

absl::Status GlobalUpdater::connect() {
  ConsumerOptions options;
  options.client_id = options_.client_id;
  options.read_committed =
      options_.guarantee == Guarantee::kExactlyOnce && !WEIR_PLANTED("global-uncommitted");
  options.session_timeout = options_.session_timeout;
  options.properties = options_.consumer_properties;
  auto consumer = transport_.make_consumer(options);
  if (!consumer.ok()) return consumer.status();
  auto admin = transport_.make_admin();
  if (!admin.ok()) return admin.status();
  consumer_ = *std::move(consumer);
  admin_ = *std::move(admin);
  return absl::OkStatus();
}

bool GlobalUpdater::know_topics() {
  if (topics_known_) return true;
  admin_->poll();
  std::set<std::string> names;
  for (const TopicPartition& where : partitions_) names.insert(where.topic);
  if (!describing_.started()) {
    if (clock_.steady() < ask_again_at_) return false;
    describing_ = admin_->describe_topics({names.begin(), names.end()});
  }
  if (!describing_.ready()) return false;
  const auto described = describing_.take();
  if (!described.ok()) {
    ask_again_at_ = clock_.steady() + kAskAgain;
    if (class_of(described.status()) == ErrorClass::kRetriable) return false;
    if (options_.log)
      options_.log(LogLevel::kWarning,
                   "the settings of the topics of global stores are taken for the brokers' defaults: " +
                       message_of(described.status()));
    for (const std::string& name : names) tombstones_[name] = kDefaultTombstoneLifetime;
    return topics_known_ = true;
  }
  for (const TopicDescription& topic : *described) {
    if (const auto lifetime = tombstone_lifetime(topic)) tombstones_[topic.name] = *lifetime;
  }
  return topics_known_ = true;
}

absl::Status GlobalUpdater::serve_client() {
  std::vector<ConsumerEvent> events;
  consumer_->poll(events);
  for (const ConsumerEvent& event : events) {
    const auto* error = std::get_if<ConsumerError>(&event);
    if (error == nullptr) continue;
    if (class_of(error->status) == ErrorClass::kFatal) return error->status;
    if (options_.log) options_.log(LogLevel::kWarning, message_of(error->status));
  }
  return absl::OkStatus();
}

absl::Status GlobalUpdater::find_ends() {
  if (!ranges_.started()) {
    asked_ = clock_.steady();
    ranges_ = consumer_->offset_ranges(partitions_);
  }
  if (!ranges_.ready()) return absl::OkStatus();
  const auto ranges = ranges_.take();
  if (!ranges.ok()) {
    // A broker that is away comes back; it is asked again at the next step.
    if (class_of(ranges.status()) == ErrorClass::kRetriable) return absl::OkStatus();
    return with_context(ranges.status(), "cannot find the ends of the topics");
  }
  return open_store(*ranges);
}

absl::Status GlobalUpdater::open_store(const std::vector<OffsetRange>& ranges) {
  TaskStoreOptions store_options;
  store_options.directory = options_.state_directory + "/" + kGlobalTask.name();
  store_options.task = kGlobalTask.name();
  store_options.resources = options_.resources;
  auto store = topology_.engine->open(store_options, global_stores(topology_));
  if (!store.ok()) return store.status();
  const auto starts = begin_globals(topology_, options_.application_id,
                                    {partitions_, ranges, tombstones_, clock_.wall()}, **store, options_.log);
  if (!starts.ok()) return starts.status();
  auto readers = consumer_->assign(*starts);
  if (!readers.ok()) return readers.status();
  std::vector<Task::Input> inputs;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    ends_[(*starts)[i].where] = ranges[i].end;
    inputs.push_back({(*starts)[i].where, std::move((*readers)[i]), (*starts)[i].offset});
  }

  TaskEnvironment environment;
  environment.application_id = options_.application_id;
  environment.state_directory = options_.state_directory;
  environment.clock = &clock_;
  environment.globals = store->get();
  environment.log = options_.log;
  environment.on_error = global_policy(options_.on_error);
  environment.partitions = &counts_;
  environment.max_task_idle = Duration{-1};
  auto task =
      std::make_unique<Task>(kGlobalTask, topology_, global_nodes(topology_), environment, *std::move(store));
  WEIR_RETURN_IF_ERROR(task->open(std::move(inputs)));
  task_ = std::move(task);
  return absl::OkStatus();
}

absl::StatusOr<bool> GlobalUpdater::read() {
  bool progressed = task_->fill({options_.buffered_records, options_.buffered_bytes}) > 0;
  for (std::size_t count = 0; count < kGlobalRecordsPerStep; ++count) {
    const auto processed = task_->process_next();
    if (!processed.ok()) return processed.status();
    if (!*processed) break;
    progressed = true;
  }
  WEIR_RETURN_IF_ERROR(task_->fire_wall_timers());
  if (task_->dirty()) WEIR_RETURN_IF_ERROR(commit());
  if (!complete()) {
    std::uint64_t remaining = 0;
    for (const PartitionOffset& position : task_->positions()) {
      const Offset end = ends_.at(position.where);
      if (position.offset < end) remaining += static_cast<std::uint64_t>(end - position.offset);
    }
    remaining_.store(remaining, std::memory_order_relaxed);
    if (remaining == 0) {
      WEIR_RETURN_IF_ERROR(tell_watchers());
      complete_.store(true, std::memory_order_release);
    }
  }
  return progressed;
}

absl::Status GlobalUpdater::commit() {
  WEIR_RETURN_IF_ERROR(task_->prepare_commit());
  return task_->apply();
}

void GlobalUpdater::ask_for_ends() {
  if (!complete()) return;
  const Duration now = clock_.steady();
  if (!ranges_.started()) {
    const bool to_watch = task_->watches_ends() && now >= next_asked_;
    const bool to_note = !tombstones_.empty() && now >= next_note_;
    if (!to_watch && !to_note) return;
    next_asked_ = now + kWatchInterval;
    asking_since_ = now;
    ranges_ = consumer_->offset_ranges(partitions_);
    return;
  }
  if (!ranges_.ready()) return;
  const bool to_note = now >= next_note_;
  if (to_note) {
    next_note_ = now + kNoteInterval;
    for (const auto& [topic, lifetime] : tombstones_)
      next_note_ = std::min(next_note_, now + std::max(lifetime / 2, kAskAgain));
  }
  const auto ranges = ranges_.take();
  if (!ranges.ok()) return;  // asked again
  if (to_note) ends_noted_ = false;
  for (std::size_t i = 0; i < partitions_.size(); ++i) ends_[partitions_[i]] = (*ranges)[i].end;
  asked_ = asking_since_;
  ends_told_ = false;
}

// What they were given has been applied before: who sees that they were told sees that as well.
absl::Status GlobalUpdater::tell_watchers() {
  if (ends_told_ || !task_->watches_ends()) return absl::OkStatus();
  const auto all = task_->tell_ends(ends_, asked_);
  if (!all.ok()) return all.status();
  ends_told_ = *all;
  return task_->dirty() ? commit() : absl::OkStatus();
}

absl::Status GlobalUpdater::note_age() {
  if (ends_noted_ || !complete() || tombstones_.empty()) return absl::OkStatus();
  for (const PartitionOffset& position : task_->positions()) {
    if (position.offset < ends_.at(position.where)) return absl::OkStatus();
  }
  ends_noted_ = true;
  return commit();
}

void GlobalUpdater::publish() {
  if (task_ == nullptr) return;
  const TaskCounters& counters = task_->counters();
  read_.store(counters.processed, std::memory_order_relaxed);
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    dropped_[i].store(counters.dropped[i], std::memory_order_relaxed);
  }
}

}  // namespace weir
