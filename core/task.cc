#include <weir/core/task.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/core/planted.h>

namespace weir {

Task::Task(TaskId id, const Topology& topology, const std::vector<NodeIndex>& nodes,
           const TaskEnvironment& environment, LentStore store)
    : id_(id),
      name_(id.name()),
      state_directory_(environment.state_directory.empty() ? ""
                                                           : environment.state_directory + "/" + id.name()),
      environment_(environment),
      store_(std::move(store)),
      changelog_(environment.application_id, id.partition),
      inputs_(environment_, current_, work_),
      times_(store_.get(), current_, inputs_),
      nodes_(topology, nodes, environment.application_id),
      timers_(name_, environment_, current_, work_),
      held_(environment_, current_, work_),
      flights_(environment_, current_, work_),
      failures_(name_, topology, environment_, current_, work_) {
  if (environment_.wake_up == nullptr) environment_.wake_up = std::make_shared<WakeUp>();
  if (environment_.producer != nullptr) changelog_.use(*environment_.producer);
  times_.recall();
}

Task::~Task() = default;

// Runs what may push records, and turns a failure that unwound it into its status. Exceptions of user code are caught at
// its node's door; one that got past (a factory's, say) fails the task all the same.
template <class F>
absl::Status Task::guarded(F&& call) {
  absl::Status status;
  try {
    call();
  } catch (const ProcessingFailure& failure) {
    status = failure.status;
  } catch (const std::exception& error) {
    status = fatal_error(fmt::format("task {}: exception: {}", name_, error.what()));
  }
  current_.set_none();
  current_.accepting = false;
  held_.end_record();
  flights_.end_record();
  return status;
}

absl::Status Task::add_input(Input input) {
  SourceNode* node = nodes_.reader_of(input.where.topic);
  if (node == nullptr) {
    return fatal_error(fmt::format("task {} has no source for the topic '{}'", name_, input.where.topic));
  }
  inputs_.open(std::move(input.where), std::move(input.reader), input.position, *node);
  return absl::OkStatus();
}

absl::Status Task::open(std::vector<Input> inputs) {
  // Those that have something of nodes that are no more.
  timers_.clear();
  held_.use({});
  flights_.use({});
  WEIR_RETURN_IF_ERROR(guarded([&] { nodes_.make(*this, held_, flights_); }));
  held_.use(nodes_.holders());
  flights_.use(nodes_.flight_nodes());
  inputs_.clear();
  applied_.clear();
  for (const Input& input : inputs) applied_.push_back({input.where, input.position, input.metadata});
  times_.begin(applied_);
  for (Input& input : inputs) WEIR_RETURN_IF_ERROR(add_input(std::move(input)));
  times_.recall();
  open_ = true;
  return guarded([&] { nodes_.open(); });
}

void Task::use(Producer& producer) {
  environment_.producer = &producer;
  outputs_.clear();
  changelog_.use(producer);
}

void Task::add(const TopicPartition& where, RawRecord record) { inputs_.add(where, std::move(record)); }

absl::StatusOr<bool> Task::process_next() {
  if (!flights_.none()) {
    const auto landed = land();
    if (!landed.ok() || *landed) return landed;
    if (!flights_.has_room()) return false;
  }
  TaskInputs::Source* source = nullptr;
  WEIR_RETURN_IF_ERROR(guarded([&] { source = inputs_.choose(); }));
  const std::vector<RecordGate*>& gates = nodes_.gates();
  if (source == nullptr && !gates.empty()) {
    WEIR_RETURN_IF_ERROR(guarded([&] {
      for (RecordGate* gate : gates) gate->at_rest();
    }));
  }
  if (source == nullptr || held_back(*source)) return release_due();
  if (held_.holds_of_another(source->origin)) WEIR_RETURN_IF_ERROR(guarded([&] { held_.release(); }));
  const Timestamp time = *source->head_time;
  if (!gates.empty()) {
    bool may = false;
    WEIR_RETURN_IF_ERROR(guarded([&] { may = admitted(time); }));
    if (!may) return release_due();
  }

  const RawRecord& raw = source->buffer.front();
  source->origin.offset = raw.offset;
  headers_.clear();
  if (!WEIR_PLANTED("headers-lost")) raw.read_headers(headers_);
  source->partition_time = std::max(source->partition_time, time);
  current_.stream_time = std::max(current_.stream_time, time);
  const bool was_dirty = std::exchange(work_.dirty, true);
  const std::uint64_t traces_before = work_.traces;

  current_.set(raw, source->origin);
  current_.accepting = true;
  held_.begin_record();
  std::size_t departures = 0;
  const absl::Status accepted = guarded([&] {
    source->node->accept(raw, time, headers_, source->origin);
    departures = flights_.departures();
  });
  if (!accepted.ok()) {
    // The record left no trace: it can be tried where it stands, from its timestamp on.
    const bool untouched = store_ == nullptr && work_.traces == traces_before;
    if (class_of(accepted) != ErrorClass::kRetriable || !untouched) return accepted;
    source->head_time.reset();
    work_.dirty = was_dirty;
    return false;
  }

  source->position = raw.offset + 1;
  source->head_time.reset();
  ++work_.counters.processed;
  if (held_.holding()) {
    held_.keep(source->buffer.take(), source->origin);
    if (held_.full()) WEIR_RETURN_IF_ERROR(guarded([&] { held_.release(); }));
  } else if (departures > 0) {
    flights_.keep(source->buffer.take(), source->origin, departures);
  } else {
    environment_.settle(source->origin);
    source->buffer.pop();
  }
  if (!timers_.empty()) {
    WEIR_RETURN_IF_ERROR(guarded([&] { fire_timers(TimerClock::kStreamTime, current_.stream_time); }));
  }
  return true;
}

absl::StatusOr<bool> Task::land() {
  bool landed = false;
  WEIR_RETURN_IF_ERROR(guarded([&] { landed = flights_.land(); }));
  return landed;
}

absl::StatusOr<bool> Task::come_home() {
  if (flights_.none()) return true;
  while (true) {
    WEIR_RETURN_IF_ERROR(land().status());
    if (flights_.under_way()) return false;
    bool emitted = false;
    WEIR_RETURN_IF_ERROR(guarded([&] { emitted = store_ != nullptr && store_->emit_pending(); }));
    if (!emitted && !flights_.under_way()) return true;
  }
}

bool Task::admitted(Timestamp time) {
  bool all = true;
  for (RecordGate* gate : nodes_.gates()) all = gate->admits(time) && all;
  return all;
}

std::optional<Duration> Task::until_release() const {
  const std::optional<Duration> held = held_.due_in();
  const std::optional<Duration> landing = flights_.due_in();
  return held && landing ? std::min(held, landing) : held ? held : landing;
}

absl::StatusOr<bool> Task::release_due() {
  if (!held_.due()) return false;
  WEIR_RETURN_IF_ERROR(guarded([&] { held_.release(); }));
  return true;
}

bool Task::held_back(const TaskInputs::Source& source) {
  RecordRetries* const retries = environment_.retries;
  if (retries == nullptr || retries->empty()) return false;
  const Offset offset = source.buffer.front().offset;
  if (!retries->known(source.buffer.where(), offset)) return false;
  // What comes before the record is committed first, so that the next failure takes back the record alone.
  if (work_.dirty && (store_ != nullptr || work_.traces > 0)) {
    commit_requested_ = true;
    return true;
  }
  return retries->waits(source.buffer.where(), offset);
}

absl::StatusOr<bool> Task::tell_ends(const std::map<TopicPartition, Offset>& ends, Duration asked) {
  const std::vector<PartitionOffset> positions = this->positions();
  bool all = true;
  for (auto& [watcher, told] : nodes_.watchers()) {
    if (told == asked) continue;
    const bool reached =
        std::all_of(positions.begin(), positions.end(), [&](const PartitionOffset& position) {
          if (position.where.topic != watcher->watched_topic()) return true;
          const auto end = ends.find(position.where);
          return end != ends.end() && position.offset >= end->second;
        });
    all = all && reached;
    if (!reached) continue;
    told = asked;
    work_.dirty = true;
    WEIR_RETURN_IF_ERROR(guarded([&] { watcher->has_all_as_of(asked); }));
  }
  return all;
}

absl::Status Task::fire_wall_timers() {
  if (timers_.empty()) return absl::OkStatus();
  const Timestamp now = environment_.clock->wall();
  timers_.wall_clock_is(now);
  return guarded([&] { fire_timers(TimerClock::kWallClock, now); });
}

void Task::fire_timers(TimerClock clock, Timestamp now) {
  const TaskTimers::Due due = timers_.due(clock, now);
  if (due.empty()) return;
  held_.release();
  timers_.fire(due, now);
}

absl::Status Task::prepare_commit() {
  commit_requested_ = false;
  WEIR_RETURN_IF_ERROR(guarded([&] {
    do {
      held_.release();
    } while (!WEIR_PLANTED("emit-after-encode") && store_ != nullptr && store_->emit_pending());
  }));
  for (const auto& [name, view] : views_) {
    WEIR_RETURN_IF_ERROR(with_context(view->failure(), fmt::format("global store '{}'", name)));
  }
  if (store_ == nullptr) return absl::OkStatus();
  absl::Status encoded;
  // Serdes are the user's.
  WEIR_RETURN_IF_ERROR(guarded([&] { encoded = store_->encode(changelog_); }));
  if (WEIR_PLANTED("emit-after-encode"))
    WEIR_RETURN_IF_ERROR(guarded([&] { std::ignore = store_->emit_pending(); }));
  return encoded;
}

std::vector<PartitionOffset> Task::positions() const {
  std::vector<PartitionOffset> result;
  for (const TaskInputs::Source& source : inputs_.sources()) {
    Offset position = next_offset(source);
    // What is held or under way has not been processed to the end.
    position = std::min(position, held_.first_of(source.origin).value_or(position));
    if (!WEIR_PLANTED("flights-not-awaited"))
      position = std::min(position, flights_.first_of(source.origin).value_or(position));
    result.push_back({source.buffer.where(), position, ""});
    if (WEIR_PLANTED("position-of-first-source")) break;
  }
  return result;
}

std::vector<PartitionOffset> Task::positions_to_commit() const {
  std::vector<PartitionOffset> result = positions();
  if (result.empty() || WEIR_PLANTED("times-not-in-positions")) return result;
  const std::size_t left_out = times_.write_to(result);
  if (left_out > 0 && !std::exchange(told_of_times_, true) && environment_.log) {
    environment_.log(
        LogLevel::kWarning,
        fmt::format("the positions of task {} have no room for {} of its times: if its stores are "
                    "in memory, these begin anew after a restart",
                    name_, left_out));
  }
  return result;
}

absl::Status Task::apply() {
  work_.settle();
  if (store_ != nullptr || !WEIR_PLANTED("rewind-to-begin")) applied_ = positions_to_commit();
  if (store_ == nullptr) return absl::OkStatus();
  TaskMeta meta = store_->meta();
  for (const PartitionOffset& position : applied_) meta.positions[position.where] = position.offset;
  changelog_.update(meta.changelogs);
  times_.write_to(meta);
  meta.wall = environment_.clock->wall();
  return store_->apply(meta);
}

void Task::rewind() {
  close();
  held_.clear();
  flights_.clear();
  inputs_.clear();
  if (store_ != nullptr) store_->drop();
  times_.recall();
  work_.settle();
  commit_requested_ = false;
}

void Task::close() {
  if (!open_) return;
  open_ = false;
  timers_.clear();
  for (auto node = nodes_.all().rbegin(); node != nodes_.all().rend(); ++node) {
    const absl::Status status = guarded([&] { (*node)->close(); });
    if (!status.ok() && environment_.log) {
      environment_.log(LogLevel::kWarning,
                       fmt::format("closing node '{}': {}", (*node)->name(), message_of(status)));
    }
  }
}

// ------------------------------------------------------------------------------------------------ TaskContext

StateStore& Task::store(const Node& node, std::string_view name) {
  if (store_ != nullptr && nodes_.connected(node, name)) {
    if (StateStore* found = store_->find(name); found != nullptr) return *found;
  }
  if (StateStore* view = view_of_global(name); view != nullptr) return *view;
  throw ProcessingFailure{fatal_error(
      fmt::format("node '{}' of task {} is not connected to a store '{}'", node.name(), name_, name))};
}

StateStore* Task::view_of_global(std::string_view name) {
  if (environment_.globals == nullptr) return nullptr;
  if (const auto known = views_.find(name); known != views_.end()) return known->second.get();
  std::unique_ptr<StateStore> view = environment_.globals->open_view(name);
  if (view == nullptr) return nullptr;
  return views_.emplace(std::string(name), std::move(view)).first->second.get();
}

OutputTopic Task::output(const std::string& topic) {
  OutputTopic output;
  output.id = environment_.producer->topic(topic);
  outputs_[output.id] = topic;
  output.partitions = environment_.partitions_of_others;
  if (environment_.partitions != nullptr) {
    if (const auto found = environment_.partitions->find(topic); found != environment_.partitions->end()) {
      output.partitions = found->second;
    }
  }
  return output;
}

void Task::send(const OutgoingRecord& record) {
  if (environment_.gate != nullptr && !environment_.gate->empty() && refused(record)) return;
  work_.dirty = work_.dirty || !WEIR_PLANTED("timers-not-committed") || current_.raw != nullptr;
  ++work_.traces;
  ++work_.unapplied_records;
  work_.unapplied_bytes += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  environment_.producer->send(record);
}

bool Task::refused(const OutgoingRecord& record) {
  const auto output = outputs_.find(record.topic);
  return output != outputs_.end() && failures_.refused(output->second, record);
}

}  // namespace weir
