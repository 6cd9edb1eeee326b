#include <weir/core/planted.h>
#include <weir/core/worker.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/memory_budget.h>

namespace weir {
namespace {

// Between two steps at most so many records of each task, so that the clients are served often enough.
constexpr std::size_t kRecordsPerStep = 500;
constexpr Duration kLongestIdle{100};
constexpr Duration kCommitPoll{1};
constexpr Duration kPublishInterval{100};

// At least once: a member that the group has given up meanwhile hears of it only when it has answered. What it cannot commit is
// done again by the next owner. Exactly once nothing is owed after the transaction has been aborted.
constexpr int kTriesBeforeGivenBack = 3;

void add(TaskCounters& total, const TaskCounters& more) {
  total.processed += more.processed;
  total.dead_letters += more.dead_letters;
  total.retries += more.retries;
  for (std::size_t i = 0; i < kDropReasons; ++i) total.dropped[i] += more.dropped[i];
}

}  // namespace

std::string_view name_of(WorkerState state) {
  switch (state) {
    case WorkerState::kStarting:
      return "starting";
    case WorkerState::kRebalancing:
      return "rebalancing";
    case WorkerState::kRunning:
      return "running";
    case WorkerState::kStopping:
      return "stopping";
    case WorkerState::kStopped:
      return "stopped";
    case WorkerState::kFailed:
      return "failed";
  }
  return "";
}

Worker::Worker(const Topology& topology, const PartitionPlan& plan, Transport& transport, const Clock& clock,
               WorkerOptions options)
    : topology_(topology),
      plan_(plan),
      transport_(transport),
      clock_(clock),
      options_(std::move(options)),
      retries_(options_.retry, clock),
      gate_(clock),
      backoffs_(clock),
      commit_failures_(clock),
      pacer_(options_.commit_interval, options_.commit_latency_target),
      progress_(options_.stall_limit),
      purge_(topology_, options_.application_id, transport_, clock_, options_.repartition_purge_interval,
             options_.log),
      token_check_(plan_, transport_, clock_, options_.application_id, options_.client_id) {
  environment_.application_id = options_.application_id;
  environment_.state_directory = options_.state_directory;
  environment_.clock = &clock_;
  environment_.log = options_.log;
  environment_.on_error = options_.on_error;
  environment_.retries = &retries_;
  environment_.gate = &gate_;
  environment_.on_production_error = options_.on_production_error;
  environment_.dead_letter_topic = options_.dead_letter_topic;
  environment_.partitions = &plan_.partitions;
  environment_.globals = options_.globals;
  environment_.max_task_idle = options_.max_task_idle;
  environment_.wake_up = wake_up_;
}

Worker::~Worker() { drop_everything(); }

void Worker::log(LogLevel level, const std::string& message) const {
  if (options_.log) options_.log(level, fmt::format("{}: {}", options_.client_id, message));
}

void Worker::stop(bool leave_group) {
  leave_group_.store(leave_group, std::memory_order_relaxed);
  stop_requested_.store(true, std::memory_order_release);
}

void Worker::abandon() { abandoned_.store(true, std::memory_order_release); }

void Worker::idle_wait(Duration at_most) {
  if (consumer_ != nullptr && at_most.count() > 0) consumer_->wait(at_most);
}

Duration Worker::run_once() {
  Duration idle{0};
  step_.begin(clock_.steady());
  advance(idle);
  if (!failure_.ok() && stage_ != Stage::kOver) {
    drop_everything();
    stage_ = Stage::kOver;
    state_ = WorkerState::kFailed;
  }
  if (awaits_flights_ && idle.count() == 0) idle = until_next_deadline();
  const Duration now = clock_.steady();
  if (idle.count() > 0 || now - last_publish_ >= kPublishInterval) {
    last_publish_ = now;
    publish();
    watch_progress();
  }
  step_.end();
  return idle;
}

void Worker::advance(Duration& idle) {
  if (stage_ == Stage::kOver) {
    idle = kLongestIdle;
    return;
  }
  if (abandoned_.load(std::memory_order_acquire)) {
    drop_everything();
    stage_ = Stage::kOver;
    state_ = WorkerState::kStopped;
    return;
  }
  if (stage_ == Stage::kConnecting) return connect();
  serve_clients();
  if (!failure_.ok()) return;

  switch (stage_) {
    case Stage::kInitialising:
      idle = kCommitPoll;
      return become_member();
    case Stage::kClosing:
      idle = kCommitPoll;
      while (!rebalances_.empty()) answer_rebalance();
      if (!closing_.ready()) return;
      if (const auto closed = closing_.take(); !closed.ok()) {
        log(LogLevel::kWarning, "leaving the group failed: " + message_of(closed.status()));
      }
      drop_everything();
      stage_ = Stage::kOver;
      state_ = WorkerState::kStopped;
      return;
    default:
      break;
  }

  if (aborting_.started()) {
    activity_ = "aborting a transaction";
    idle = kCommitPoll;
    if (!aborting_.ready()) return;
    if (const auto aborted = aborting_.take(); !aborted.ok()) {
      log(LogLevel::kWarning, "the abort failed, renewing the producer: " + message_of(aborted.status()));
      return recover_producer();
    }
    if (WEIR_PLANTED("abort-without-rewind")) return producer_->clear_failure();
    return rewind_all();
  }
  // Positions that were not sent yet would go out in the name of a member that no longer has these tasks: of none, or of the
  // new one that this consumer is by now. The group refuses neither. What was sent before the loss is the group's to judge.
  if (commit_->phase() == CommitCycle::Phase::kDraining && lost_tasks() &&
      !WEIR_PLANTED("lost-commit-goes-on"))
    commit_->abandon();
  if (commit_->running()) {
    activity_ = name_of(commit_->phase());
    advance_commit();
    if (!commit_->running()) return;
    idle = kCommitPoll;
    if (processes_meanwhile() && process() && failure_.ok()) idle = Duration{0};
    return;
  }
  if (rebalance()) return;
  if (reopen_lost()) return;
  if (stop_requested_.load(std::memory_order_acquire)) return begin_closing();

  activity_ = "processing";
  open_tasks();
  if (!failure_.ok()) return;
  if (positions_unknown_ && !tasks_.empty()) {
    commit_forced_ = true;
    idle = commit_failures_.left();
    if (idle.count() == 0) start_commit();
    return;
  }
  const bool takes_records = !awaits_flights_;
  const bool progressed = takes_records && process();
  if (!failure_.ok() || aborting_.started()) return;
  if (commit_due()) return start_commit();
  awaits_flights_ = false;
  if (takes_records && !progressed) {
    idle = openings_.empty() ? until_next_deadline() : kCommitPoll;
  }
}

// -------------------------------------------------------------------------------------------------- beginning

void Worker::connect() {
  activity_ = "connecting";
  ConsumerOptions group;
  group.client_id = options_.client_id;
  group.group = options_.application_id;
  group.instance_id = options_.instance_id;
  group.read_committed = options_.guarantee == Guarantee::kExactlyOnce && !WEIR_PLANTED("read-uncommitted");
  group.session_timeout = options_.session_timeout;
  group.partition_queue_bytes = options_.partition_queue_bytes;
  group.properties = options_.consumer_properties;
  auto consumer = transport_.make_consumer(group);
  if (!consumer.ok()) return fail(consumer.status());
  consumer_ = *std::move(consumer);
  wake_up_->hang([awake = consumer_.get()] { awake->wake(); });

  keeper_ = options_.keeper;
  if (topology_.engine != nullptr && keeper_ == nullptr) {
    KeeperOptions keeper;
    keeper.worker = options_;
    keeper.worker.client_id += "-restore";
    own_keeper_ = std::make_unique<StoreKeeper>(topology_, transport_, clock_, std::move(keeper));
    keeper_ = own_keeper_.get();
  }

  if (const absl::Status made = make_producer(); !made.ok()) return fail(made);
  commit_ = std::make_unique<CommitCycle>(options_.guarantee, *consumer_);
  stage_ = Stage::kInitialising;
}

absl::Status Worker::make_producer() {
  ProducerOptions options;
  options.client_id = options_.client_id;
  if (options_.guarantee == Guarantee::kExactlyOnce) options.transactional_id = options_.transactional_id;
  options.report_offsets = topology_.engine != nullptr;
  options.queue_bytes =
      options_.shares != nullptr ? options_.shares->producer_queue_bytes() : options_.producer_queue_bytes;
  options.properties = options_.producer_properties;
  auto producer = transport_.make_producer(options);
  if (!producer.ok()) return producer.status();
  producer_ = *std::move(producer);
  environment_.producer = producer_.get();
  in_transaction_ = false;
  if (options_.guarantee == Guarantee::kExactlyOnce) initialising_ = producer_->init_transactions();
  return absl::OkStatus();
}

void Worker::become_member() {
  activity_ = "initialising the transactional producer";
  if (initialising_.started()) {
    if (!initialising_.ready()) return;
    if (const auto initialised = initialising_.take(); !initialised.ok()) {
      if (class_of(initialised.status()) != ErrorClass::kRetriable) {
        return fail(with_context(initialised.status(),
                                 fmt::format("transactional id {}", options_.transactional_id)));
      }
      initialising_ = producer_->init_transactions();
      return;
    }
  }
  if (stop_requested_.load(std::memory_order_acquire)) return begin_closing();
  if (state() == WorkerState::kStarting) {
    if (const absl::Status joined = consumer_->subscribe(tasks_topic(options_.application_id));
        !joined.ok()) {
      return fail(joined);
    }
    state_ = WorkerState::kRebalancing;
    last_forced_commit_ = clock_.steady();
  }
  last_commit_ = clock_.steady();
  stage_ = Stage::kMember;
}

void Worker::serve_clients() {
  events_.clear();
  consumer_->poll(events_);
  for (const ConsumerEvent& event : events_) take_event(event);
  if (own_keeper_ != nullptr) std::ignore = own_keeper_->run_once();
  producer_->poll();
  purge_.step();
  if (stage_ != Stage::kMember || aborting_.started()) return;
  // A record that the broker refused is lost for good if the position moves past it.
  const absl::Status failure = producer_->failure();
  if (failure.ok() || WEIR_PLANTED("failure-ignored") || goes_on_without(failure)) return;
  if (options_.guarantee == Guarantee::kAtLeastOnce || refusal_of(failure))
    fail(with_context(failure, "a record could not be written"));
}

void Worker::take_event(const ConsumerEvent& event) {
  if (const auto* rebalance = std::get_if<RebalanceEvent>(&event)) {
    // What the group said before the loss is void, and it waits for no answer to it.
    if (rebalance->kind == RebalanceEvent::Kind::kLost) rebalances_.clear();
    rebalances_.push_back(*rebalance);
    return;
  }
  const auto& error = std::get<ConsumerError>(event);
  const std::string place = error.where.topic.empty() ? ""
                                                      : fmt::format(": topic={} partition={}",
                                                                    error.where.topic, error.where.partition);
  if ((absl::IsOutOfRange(error.status) || absl::IsNotFound(error.status)) &&
      lose_position(error.where, error.status)) {
    return;
  }
  if (class_of(error.status) == ErrorClass::kFatal)
    return fail(with_context(error.status, "the consumer failed" + place));
  log(LogLevel::kWarning, message_of(error.status) + place);
}

// -------------------------------------------------------------------------------------------------- membership

bool Worker::rebalance() {
  if (rebalances_.empty()) return false;
  const RebalanceEvent& event = rebalances_.front();
  switch (event.kind) {
    case RebalanceEvent::Kind::kAssigned:
      token_check_.begin();
      assign_tokens(event.partitions);
      break;
    case RebalanceEvent::Kind::kRevoked: {
      activity_ = "committing before tasks are given back";
      const bool owes = WEIR_PLANTED("positions-of-revoked")
                            ? std::any_of(event.partitions.begin(), event.partitions.end(),
                                          [this](const TopicPartition& token) {
                                            const auto task = tasks_.find(token.partition);
                                            return task != tasks_.end() && task->second->dirty();
                                          })
                            : owes_commit();
      const bool gives_up =
          options_.guarantee == Guarantee::kAtLeastOnce && commit_failures_.count() >= kTriesBeforeGivenBack;
      if (owes && !gives_up && !WEIR_PLANTED("revoked-before-commit")) {
        start_commit();
        return true;
      }
      release_tokens(event.partitions);
      break;
    }
    case RebalanceEvent::Kind::kLost:
      // The group has given the tasks to others already: all of them, those it had asked back before included. In a transaction
      // all tasks of the worker share their fate.
      release_tokens(held_tokens());
      if (in_transaction_ && !WEIR_PLANTED("lost-without-abort")) {
        aborting_ = producer_->abort_transaction();
        in_transaction_ = false;
      }
      break;
  }
  answer_rebalance();
  return true;
}

bool Worker::lost_tasks() const {
  return !rebalances_.empty() && rebalances_.front().kind == RebalanceEvent::Kind::kLost;
}

// A loss needs no answer; one more would count for the event after it.
void Worker::answer_rebalance() {
  if (rebalances_.front().kind != RebalanceEvent::Kind::kLost) consumer_->complete_rebalance();
  rebalances_.pop_front();
}

void Worker::assign_tokens(const std::vector<TopicPartition>& tokens) {
  for (const TopicPartition& token : tokens) {
    const auto index = static_cast<std::size_t>(token.partition);
    if (index >= plan_.tasks.size()) {
      log(LogLevel::kWarning,
          fmt::format(
              "the group assigned partition {} of {}, and {} were known: what tasks there are is read anew",
              token.partition, token.topic, plan_.tasks.size()));
      plan_outdated_.store(true, std::memory_order_release);
      continue;
    }
    if (plan_.tasks[index].id == kNoTask) {
      log(LogLevel::kWarning,
          fmt::format(
              "the group assigned partition {} of {}, which stands for a task that this topology does not "
              "have: it is left alone until an instance has it that knows it",
              token.partition, token.topic));
      continue;
    }
    openings_[token.partition] = opening_of(token.partition);
    log(LogLevel::kInfo, fmt::format("opening task {}", plan_.tasks[index].id.name()));
  }
  if (!openings_.empty() || tasks_.empty()) state_ = WorkerState::kRebalancing;
  if (openings_.empty()) state_ = WorkerState::kRunning;
}

void Worker::release_tokens(const std::vector<TopicPartition>& tokens) {
  for (const TopicPartition& token : tokens) {
    const auto index = static_cast<std::size_t>(token.partition);
    if (index >= plan_.tasks.size()) continue;
    if (!WEIR_PLANTED("opening-not-given-up") || !lost_tasks()) openings_.erase(token.partition);
    const std::vector<TopicPartition>& sources = plan_.tasks[index].sources;
    purge_.forget(sources);
    lost_.erase(token.partition);
    if (commit_ != nullptr) {
      for (const TopicPartition& source : sources) commit_->release(source);
    }
    const auto task = tasks_.find(token.partition);
    if (task == tasks_.end()) continue;
    log(LogLevel::kInfo, fmt::format("giving task {} back", task->second->id().name()));
    add(past_, task->second->counters());
    task->second->close();
    tasks_.erase(task);
  }
  if (openings_.empty()) state_ = WorkerState::kRunning;
}

bool Worker::lose_position(const TopicPartition& where, const absl::Status& why) {
  for (const auto& [token, task] : tasks_) {
    const TaskPlan& plan = plan_.tasks[static_cast<std::size_t>(token)];
    if (std::find(plan.sources.begin(), plan.sources.end(), where) == plan.sources.end()) continue;
    log(LogLevel::kWarning,
        fmt::format("task {} cannot read on and is opened anew: topic={} partition={}: {}", plan.id.name(),
                    where.topic, where.partition, message_of(why)));
    metrics_.positions_lost.fetch_add(1, std::memory_order_relaxed);
    // It may be of a topic that is gone, and would mean other records in one that has taken its name.
    commit_->withhold(where);
    lost_[token].insert(where);
    return true;
  }
  return false;
}

// What the tasks did is committed before, without the positions that are lost.
bool Worker::reopen_lost() {
  if (lost_.empty()) return false;
  activity_ = "committing before a task is opened anew";
  if (owes_commit()) {
    start_commit();
    return true;
  }
  const auto lost = lost_;
  std::vector<TopicPartition> tokens;
  for (const auto& [token, positions] : lost) tokens.push_back({tasks_topic(options_.application_id), token});
  reopen(tokens);
  for (const auto& [token, positions] : lost) {
    if (const auto opening = openings_.find(token); opening != openings_.end())
      opening->second->distrust(positions);
  }
  return true;
}

std::unique_ptr<TaskOpening> Worker::opening_of(Partition token) {
  return std::make_unique<TaskOpening>(topology_, plan_.tasks[static_cast<std::size_t>(token)], options_,
                                       environment_, *consumer_, keeper_);
}

bool Worker::tokens_confirmed() {
  const auto confirmed = token_check_.step(*consumer_);
  if (confirmed.ok()) {
    if (token_check_.outdated() && !plan_outdated()) {
      log(LogLevel::kWarning, "the group has agreed on other tasks: what tasks there are is read anew");
      plan_outdated_.store(true, std::memory_order_release);
    }
    return *confirmed;
  }
  if (class_of(confirmed.status()) == ErrorClass::kFatal)
    fail(with_context(confirmed.status(), "cannot look what tasks the group has agreed on"));
  return false;
}

void Worker::open_tasks() {
  if (openings_.empty() || !tokens_confirmed()) return;
  for (auto entry = openings_.begin(); entry != openings_.end();) {
    if (backoffs_.waits(entry->first)) {
      ++entry;
      continue;
    }
    const auto ready = entry->second->step();
    if (!ready.ok()) {
      if (class_of(ready.status()) != ErrorClass::kRetriable) return fail(ready.status());
      log(LogLevel::kWarning, "an opening begins again: " + message_of(ready.status()));
      backoffs_.failed(entry->first);
      const std::set<TopicPartition> distrusted = entry->second->distrusted();
      entry->second.reset();  // its stores first
      entry->second = opening_of(entry->first);
      entry->second->distrust(distrusted);
      ++entry;
      continue;
    }
    if (!*ready) {
      ++entry;
      continue;
    }
    past_restored_ += entry->second->restored_records();
    if (entry->second->restored_records() > 0) {
      log(LogLevel::kInfo, fmt::format("task {} restored {} records", entry->second->plan().id.name(),
                                       entry->second->restored_records()));
    }
    tasks_[entry->first] = entry->second->take();
    entry = openings_.erase(entry);
    commit_forced_ = true;
    positions_unknown_ = true;
    if (openings_.empty()) state_ = WorkerState::kRunning;
  }
}

// -------------------------------------------------------------------------------------------------- processing

std::size_t Worker::buffered_bytes_max() const {
  if (WEIR_PLANTED("buffers-unbounded")) return std::numeric_limits<std::size_t>::max();
  return options_.shares != nullptr ? options_.shares->buffered_bytes() : options_.buffered_bytes;
}

std::size_t Worker::uncommitted_bytes_max() const {
  if (WEIR_PLANTED("budget-ignored")) return std::numeric_limits<std::size_t>::max();
  return options_.shares != nullptr ? options_.shares->uncommitted_bytes() : options_.uncommitted_bytes_max;
}

std::size_t Worker::uncommitted_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [token, task] : tasks_) {
    if (TaskStore* store = task->task_store(); store != nullptr) bytes += store->uncommitted_bytes();
  }
  return bytes;
}

