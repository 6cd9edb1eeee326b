#include <weir/core/worker.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/failed_commit.h>
#include <weir/core/memory_budget.h>
#include <weir/core/planted.h>

namespace weir {
namespace {

// Between two steps at most so many records of each task, so that the clients are served often enough.
constexpr std::size_t kRecordsPerStep = 500;
constexpr Duration kLongestIdle{100};
constexpr Duration kCommitPoll{1};
constexpr Duration kTellInterval{100};

// At least once: a member that the group has given up meanwhile hears of it only when it has answered. What it cannot commit is
// done again by the next owner. Exactly once nothing is owed after the transaction has been aborted.
constexpr int kTriesBeforeGivenBack = 3;

// A log that always exists, and says whose line it is.
Logger named(const Logger& log, const std::string& name) {
  return [log, name](LogLevel level, std::string_view message) {
    if (log) log(level, fmt::format("{}: {}", name, message));
  };
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
      log_(named(options_.log, options_.client_id)),
      producer_(transport_, options_, topology_.engine != nullptr),
      retries_(options_.retry, clock),
      gate_(clock),
      tasks_(topology_, plan_, transport_, clock_, options_, environment_, log_),
      report_(tasks_, options_, log_),
      schedule_(tasks_, options_, clock_),
      purge_(topology_, options_.application_id, transport_, clock_, options_.repartition_purge_interval,
             options_.log) {
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
  if (idle.count() > 0 || now - last_told_ >= kTellInterval) {
    last_told_ = now;
    tell();
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
      while (!rebalances_.empty()) rebalances_.answer(*consumer_);
      if (!closing_.ready()) return;
      if (const auto closed = closing_.take(); !closed.ok()) {
        log_(LogLevel::kWarning, "leaving the group failed: " + message_of(closed.status()));
      }
      drop_everything();
      stage_ = Stage::kOver;
      state_ = WorkerState::kStopped;
      return;
    default:
      break;
  }

  if (producer_.aborting()) {
    activity_ = "aborting a transaction";
    idle = kCommitPoll;
    const auto aborted = producer_.aborted();
    if (!aborted.ok()) {
      log_(LogLevel::kWarning, "the abort failed, renewing the producer: " + message_of(aborted.status()));
      return recover_producer();
    }
    if (!*aborted) return;
    if (WEIR_PLANTED("abort-without-rewind")) return producer_->clear_failure();
    return rewind_all();
  }
  // Positions that were not sent yet would go out in the name of a member that no longer has these tasks: of none, or of the
  // new one that this consumer is by now. The group refuses neither. What was sent before the loss is the group's to judge.
  if (commit_->phase() == CommitCycle::Phase::kDraining && rebalances_.lost() &&
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
  if (positions_unknown_ && !tasks_.open().empty()) {
    schedule_.force();
    idle = schedule_.pause_left();
    if (idle.count() == 0) start_commit();
    return;
  }
  const bool takes_records = !awaits_flights_;
  const bool progressed = takes_records && process();
  if (!failure_.ok() || producer_.aborting()) return;
  if (schedule_.due(producer_.in_transaction(), uncommitted_bytes_max())) return start_commit();
  awaits_flights_ = false;
  if (takes_records && !progressed) {
    idle = tasks_.openings().empty() ? until_next_deadline() : kCommitPoll;
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

  StoreKeeper* keeper = options_.keeper;
  if (topology_.engine != nullptr && keeper == nullptr) {
    KeeperOptions own;
    own.worker = options_;
    own.worker.client_id += "-restore";
    own_keeper_ = std::make_unique<StoreKeeper>(topology_, transport_, clock_, std::move(own));
    keeper = own_keeper_.get();
  }
  tasks_.use(*consumer_, keeper);

  if (const absl::Status made = make_producer(); !made.ok()) return fail(made);
  commit_ = std::make_unique<CommitCycle>(options_.guarantee, *consumer_);
  stage_ = Stage::kInitialising;
}

absl::Status Worker::make_producer() {
  WEIR_RETURN_IF_ERROR(producer_.make());
  environment_.producer = &*producer_;
  return absl::OkStatus();
}

void Worker::become_member() {
  activity_ = "initialising the transactional producer";
  const auto initialised = producer_.initialised();
  if (!initialised.ok()) return fail(initialised.status());
  if (!*initialised) return;
  if (stop_requested_.load(std::memory_order_acquire)) return begin_closing();
  if (state() == WorkerState::kStarting) {
    if (const absl::Status joined = consumer_->subscribe(tasks_topic(options_.application_id));
        !joined.ok()) {
      return fail(joined);
    }
    state_ = WorkerState::kRebalancing;
    schedule_.joined();
  }
  schedule_.started();
  stage_ = Stage::kMember;
}

void Worker::serve_clients() {
  events_.clear();
  consumer_->poll(events_);
  for (const ConsumerEvent& event : events_) take_event(event);
  if (own_keeper_ != nullptr) std::ignore = own_keeper_->run_once();
  producer_->poll();
  purge_.step();
  if (stage_ != Stage::kMember || producer_.aborting()) return;
  // A record that the broker refused is lost for good if the position moves past it.
  const absl::Status failure = producer_->failure();
  if (failure.ok() || WEIR_PLANTED("failure-ignored") || goes_on_without(failure)) return;
  if (options_.guarantee == Guarantee::kAtLeastOnce || refusal_of(failure))
    fail(with_context(failure, "a record could not be written"));
}

void Worker::take_event(const ConsumerEvent& event) {
  if (const auto* rebalance = std::get_if<RebalanceEvent>(&event)) {
    rebalances_.push(*rebalance);
    return;
  }
  const auto& error = std::get<ConsumerError>(event);
  const std::string place = error.where.topic.empty() ? ""
                                                      : fmt::format(": topic={} partition={}",
                                                                    error.where.topic, error.where.partition);
  if ((absl::IsOutOfRange(error.status) || absl::IsNotFound(error.status)) &&
      tasks_.lose(error.where, error.status)) {
    metrics_.positions_lost.fetch_add(1, std::memory_order_relaxed);
    // It may be of a topic that is gone, and would mean other records in one that has taken its name.
    commit_->withhold(error.where);
    return;
  }
  if (class_of(error.status) == ErrorClass::kFatal)
    return fail(with_context(error.status, "the consumer failed" + place));
  log_(LogLevel::kWarning, message_of(error.status) + place);
}

// -------------------------------------------------------------------------------------------------- membership

bool Worker::rebalance() {
  if (rebalances_.empty()) return false;
  const RebalanceEvent& event = rebalances_.front();
  switch (event.kind) {
    case RebalanceEvent::Kind::kAssigned:
      tasks_.confirm_tokens();
      assign_tokens(event.partitions);
      break;
    case RebalanceEvent::Kind::kRevoked: {
      activity_ = "committing before tasks are given back";
      const bool owes = WEIR_PLANTED("positions-of-revoked")
                            ? std::any_of(event.partitions.begin(), event.partitions.end(),
                                          [this](const TopicPartition& token) {
                                            const auto task = tasks_.open().find(token.partition);
                                            return task != tasks_.open().end() && task->second->dirty();
                                          })
                            : schedule_.owed();
      const bool gives_up =
          options_.guarantee == Guarantee::kAtLeastOnce && schedule_.failures() >= kTriesBeforeGivenBack;
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
      release_tokens(tasks_.tokens());
      if (producer_.in_transaction() && !WEIR_PLANTED("lost-without-abort")) producer_.abort();
      break;
  }
  rebalances_.answer(*consumer_);
  return true;
}

void Worker::assign_tokens(const std::vector<TopicPartition>& tokens) {
  tasks_.assign(tokens);
  state_ = tasks_.openings().empty() ? WorkerState::kRunning : WorkerState::kRebalancing;
}

void Worker::release_tokens(const std::vector<TopicPartition>& tokens) {
  for (const TopicPartition& token : tokens) {
    const auto index = static_cast<std::size_t>(token.partition);
    if (index >= plan_.tasks.size()) continue;
    if (!WEIR_PLANTED("opening-not-given-up") || !rebalances_.lost()) tasks_.give_up_opening(token.partition);
    const std::vector<TopicPartition>& sources = plan_.tasks[index].sources;
    purge_.forget(sources);
    if (commit_ != nullptr) {
      for (const TopicPartition& source : sources) commit_->release(source);
    }
    tasks_.close(token.partition);
  }
  if (tasks_.openings().empty()) state_ = WorkerState::kRunning;
}

void Worker::reopen(const std::vector<TopicPartition>& tokens) {
  release_tokens(tokens);
  assign_tokens(tokens);
}

// What the tasks did is committed before, without the positions that are lost.
bool Worker::reopen_lost() {
  if (tasks_.lost().empty()) return false;
  activity_ = "committing before a task is opened anew";
  if (schedule_.owed()) {
    start_commit();
    return true;
  }
  const auto lost = tasks_.lost();
  std::vector<TopicPartition> tokens;
  for (const auto& [token, positions] : lost) tokens.push_back({tasks_topic(options_.application_id), token});
  reopen(tokens);
  for (const auto& [token, positions] : lost) tasks_.distrust(token, positions);
  return true;
}

void Worker::open_tasks() {
  const auto opened = tasks_.step();
  if (!opened.ok()) return fail(opened.status());
  if (*opened == 0) return;
  schedule_.force();
  positions_unknown_ = true;
  if (tasks_.openings().empty()) state_ = WorkerState::kRunning;
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

// A commit makes room for more; it may have to wait where the last one failed.
bool Worker::process() {
  if (!producer_->has_room() || tasks_.uncommitted_bytes() >= uncommitted_bytes_max()) return false;
  bool progressed = false;
  const BufferLimit limit{options_.buffered_records,
                          buffered_bytes_max() / std::max<std::size_t>(tasks_.source_count(), 1)};
  for (const auto& [token, task] : tasks_.open()) {
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
    if (const absl::Status begun = producer_.begin(); !begun.ok()) {
      commit_failed(begun);
      return true;
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
  return commit_->phase() == CommitCycle::Phase::kStoringPositions && rebalances_.empty() &&
         tasks_.lost().empty() && !stop_requested_.load(std::memory_order_acquire);
}

bool Worker::all_home() {
  awaits_flights_ = false;
  bool home = true;
  for (const auto& [token, task] : tasks_.open()) {
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
  if (const absl::Status begun = producer_.begin(); !begun.ok()) return commit_failed(begun);
  if (!all_home()) return;
  const bool of_all = schedule_.of_all();
  std::vector<Task*> tasks;
  for (const auto& [token, task] : tasks_.open()) {
    if (WEIR_PLANTED("positions-of-revoked") && !rebalances_.empty() &&
        std::none_of(rebalances_.front().partitions.begin(), rebalances_.front().partitions.end(),
                     [number = token](const TopicPartition& revoked) { return revoked.partition == number; }))
      continue;
    const bool at_rest = of_all && !(WEIR_PLANTED("positions-at-rest-of-first") && !tasks.empty());
    if (at_rest || task->dirty() || task->commit_requested()) tasks.push_back(task.get());
  }
  schedule_.begun();
  committed_records_ = tasks_.processed();
  const absl::Status started = commit_->start(std::move(tasks), *producer_);
  if (started.ok()) return;
  if (class_of(started) != ErrorClass::kRetriable) return fail(started);
  log_(LogLevel::kWarning, "a commit cannot begin, set back to what is committed: " + message_of(started));
  commit_->abandon();
  for (const auto& [token, task] : tasks_.open()) tasks_.pause(token);
  set_back_all();
}

void Worker::advance_commit() {
  if (WEIR_PLANTED("purge-before-commit")) purge_.committed(commit_->committed());
  const auto over = commit_->step();
  if (!over.ok()) return commit_failed(over.status());
  if (!*over) return;
  producer_.committed();
  positions_unknown_ = false;
  schedule_.finished();
  purge_.committed(commit_->committed());
  tasks_.committed();
  metrics_.records_committed.store(committed_records_, std::memory_order_relaxed);
  metrics_.commits.fetch_add(1, std::memory_order_relaxed);
}

void Worker::commit_failed(const absl::Status& status) {
  const bool transactional = options_.guarantee == Guarantee::kExactlyOnce;
  if (transactional) metrics_.transactions_aborted.fetch_add(1, std::memory_order_relaxed);
  commit_->abandon();
  schedule_.failed();
  switch (after_failed_commit(status, options_.guarantee, producer_.in_transaction())) {
    case AfterFailedCommit::kTryAgain:
      log_(LogLevel::kWarning, "the commit failed and is tried again: " + message_of(status));
      return schedule_.force();
    case AfterFailedCommit::kAbort:
      log_(LogLevel::kWarning, "the transaction is given up: " + message_of(status));
      return producer_.abort();
    case AfterFailedCommit::kRenewProducer:
      log_(LogLevel::kWarning, "the transaction is given up: " + message_of(status));
      return recover_producer();
    case AfterFailedCommit::kFail:
      return fail(with_context(
          status, absl::IsPermissionDenied(status) && transactional ? rights_needed() : "the commit failed"));
  }
}

// A broker does not say on what a right is missing.
std::string Worker::rights_needed() const {
  std::vector<std::string> topics = external_sinks(topology_);
  for (const NewTopic& topic : plan_.internal_topics) topics.push_back(topic.name);
  if (!options_.dead_letter_topic.empty()) topics.push_back(options_.dead_letter_topic);
  return fmt::format("transactional id {}, group {}, topics that are written {}", options_.transactional_id,
                     options_.application_id, fmt::join(topics, ", "));
}

// Makes a new producer with the same id: its initialisation settles whatever transaction the old one left behind.
void Worker::recover_producer() {
  reopen_all();
  if (const absl::Status made = make_producer(); !made.ok()) return fail(made);
  stage_ = Stage::kInitialising;
}

// Nothing since the last commit has happened: every task goes back to what it applied then, which is what is committed.
void Worker::rewind_all() {
  producer_->clear_failure();
  for (const auto& [token, task] : tasks_.open()) {
    if (const absl::Status rewound = rewind_task(*task, *consumer_); !rewound.ok()) {
      return fail(with_context(rewound, "task " + task->id().name()));
    }
  }
}

// Whether the last transaction was committed is for the group to say: every task goes the way of a new owner.
void Worker::reopen_all() {
  producer_->clear_failure();
  reopen(tasks_.tokens());
}

bool Worker::goes_on_without(const absl::Status& failure) {
  const auto refusal = refusal_of(failure);
  if (!refusal || refusal->topic == options_.dead_letter_topic) return false;
  const ProductionPolicy policy =
      production_policy(topology_, options_.application_id, refusal->topic, options_.on_production_error);
  if (policy.policy != ErrorPolicy::kSkip && policy.policy != ErrorPolicy::kDeadLetter) return false;
  log_(LogLevel::kWarning,
       "set back to what is committed, to go on without a record: " + message_of(failure));
  gate_.learn(*refusal);
  commit_->abandon();
  set_back_all();
  return true;
}

void Worker::set_back_all() {
  if (!producer_.in_transaction()) return reopen_all();
  metrics_.transactions_aborted.fetch_add(1, std::memory_order_relaxed);
  producer_.abort();
}

void Worker::set_back(Partition token, const absl::Status& status) {
  log_(LogLevel::kInfo, "set back to what is committed: " + message_of(status));
  if (options_.guarantee == Guarantee::kAtLeastOnce)
    return reopen({{tasks_topic(options_.application_id), token}});
  set_back_all();
}

// -------------------------------------------------------------------------------------------------- ending

void Worker::begin_closing() {
  state_ = WorkerState::kStopping;
  if (schedule_.owed() && stage_ == Stage::kMember && !WEIR_PLANTED("closed-uncommitted")) {
    activity_ = "committing before the end";
    return start_commit();
  }
  activity_ = "leaving the group";
  tasks_.close_all();
  closing_ = consumer_->close(leave_group_.load(std::memory_order_relaxed));
  stage_ = Stage::kClosing;
}

// Only takes a note: the end of the step closes everything, so that no caller finds its objects gone.
void Worker::fail(const absl::Status& status) {
  if (!failure_.ok()) return;
  failure_ = status;
  log_(LogLevel::kError, message_of(status));
}

// Closes all without a commit; destroying the consumer leaves the group.
void Worker::drop_everything() {
  if (commit_ != nullptr) commit_->abandon();
  tasks_.close_all();
  own_keeper_.reset();
  producer_.reset();
  wake_up_->hang(nullptr);
  consumer_.reset();
}

// -------------------------------------------------------------------------------------------------- telling

Duration Worker::until_next_deadline() const {
  // A commit that waits for answers is due already.
  Duration left = awaits_flights_ ? kLongestIdle : schedule_.left();
  for (const auto& [token, task] : tasks_.open()) left = std::min(left, task->until_release().value_or(left));
  return std::clamp(std::min(left, retries_.until_next().value_or(left)), Duration{1}, kLongestIdle);
}

std::string Worker::task_name(Partition token) const {
  const auto index = static_cast<std::size_t>(token);
  return token < 0 || index >= plan_.tasks.size() ? "" : plan_.tasks[index].id.name();
}

WorkerHoldings Worker::holdings() const {
  WorkerHoldings held = report_.holdings();
  held.commits = metrics_.commits.load(std::memory_order_relaxed);
  held.committing = commit_ != nullptr && commit_->running();
  return held;
}

void Worker::tell() {
  report_.publish(metrics_);
  const std::string busy_with =
      fmt::format("{}{}", activity(), producer_.has_room() ? "" : ", the producer has no room");
  const std::size_t stalled = report_.watch_progress(clock_.steady(), busy_with);
  metrics_.tasks_stalled.store(stalled, std::memory_order_relaxed);
}

}  // namespace weir
