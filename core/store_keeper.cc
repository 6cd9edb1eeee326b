#include <weir/core/store_keeper.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <weir/core/planted.h>
#include <weir/core/status.h>

namespace weir {
namespace {

constexpr Duration kLongestIdle{50};
constexpr Duration kPoll{1};
constexpr Duration kPublishInterval{100};
// Between attempts at what somebody else holds up (a lock, a broker), and at a standby that failed.
constexpr Duration kRetryInterval{100};
constexpr Duration kStandbyRetryInterval{10'000};
constexpr Duration kAskAgainInterval{1'000};
constexpr Duration kCleaningInterval{10'000};
// "<sub-topology>_<partition>", as tasks name their folders.
std::optional<TaskId> task_of_folder(const std::string& name) {
  TaskId task;
  const char* const end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, task.sub_topology);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '_') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, task.partition);
  if (second.ec != std::errc() || second.ptr != end || task.name() != name) return std::nullopt;
  return task;
}

}  // namespace

// ------------------------------------------------------------------------------------------------------ requests

StoreKeeper::Request& StoreKeeper::Request::operator=(Request&& other) noexcept {
  if (this == &other) return *this;
  withdraw();
  keeper_ = other.keeper_;
  ticket_ = std::move(other.ticket_);
  return *this;
}

StoreKeeper::Request::~Request() { withdraw(); }

// What is there already goes back by itself, outside of the lock.
void StoreKeeper::Request::withdraw() {
  if (ticket_ == nullptr) return;
  LentStore store;
  {
    const std::lock_guard lock(keeper_->mutex_);
    ticket_->withdrawn = true;
    store = std::move(ticket_->store);
  }
  store.reset();
  keeper_->wake();
  ticket_.reset();
}

void StoreKeeper::Request::seal() {
  {
    const std::lock_guard lock(keeper_->mutex_);
    if (std::exchange(ticket_->sealed, true)) return;
  }
  keeper_->wake();
}

absl::StatusOr<bool> StoreKeeper::Request::ready() const {
  const std::lock_guard lock(keeper_->mutex_);
  if (!ticket_->failure.ok()) return ticket_->failure;
  return ticket_->complete;
}

LentStore StoreKeeper::Request::take() {
  const std::lock_guard lock(keeper_->mutex_);
  return std::move(ticket_->store);
}

std::uint64_t StoreKeeper::Request::restored_records() const {
  if (ticket_ == nullptr) return 0;
  const std::lock_guard lock(keeper_->mutex_);
  return ticket_->records;
}

std::uint64_t StoreKeeper::Request::remaining_records() const {
  if (ticket_ == nullptr) return 0;
  const std::lock_guard lock(keeper_->mutex_);
  return ticket_->remaining;
}

StoreKeeper::StoreKeeper(const Topology& topology, Transport& transport, const Clock& clock,
                         KeeperOptions options)
    : topology_(topology),
      transport_(transport),
      clock_(clock),
      options_(std::move(options)),
      observing_(options_.observe) {}

StoreKeeper::~StoreKeeper() {
  const std::lock_guard lock(mutex_);
  awake_ = nullptr;
}

StoreKeeper::Request StoreKeeper::request(TaskId task) {
  auto ticket = std::make_shared<Ticket>();
  ticket->task = task;
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(ticket);
  }
  wake();
  return {*this, std::move(ticket)};
}

void StoreKeeper::give_back(TaskId task, std::unique_ptr<TaskStore> store) {
  {
    const std::lock_guard lock(mutex_);
    returned_.emplace_back(task, std::move(store));
  }
  wake();
}

void StoreKeeper::use_plan(const PartitionPlan& plan) {
  const std::lock_guard lock(mutex_);
  new_plan_ = plan.tasks;
}

void StoreKeeper::wake() {
  const std::lock_guard lock(mutex_);
  if (awake_ != nullptr) awake_->wake();
}

bool StoreKeeper::caught_up(std::uint64_t records) const {
  return !observing_.load() || observer_lag_.load() <= records;
}

std::vector<RestoreProgress> StoreKeeper::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void StoreKeeper::log(LogLevel level, const std::string& message) const {
  if (options_.worker.log)
    options_.worker.log(level, fmt::format("{}: {}", options_.worker.client_id, message));
}

// ------------------------------------------------------------------------------------------------------- stepping

Duration StoreKeeper::run_once() {
  Duration idle = kLongestIdle;
  advance(idle);
  const Duration now = clock_.steady();
  if (now - last_publish_ >= kPublishInterval || idle.count() > 0) {
    last_publish_ = now;
    publish();
  }
  return idle;
}