// A commit makes room for more; it may have to wait where the last one failed.
bool Worker::process() {
  if (!producer_->has_room() || uncommitted_bytes() >= uncommitted_bytes_max()) return false;
  bool progressed = false;
  std::size_t sources = 0;
  for (const auto& [token, task] : tasks_) sources += task->source_count();
  const BufferLimit limit{options_.buffered_records,
                          buffered_bytes_max() / std::max<std::size_t>(sources, 1)};
  for (auto& [token, task] : tasks_) {
    if (options_.pauses != nullptr && options_.pauses->holds(task->id()) && !WEIR_PLANTED("hold-ignored")) {
      // What is under way comes home all the same, rather than to wake the worker in vain until the next commit.
      const auto home = task->come_home();
      if (!home.ok()) {
        processing_failed(token, home.status());
        return true;
      }
      if (WEIR_PLANTED("timers-while-held")) task->fire_wall_timers().IgnoreError();
      continue;
    }
    step_.working_on(token);
    const std::size_t fetched = task->fill(limit);
    progressed |= fetched > 0;
    if (!in_transaction_ && options_.guarantee == Guarantee::kExactlyOnce) {
      if (const absl::Status begun = producer_->begin_transaction(); !begun.ok()) {
        commit_failed(begun);
        return true;
      }
      in_transaction_ = true;
    }
    for (std::size_t count = 0; count < kRecordsPerStep && producer_->has_room(); ++count) {
      const auto processed = task->process_next();
      if (!processed.ok()) {
        processing_failed(token, processed.status());
        return true;
      }
      if (!*processed) break;
      progressed = true;
    }
    if (const absl::Status fired = task->fire_wall_timers(); !fired.ok()) {
      processing_failed(token, fired);
      return true;
    }
  }
  return progressed;
}