void StoreKeeper::idle_wait(Duration at_most) {
  if (at_most.count() <= 0) return;
  if (consumer_ != nullptr) {
    consumer_->wait(at_most);
  } else {
    std::this_thread::sleep_for(std::min(at_most, kPoll));
  }
}

void StoreKeeper::advance(Duration& idle) {
  take_news();
  if (topology_.engine == nullptr) return;
  if (consumer_ == nullptr && broken_.ok() && !connect()) return;
  if (!broken_.ok()) return fail_all(broken_);
  serve_clients();
  look_around();
  bool waiting = false;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (advance_entry(entry->first, entry->second)) {
      entry = entries_.erase(entry);
      continue;
    }
    waiting = waiting || !entry->second.tickets.empty() || (entry->second.standby && !entry->second.out);
    ++entry;
  }
  if (read()) {
    idle = Duration{0};
  } else if (std::any_of(entries_.begin(), entries_.end(),
                         [](const auto& entry) { return !entry.second.tickets.empty(); })) {
    idle = kPoll;
  } else if (waiting || describing_.started() || looking_.started()) {
    idle = Duration{10};
  }
  if (options_.remove_unused_after && clock_.steady() >= next_cleaning_) remove_unused();
}

bool StoreKeeper::connect() {
  ConsumerOptions consumer;
  consumer.client_id = options_.worker.client_id;
  consumer.read_committed = options_.worker.guarantee == Guarantee::kExactlyOnce;
  if (WEIR_PLANTED("restore-uncommitted")) consumer.read_committed = false;
  consumer.properties = options_.worker.consumer_properties;
  consumer.partition_queue_bytes = options_.worker.partition_queue_bytes;
  auto made = transport_.make_consumer(consumer);
  auto admin = transport_.make_admin();
  if (!made.ok() || !admin.ok()) {
    broken_ = with_context(made.ok() ? admin.status() : made.status(), "cannot restore stores");
    fail_all(broken_);
    return false;
  }
  consumer_ = *std::move(made);
  admin_ = *std::move(admin);
  next_look_ = clock_.steady();
  const std::lock_guard lock(mutex_);
  awake_ = consumer_.get();
  return true;
}

// Takes over what others have left for the keeper's thread.
void StoreKeeper::take_news() {
  std::vector<std::shared_ptr<Ticket>> asked;
  std::vector<std::pair<TaskId, std::unique_ptr<TaskStore>>> returned;
  std::optional<std::vector<TaskPlan>> plan;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(asked_);
    returned.swap(returned_);
    plan.swap(new_plan_);
  }
  for (auto& [task, store] : returned) {
    Entry& entry = entries_[task];
    entry.out = false;
    // What its task did not commit never was. A database is opened anew when it is wanted: the task may have failed because
    // of it. What is in memory exists here only.
    if (!WEIR_PLANTED("given-back-dirty")) store->drop();
    const auto specs = stores_of(task);
    const bool in_memory =
        std::any_of(specs.begin(), specs.end(), [](const StoreSpec& spec) { return !spec.persistent; });
    if (in_memory) {
      entry.store = std::move(store);
    } else {
      store.reset();
    }
    // The task may be about to move to where this is its standby: the group's next shape decides.
    if (options_.standby_replicas != 0) {
      entry.standby = true;
      view_ = {};
      next_look_ = clock_.steady();
    }
  }
  for (auto& ticket : asked) {
    Entry& entry = entries_[ticket->task];
    entry.tickets.push_back(ticket);
    entry.retry_at = Duration{0};
  }
  if (plan) {
    tasks_ = *std::move(plan);
    place_standbys();
  }
}

void StoreKeeper::serve_clients() {
  admin_->poll();
  events_.clear();
  consumer_->poll(events_);
  for (const ConsumerEvent& event : events_) {
    const auto* error = std::get_if<ConsumerError>(&event);
    if (error == nullptr) continue;
    log(LogLevel::kWarning, fmt::format("{}: topic={} partition={}", message_of(error->status),
                                        error->where.topic, error->where.partition));
    bool ours = false;
    for (auto& [task, entry] : entries_) {
      if (entry.restorer == nullptr || !entry.restorer->lost_place(error->where)) continue;
      ours = true;
      if (absl::IsPermissionDenied(error->status)) {
        fail_entry(task, entry, with_context(error->status, "cannot read " + error->where.topic));
        continue;
      }
      entry.retry_at = clock_.steady() + kRetryInterval;
    }
    if (!ours && class_of(error->status) == ErrorClass::kFatal && error->where.topic.empty()) {
      broken_ = with_context(error->status, "the consumer that restores stores failed");
    }
  }
}