void Worker::processing_failed(Partition token, const absl::Status& status) {
  if (class_of(status) == ErrorClass::kRetriable) {
    set_back(token, status);
  } else {
    fail(status);
  }
}

// -------------------------------------------------------------------------------------------------- committing

// A group that rebalances may take as long as a member's session for the answer, and the state is applied already.
bool Worker::processes_meanwhile() const {
  return commit_->phase() == CommitCycle::Phase::kStoringPositions && rebalances_.empty() && lost_.empty() &&
         !stop_requested_.load(std::memory_order_acquire);
}

bool Worker::commit_due() const {
  if (tasks_.empty() || commit_failures_.left().count() > 0) return false;
  const Duration now = clock_.steady();
  if (commit_forced_ || (now - last_forced_commit_ >= options_.positions_interval &&
                         !WEIR_PLANTED("positions-at-rest-forgotten")))
    return true;
  std::uint64_t sent_records = 0;
  std::uint64_t sent_bytes = 0;
  bool dirty = false;
  for (const auto& [token, task] : tasks_) {
    if (task->commit_requested()) return true;
    dirty |= task->dirty();
    sent_records += task->unapplied_records();
    sent_bytes += task->unapplied_bytes();
  }
  const auto full = [](std::uint64_t sent, std::uint64_t most) { return most > 0 && sent >= most; };
  return dirty &&
         (now - last_commit_ >= pacer_.interval() || uncommitted_bytes() >= uncommitted_bytes_max() ||
          (in_transaction_ && (full(sent_records, options_.transaction_records_max) ||
                               full(sent_bytes, options_.transaction_bytes_max))));
}

// At least once, tasks whose positions could not be committed have nothing left to apply, but owe the positions.
bool Worker::owes_commit() const {
  return (commit_forced_ && !tasks_.empty()) ||
         std::any_of(tasks_.begin(), tasks_.end(), [](const auto& task) { return task.second->dirty(); });
}

bool Worker::all_home() {
  awaits_flights_ = false;
  bool home = true;
  for (const auto& [token, task] : tasks_) {
    const auto came = task->come_home();
    if (!came.ok()) {
      processing_failed(token, came.status());
      return false;
    }
    home = home && (*came || WEIR_PLANTED("flights-not-awaited"));
  }
  awaits_flights_ = !home;
  if (awaits_flights_) activity_ = "waiting for answers before a commit";
  return home;
}

void Worker::start_commit() {
  if (options_.guarantee == Guarantee::kExactlyOnce && !in_transaction_) {
    if (const absl::Status begun = producer_->begin_transaction(); !begun.ok()) return commit_failed(begun);
    in_transaction_ = true;
  }
  if (!all_home()) return;
  const Duration now = clock_.steady();
  const bool forced = commit_forced_ || now - last_forced_commit_ >= options_.positions_interval;
  std::vector<Task*> tasks;
  for (const auto& [token, task] : tasks_) {
    if (WEIR_PLANTED("positions-of-revoked") && !rebalances_.empty() &&
        std::none_of(rebalances_.front().partitions.begin(), rebalances_.front().partitions.end(),
                     [number = token](const TopicPartition& revoked) { return revoked.partition == number; }))
      continue;
    const bool at_rest = forced && !(WEIR_PLANTED("positions-at-rest-of-first") && !tasks.empty());
    if (at_rest || task->dirty() || task->commit_requested()) tasks.push_back(task.get());
  }
  if (forced) last_forced_commit_ = now;
  commit_forced_ = false;
  last_commit_ = now;
  pacer_.begun(now);
  committed_records_ = past_.processed;
  for (const auto& [token, task] : tasks_) committed_records_ += task->counters().processed;
  const absl::Status started = commit_->start(std::move(tasks), *producer_);
  if (started.ok()) return;
  if (class_of(started) != ErrorClass::kRetriable) return fail(started);
  log(LogLevel::kWarning, "a commit cannot begin, set back to what is committed: " + message_of(started));
  commit_->abandon();
  for (const auto& [token, task] : tasks_) backoffs_.failed(token);
  set_back_all();
}