bool StoreKeeper::know_changelogs() {
  if (changelogs_known_) return true;
  if (!describing_.started()) {
    if (clock_.steady() < ask_again_at_) return false;
    std::vector<std::string> names;
    for (const StoreSpec& store : topology_.stores) {
      if (store.logged && !store.global)
        names.push_back(changelog_topic(options_.worker.application_id, store.name));
    }
    if (names.empty()) return changelogs_known_ = true;
    describing_ = admin_->describe_topics(std::move(names));
  }
  if (!describing_.ready()) return false;
  const auto described = describing_.take();
  if (!described.ok()) {
    ask_again_at_ = clock_.steady() + kAskAgainInterval;
    if (class_of(described.status()) == ErrorClass::kRetriable) return false;
    log(LogLevel::kWarning,
        "the changelogs' settings are taken for the brokers' defaults: " + message_of(described.status()));
    for (const StoreSpec& store : topology_.stores)
      tombstones_[changelog_topic(options_.worker.application_id, store.name)] = kDefaultTombstoneLifetime;
    return changelogs_known_ = true;
  }
  for (const TopicDescription& topic : *described) {
    if (const auto lifetime = tombstone_lifetime(topic)) tombstones_[topic.name] = *lifetime;
  }
  return changelogs_known_ = true;
}

// ------------------------------------------------------------------------------------------------------- standbys

void StoreKeeper::look_around() {
  if (options_.standby_replicas == 0 && !observing_.load()) return;
  if (!looking_.started()) {
    if (clock_.steady() < next_look_) return;
    next_look_ = clock_.steady() + options_.look_interval;
    looking_ = admin_->describe_group(options_.worker.application_id);
    return;
  }
  if (!looking_.ready()) return;
  const auto group = looking_.take();
  if (!group.ok()) return log(LogLevel::kWarning, message_of(group.status()));
  const auto view = view_of(*group, options_.worker.application_id);
  // The group has found its shape when every task has an owner; until then the last view stands.
  if (!view || view->owners.size() < tasks_.size()) return;
  if (observing_.load()) {
    if (!view->instances.contains(options_.instance_id)) return;
    observing_.store(false);
    log(LogLevel::kInfo, "the group has given its tasks to the instances: no longer observing");
  }
  if (*view == view_) return;
  view_ = *view;
  place_standbys();
}

void StoreKeeper::place_standbys() {
  std::set<TaskId> wanted;
  for (std::size_t token = 0; token < tasks_.size(); ++token) {
    const TaskId task = tasks_[token].id;
    if (!has_stores(task)) continue;
    const bool here = observing_.load() ||
                      standbys_of(task, static_cast<Partition>(token), view_, options_.standby_replicas)
                          .contains(options_.instance_id);
    if (here) wanted.insert(task);
  }
  for (const TaskId task : wanted) entries_[task].standby = true;
  for (auto& [task, entry] : entries_) {
    if (!wanted.contains(task)) entry.standby = false;
    if (entry.restorer != nullptr) entry.restorer->follow(entry.standby);
  }
}

// -------------------------------------------------------------------------------------------------------- entries

bool StoreKeeper::advance_entry(TaskId task, Entry& entry) {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(entry.tickets, [](const auto& ticket) { return ticket->withdrawn; });
  }
  if (entry.tickets.empty() && entry.serving != nullptr) {
    entry.serving = nullptr;
    entry.sealed_for = nullptr;
    if (entry.restorer != nullptr) {
      entry.restorer->tell(nullptr);
      entry.standby_records = entry.restorer->restored_records();
    }
  }
  if (entry.out) return false;
  if (entry.tickets.empty() && !entry.standby) return true;
  if (clock_.steady() < entry.retry_at || !know_changelogs()) return false;
  if (entry.store == nullptr) {
    if (const absl::Status opened = open(task, entry); !opened.ok()) {
      fail_entry(task, entry, opened);
      return false;
    }
  }
  if (entry.restorer == nullptr) {
    entry.restorer =
        std::make_unique<Restorer>(options_.worker.application_id, task, stores_of(task), *entry.store,
                                   *consumer_, clock_, tombstones_, options_.worker.log);
    entry.restorer->follow(entry.standby);
    entry.standby_records = 0;
  }
  serve_newest(entry);
  if (const absl::Status stepped = entry.restorer->step(); !stepped.ok()) {
    fail_entry(task, entry, stepped);
    return false;
  }
  entry.failed = false;
  if (entry.serving != nullptr && entry.sealed_for == entry.serving && entry.restorer->complete()) {
    hand_over(task, entry);
  }
  return false;
}