void Worker::advance_commit() {
  if (WEIR_PLANTED("purge-before-commit")) purge_.committed(commit_->committed());
  const auto over = commit_->step();
  if (!over.ok()) return commit_failed(over.status());
  if (!*over) return;
  in_transaction_ = false;
  positions_unknown_ = false;
  commit_failures_.settle();
  last_commit_ = clock_.steady();
  purge_.committed(commit_->committed());
  pacer_.finished(last_commit_);
  backoffs_.settle();
  metrics_.records_committed.store(committed_records_, std::memory_order_relaxed);
  metrics_.commits.fetch_add(1, std::memory_order_relaxed);
}

// What a failed commit means. At least once: the state may be applied while the positions are not, so they are sent again.
// Exactly once: the transaction is aborted, or its outcome is looked up by opening the tasks anew.
void Worker::commit_failed(const absl::Status& status) {
  const ErrorClass error = class_of(status);
  commit_->abandon();
  commit_failures_.failed();
  if (options_.guarantee == Guarantee::kAtLeastOnce) {
    switch (error) {
      case ErrorClass::kRetriable:
      case ErrorClass::kUnknown:
      case ErrorClass::kFenced:
        // A member that the group has given up hears of it as a lost assignment.
        log(LogLevel::kWarning, "the commit failed and is tried again: " + message_of(status));
        commit_forced_ = true;
        return;
      case ErrorClass::kAbortable:
      case ErrorClass::kFatal:
        return fail(with_context(status, "the commit failed"));
    }
  }
  metrics_.transactions_aborted.fetch_add(1, std::memory_order_relaxed);
  // The broker does not say on what a right is missing, and would refuse every time.
  if (absl::IsPermissionDenied(status)) {
    return fail(with_context(status, fmt::format("transactional id {}, group {}, topics that are written {}",
                                                 options_.transactional_id, options_.application_id,
                                                 fmt::join(written_topics(), ", "))));
  }
  log(LogLevel::kWarning, "the transaction is given up: " + message_of(status));
  if (error == ErrorClass::kRetriable || error == ErrorClass::kAbortable ||
      (WEIR_PLANTED("unknown-keeps-producer") && error == ErrorClass::kUnknown)) {
    aborting_ = producer_->abort_transaction();
    in_transaction_ = false;
    return;
  }
  if (error == ErrorClass::kFatal && !in_transaction_) return fail(status);
  recover_producer();
}

std::vector<std::string> Worker::written_topics() const {
  std::vector<std::string> topics = external_sinks(topology_);
  for (const NewTopic& topic : plan_.internal_topics) topics.push_back(topic.name);
  if (!options_.dead_letter_topic.empty()) topics.push_back(options_.dead_letter_topic);
  return topics;
}

// Makes a new producer with the same id: its initialisation settles whatever transaction the old one left behind.
void Worker::recover_producer() {
  reopen_all();
  producer_.reset();
  if (const absl::Status made = make_producer(); !made.ok()) return fail(made);
  stage_ = Stage::kInitialising;
}

// Nothing since the last commit has happened: every task goes back to what it applied then, which is what is committed.
void Worker::rewind_all() {
  producer_->clear_failure();
  for (const auto& [token, task] : tasks_) {
    if (const absl::Status rewound = rewind_task(*task, *consumer_); !rewound.ok()) {
      return fail(with_context(rewound, "task " + task->id().name()));
    }
  }
}

// Whether the last transaction was committed is for the group to say: every task goes the way of a new owner.
void Worker::reopen_all() {
  producer_->clear_failure();
  reopen(held_tokens());
}

std::vector<TopicPartition> Worker::held_tokens() const {
  std::vector<TopicPartition> tokens;
  for (const auto& [token, task] : tasks_) tokens.push_back({tasks_topic(options_.application_id), token});
  for (const auto& [token, opening] : openings_) {
    if (!tasks_.contains(token)) tokens.push_back({tasks_topic(options_.application_id), token});
  }
  return tokens;
}