absl::Status StoreKeeper::open(TaskId task, Entry& entry) {
  TaskStoreOptions options;
  options.directory = options_.worker.state_directory + "/" + task.name();
  options.task = task.name();
  options.resources = options_.worker.resources;
  auto store = topology_.engine->open(options, stores_of(task));
  if (!store.ok()) return store.status();
  entry.store = *std::move(store);
  return absl::OkStatus();
}

// The newest request is that of the task's owner; an older one has lost it and does not know yet.
void StoreKeeper::serve_newest(Entry& entry) {
  if (entry.tickets.empty()) return;
  const std::shared_ptr<Ticket>& last = entry.tickets.back();
  Ticket& newest = *last;
  if (entry.serving != last) {
    if (entry.serving == nullptr) count_standby(entry);
    entry.serving = last;
    newest.records_before = entry.restorer->restored_records();
    newest.bytes_before = entry.restorer->restored_bytes();
    entry.restorer->tell(&options_.listener);
  }
  bool sealed = false;
  {
    const std::lock_guard lock(mutex_);
    sealed = newest.sealed;
  }
  if (sealed && entry.sealed_for != last) {
    entry.sealed_for = last;
    entry.restorer->seal();
  }
}

void StoreKeeper::hand_over(TaskId task, Entry& entry) {
  const std::shared_ptr<Ticket> ticket = entry.tickets.back();
  const std::uint64_t records = entry.restorer->restored_records() - ticket->records_before;
  metrics_.bytes_restored.fetch_add(entry.restorer->restored_bytes() - ticket->bytes_before,
                                    std::memory_order_relaxed);
  entry.restorer->tell(nullptr, /*ended=*/true);
  entry.restorer.reset();
  entry.tickets.pop_back();
  entry.serving = nullptr;
  entry.sealed_for = nullptr;
  const std::lock_guard lock(mutex_);
  if (ticket->withdrawn)
    return;  // since this step began; the store stays, and the next step sees what it is for
  entry.out = true;
  ticket->store = LentStore(entry.store.release(), GiveBack(*this, task));
  ticket->records = records;
  ticket->remaining = 0;
  ticket->complete = true;
}

void StoreKeeper::count_standby(Entry& entry) {
  const std::uint64_t records = entry.restorer->restored_records();
  metrics_.standby_records.fetch_add(records - entry.standby_records, std::memory_order_relaxed);
  entry.standby_records = records;
}

// What may go well later is tried again, from what is stored: what the restorer read and could not write it does not read
// again. Otherwise whoever waits is told, and a standby rests for a while.
void StoreKeeper::fail_entry(TaskId task, Entry& entry, const absl::Status& status) {
  if (entry.restorer != nullptr) entry.restorer->tell(nullptr);
  entry.restorer.reset();
  entry.serving = nullptr;
  entry.sealed_for = nullptr;
  if (class_of(status) == ErrorClass::kRetriable) {
    entry.retry_at = clock_.steady() + kRetryInterval;
    if (!std::exchange(entry.told, true))
      log(LogLevel::kInfo, fmt::format("task {} is tried again: {}", task.name(), message_of(status)));
    return;
  }
  entry.store.reset();
  entry.retry_at = clock_.steady() + kStandbyRetryInterval;
  entry.failed = true;
  const absl::Status told = with_context(status, "task " + task.name());
  if (entry.tickets.empty()) {
    return log(LogLevel::kWarning, "a standby failed and is tried again: " + message_of(told));
  }
  const std::lock_guard lock(mutex_);
  for (const auto& ticket : entry.tickets) ticket->failure = told;
  entry.tickets.clear();
}

void StoreKeeper::fail_all(const absl::Status& status) {
  for (auto& [task, entry] : entries_) {
    const std::lock_guard lock(mutex_);
    for (const auto& ticket : entry.tickets) ticket->failure = status;
    entry.tickets.clear();
  }
  std::erase_if(entries_, [](const auto& entry) { return !entry.second.out; });
}