void Worker::reopen(const std::vector<TopicPartition>& tokens) {
  release_tokens(tokens);
  assign_tokens(tokens);
}

bool Worker::goes_on_without(const absl::Status& failure) {
  const auto refusal = refusal_of(failure);
  if (!refusal || refusal->topic == options_.dead_letter_topic) return false;
  const ProductionPolicy policy =
      production_policy(topology_, options_.application_id, refusal->topic, options_.on_production_error);
  if (policy.policy != ErrorPolicy::kSkip && policy.policy != ErrorPolicy::kDeadLetter) return false;
  log(LogLevel::kWarning, "set back to what is committed, to go on without a record: " + message_of(failure));
  gate_.learn(*refusal);
  commit_->abandon();
  set_back_all();
  return true;
}

void Worker::set_back_all() {
  if (options_.guarantee == Guarantee::kAtLeastOnce || !in_transaction_) return reopen_all();
  metrics_.transactions_aborted.fetch_add(1, std::memory_order_relaxed);
  aborting_ = producer_->abort_transaction();
  in_transaction_ = false;
}

void Worker::set_back(Partition token, const absl::Status& status) {
  log(LogLevel::kInfo, "set back to what is committed: " + message_of(status));
  if (options_.guarantee == Guarantee::kAtLeastOnce)
    return reopen({{tasks_topic(options_.application_id), token}});
  set_back_all();
}

// -------------------------------------------------------------------------------------------------- ending

void Worker::begin_closing() {
  state_ = WorkerState::kStopping;
  if (owes_commit() && stage_ == Stage::kMember && !WEIR_PLANTED("closed-uncommitted")) {
    activity_ = "committing before the end";
    return start_commit();
  }
  activity_ = "leaving the group";
  openings_.clear();
  for (auto& [token, task] : tasks_) {
    add(past_, task->counters());
    task->close();
  }
  tasks_.clear();
  closing_ = consumer_->close(leave_group_.load(std::memory_order_relaxed));
  stage_ = Stage::kClosing;
}

// Only takes a note: the end of the step closes everything, so that no caller finds its objects gone.
void Worker::fail(const absl::Status& status) {
  if (!failure_.ok()) return;
  failure_ = status;
  log(LogLevel::kError, message_of(status));
}

// Closes all without a commit; destroying the consumer leaves the group.
void Worker::drop_everything() {
  if (commit_ != nullptr) commit_->abandon();
  openings_.clear();
  for (auto& [token, task] : tasks_) {
    add(past_, task->counters());
    task->close();
  }
  tasks_.clear();
  own_keeper_.reset();
  producer_.reset();
  wake_up_->hang(nullptr);
  consumer_.reset();
}

// -------------------------------------------------------------------------------------------------- telling

Duration Worker::until_next_deadline() const {
  // A commit that waits for answers is due already.
  Duration left = awaits_flights_ ? kLongestIdle : pacer_.interval() - (clock_.steady() - last_commit_);
  for (const auto& [token, task] : tasks_) left = std::min(left, task->until_release().value_or(left));
  return std::clamp(std::min(left, retries_.until_next().value_or(left)), Duration{1}, kLongestIdle);
}

std::string Worker::task_name(Partition token) const {
  const auto index = static_cast<std::size_t>(token);
  return token < 0 || index >= plan_.tasks.size() ? "" : plan_.tasks[index].id.name();
}

void Worker::watch_progress() {
  const Duration now = clock_.steady();
  for (const auto& [token, task] : tasks_) {
    const bool paused = options_.pauses != nullptr && options_.pauses->holds(task->id());
    const std::uint64_t mark = task->counters().processed + task->counters().dropped_total();
    if (const auto lasts = progress_.observe(token, mark, !paused && task->lag() > 0, now)) {
      report_stall(
          task->id(), *lasts,
          fmt::format("{}{}: {}", activity(), producer_->has_room() ? "" : ", the producer has no room",
                      task->describe_inputs()));
    }
  }
  for (const auto& [token, opening] : openings_) {
    // Negative marks are those of openings, so that one that ends is progress.
    const std::uint64_t mark = ~opening->restored_records();
    if (const auto lasts = progress_.observe(token, mark, true, now)) {
      std::string sources;
      for (const TopicPartition& source : opening->plan().sources)
        sources += fmt::format(" topic={} partition={}", source.topic, source.partition);
      report_stall(
          opening->plan().id, *lasts,
          fmt::format("it does not open, {} records to restore:{}", opening->remaining_records(), sources));
    }
  }
  progress_.keep([this](Partition token) { return tasks_.contains(token) || openings_.contains(token); });
  metrics_.tasks_stalled.store(progress_.stalled(), std::memory_order_relaxed);
}

void Worker::report_stall(const TaskId& task, Duration lasts, const std::string& waits_for) {
  log(LogLevel::kWarning,
      fmt::format("task {} has not got on for {} ms: {}", task.name(), lasts.count(), waits_for));
  if (options_.on_stall) options_.on_stall({options_.client_id, task.name(), lasts, waits_for});
}

WorkerHoldings Worker::holdings() const {
  WorkerHoldings held;
  held.uncommitted_bytes = uncommitted_bytes();
  held.processed = past_.processed;
  held.commits = metrics_.commits.load(std::memory_order_relaxed);
  held.committing = commit_ != nullptr && commit_->running();
  for (const auto& [token, task] : tasks_) {
    if (task->dirty()) ++held.dirty_tasks;
    held.processed += task->counters().processed;
    held.buffered_bytes += task->buffered_bytes();
    held.sources += task->source_count();
  }
  return held;
}

std::uint64_t Worker::work_of(std::optional<int> sub_topology) const {
  std::uint64_t work = 0;
  for (const auto& [token, task] : tasks_) {
    if (sub_topology && task->id().sub_topology != *sub_topology) continue;
    work += task->counters().processed + task->counters().timers_fired;
  }
  return work;
}

void Worker::publish() {
  TaskCounters total = past_;
  std::uint64_t lag = 0;
  std::uint64_t bytes = 0;
  std::size_t uncommitted = 0;
  std::size_t buffered = 0;
  for (const auto& [token, task] : tasks_) {
    add(total, task->counters());
    lag += task->lag();
    buffered += task->buffered_bytes();
    if (TaskStore* store = task->task_store(); store != nullptr) {
      bytes += store->stored_bytes();
      uncommitted += store->uncommitted_bytes();
    }
  }
  std::uint64_t restored = past_restored_;
  std::uint64_t remaining = 0;
  for (const auto& [token, opening] : openings_) {
    restored += opening->restored_records();
    remaining += opening->remaining_records();
  }
  constexpr auto kRelaxed = std::memory_order_relaxed;
  metrics_.records_processed.store(total.processed, kRelaxed);
  for (std::size_t i = 0; i < kDropReasons; ++i)
    metrics_.records_dropped[i].store(total.dropped[i], kRelaxed);
  metrics_.dead_letters.store(total.dead_letters, kRelaxed);
  metrics_.retries.store(total.retries, kRelaxed);
  metrics_.tasks.store(tasks_.size(), kRelaxed);
  metrics_.lag.store(lag, kRelaxed);
  metrics_.state_bytes.store(bytes, kRelaxed);
  metrics_.uncommitted_bytes.store(uncommitted, kRelaxed);
  metrics_.buffered_bytes.store(buffered, kRelaxed);
  metrics_.records_restored.store(restored, kRelaxed);
  metrics_.restore_remaining.store(remaining, kRelaxed);
}

}  // namespace weir