bool StoreKeeper::read() {
  std::vector<std::pair<TaskId, Entry*>> awaited;
  std::vector<std::pair<TaskId, Entry*>> standbys;
  for (auto& [task, entry] : entries_) {
    if (entry.restorer == nullptr || clock_.steady() < entry.retry_at) continue;
    (entry.tickets.empty() ? standbys : awaited).emplace_back(task, &entry);
  }
  // Those that somebody waits for come first, the one that is most behind first of all.
  for (auto* group : {&awaited, &standbys}) {
    std::stable_sort(group->begin(), group->end(), [](const auto& a, const auto& b) {
      return a.second->restorer->remaining_records() > b.second->restorer->remaining_records();
    });
    for (auto& [task, entry] : *group) {
      const auto count = entry->restorer->read();
      if (!count.ok()) {
        fail_entry(task, *entry, count.status());
        return true;
      }
      if (*count > 0) return true;
    }
  }
  return false;
}

// -------------------------------------------------------------------------------------------------------- telling

void StoreKeeper::publish() {
  std::vector<RestoreProgress> all;
  std::uint64_t standbys = 0;
  std::uint64_t lag = 0;
  std::uint64_t missing = 0;
  for (auto& [task, entry] : entries_) {
    const bool standby = entry.tickets.empty();
    if (standby && !entry.out && entry.standby) {
      // A standby that cannot be had is not waited for.
      if (entry.restorer == nullptr) {
        missing = entry.failed ? missing : UINT64_MAX;
      } else if (!entry.restorer->within(UINT64_MAX)) {
        missing = UINT64_MAX;
      }
    }
    if (entry.restorer == nullptr) continue;
    entry.restorer->add_progress(all, standby);
    if (!standby) continue;
    ++standbys;
    lag += entry.restorer->remaining_records();
    count_standby(entry);
  }
  metrics_.standby_tasks.store(standbys, std::memory_order_relaxed);
  metrics_.standby_lag.store(lag, std::memory_order_relaxed);
  const bool planned = !tasks_.empty();
  observer_lag_.store(missing == UINT64_MAX || !planned ? UINT64_MAX : lag);

  const std::lock_guard lock(mutex_);
  progress_ = std::move(all);
  for (auto& [task, entry] : entries_) {
    if (entry.serving == nullptr || entry.restorer == nullptr) continue;
    Ticket& ticket = *entry.tickets.back();
    ticket.records = entry.restorer->restored_records() - ticket.records_before;
    ticket.remaining = entry.restorer->remaining_records();
  }
}

// A folder is unused from the moment it is seen without an entry; so each start begins the while anew. Stores without a
// changelog could not be had again, so a folder that may hold one stays.
void StoreKeeper::remove_unused() {
  namespace fs = std::filesystem;
  const Duration now = clock_.steady();
  next_cleaning_ = now + std::min(kCleaningInterval, *options_.remove_unused_after);
  if (options_.worker.state_directory.empty()) return;
  std::error_code error;
  std::map<std::string, Duration> unused;
  for (const fs::directory_entry& folder : fs::directory_iterator(options_.worker.state_directory, error)) {
    const std::string name = folder.path().filename().string();
    const auto task = task_of_folder(name);
    if (!task || entries_.contains(*task) || !has_stores(*task)) continue;
    const auto stores = stores_of(*task);
    if (!std::all_of(stores.begin(), stores.end(), [](const StoreSpec& store) { return store.logged; }))
      continue;
    const auto known = unused_since_.find(name);
    const Duration since = known == unused_since_.end() ? now : known->second;
    if (now - since < *options_.remove_unused_after) {
      unused[name] = since;
      continue;
    }
    std::error_code failed;
    fs::remove_all(folder.path(), failed);
    if (failed) {
      log(LogLevel::kWarning,
          fmt::format("cannot remove '{}': {}", folder.path().string(), failed.message()));
      unused[name] = now;
    } else {
      log(LogLevel::kInfo, fmt::format("removed '{}': the task was not here for {} ms",
                                       folder.path().string(), options_.remove_unused_after->count()));
    }
  }
  unused_since_ = std::move(unused);
}

std::vector<StoreSpec> StoreKeeper::stores_of(TaskId task) const {
  std::vector<StoreSpec> specs;
  const SubTopology& part = topology_.sub_topologies[static_cast<std::size_t>(task.sub_topology)];
  for (const std::size_t store : part.stores) specs.push_back(topology_.stores[store]);
  return specs;
}

bool StoreKeeper::has_stores(TaskId task) const {
  const auto index = static_cast<std::size_t>(task.sub_topology);
  return task.sub_topology >= 0 && index < topology_.sub_topologies.size() &&
         !topology_.sub_topologies[index].stores.empty();
}

}  // namespace weir
