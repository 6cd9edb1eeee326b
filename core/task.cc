#include <weir/core/task.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <weir/core/planted.h>
#include <weir/core/serde.h>

namespace weir {
namespace {

// What a timer's emissions came from: nothing.
const Origin kNoOrigin;

constexpr char kTimePrefix[] = "time/";
constexpr char kStreamTime[] = "stream-time";
constexpr char kPartitionTimePrefix[] = "partition-time/";

Bytes encode_time(Timestamp time) {
  Bytes bytes;
  put_big_endian(time, bytes);
  return bytes;
}

Timestamp decode_time(const std::map<std::string, Bytes>& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end() || found->second.size() != sizeof(Timestamp)) return kNoTimestamp;
  return get_big_endian<Timestamp>(found->second.data());
}

// Stops at the end of time.
Timestamp added(Timestamp time, Timestamp interval) {
  constexpr Timestamp kEnd = std::numeric_limits<Timestamp>::max();
  return time > kEnd - interval ? kEnd : time + interval;
}

std::string time_key(const TopicPartition& where) {
  return fmt::format("{}{}/{}", kPartitionTimePrefix, where.topic, where.partition);
}

}  // namespace

std::string_view name_of(DropReason reason) {
  switch (reason) {
    case DropReason::kNullKey:
      return "null key";
    case DropReason::kNullValue:
      return "null value";
    case DropReason::kLate:
      return "late";
    case DropReason::kExpired:
      return "expired";
    case DropReason::kBadTimestamp:
      return "bad timestamp";
    case DropReason::kUndecodable:
      return "undecodable";
    case DropReason::kFailed:
      return "failed";
    case DropReason::kNoPartition:
      return "no partition";
    case DropReason::kDuplicate:
      return "duplicate";
    case DropReason::kTooLarge:
      return "too large";
    case DropReason::kNoTopic:
      return "no such topic";
    case DropReason::kNotAllowed:
      return "not allowed";
    case DropReason::kRefused:
      return "refused";
  }
  return "";
}

std::uint64_t TaskCounters::dropped_total() const {
  return std::accumulate(dropped.begin(), dropped.end(), std::uint64_t{0});
}

// Sends what the stores encode to the changelog topics, and knows how far those are acknowledged.
class Task::Changelog final : public ChangelogWriter {
 public:
  Changelog(const std::string& application_id, Partition partition)
      : application_id_(application_id), partition_(partition) {}

  void use(Producer& producer) {
    producer_ = &producer;
    topics_.clear();
  }

  void append(const StoreSpec& store, BytesView key, NullableBytes value, Timestamp timestamp) override {
    if (!store.logged || (WEIR_PLANTED("windows-not-logged") && store.kind == "window")) return;
    OutgoingRecord record;
    record.topic = topic_of(store.name);
    record.partition = WEIR_PLANTED("changelog-partition") ? 0 : partition_;
    record.key = key;
    record.value = value || !WEIR_PLANTED("deletes-logged-empty") ? value : BytesView("");
    record.timestamp = WEIR_PLANTED("changelog-time") ? 0 : std::max<Timestamp>(timestamp, 0);
    producer_->send(record);
  }

  // Moves the offset of each store that was written to the end of what the broker has acknowledged.
  void update(std::map<std::string, Offset>& changelogs) const {
    for (const auto& [store, topic] : topics_) {
      const Offset last = producer_->last_acknowledged(topic, partition_);
      if (last != kNoOffset) changelogs[store] = last + (WEIR_PLANTED("changelog-offset-ahead") ? 3 : 1);
      if (WEIR_PLANTED("changelog-offset-of-first")) break;
    }
  }

 private:
  TopicId topic_of(const std::string& store) {
    const auto found = topics_.find(store);
    if (found != topics_.end()) return found->second;
    return topics_.emplace(store, producer_->topic(changelog_topic(application_id_, store))).first->second;
  }

  const std::string application_id_;
  const Partition partition_;
  Producer* producer_ = nullptr;
  std::map<std::string, TopicId> topics_;  // of the stores written since the producer is in use
};

Task::Task(TaskId id, const Topology& topology, const std::vector<NodeIndex>& nodes,
           const TaskEnvironment& environment, LentStore store)
    : id_(id),
      name_(id.name()),
      state_directory_(environment.state_directory.empty() ? ""
                                                           : environment.state_directory + "/" + id.name()),
      topology_(topology),
      node_indexes_(nodes),
      environment_(environment),
      store_(std::move(store)),
      changelog_(std::make_unique<Changelog>(environment.application_id, id.partition)),
      origin_(&kNoOrigin) {
  if (environment_.wake_up == nullptr) environment_.wake_up = std::make_shared<WakeUp>();
  if (environment_.producer != nullptr) changelog_->use(*environment_.producer);
  load_meta();
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
  current_ = nullptr;
  origin_ = &kNoOrigin;
  accepting_ = false;
  resumed_ = HoldDesk::kNobody;
  taken_up_ = FlightDesk::kNobody;
  departures_ = 0;
  return status;
}

void Task::load_meta() {
  for (auto& [name, time] : times_) {
    *time = std::max(remembered_time(kTimePrefix + name),
                     WEIR_PLANTED("operator-time-not-rewound") ? *time : kNoTimestamp);
  }
  if (!WEIR_PLANTED("stream-time-lost")) {
    stream_time_ = std::max(remembered_time(kStreamTime),
                            WEIR_PLANTED("stream-time-not-rewound") ? stream_time_ : kNoTimestamp);
  }
  for (Source& source : sources_) {
    if (!WEIR_PLANTED("partition-time-lost"))
      source.partition_time = remembered_time(time_key(source.buffer.where()));
  }
}

Timestamp Task::remembered_time(const std::string& name) const {
  if (const auto committed = committed_times_.find(name); committed != committed_times_.end())
    return committed->second;
  return store_ == nullptr ? kNoTimestamp : decode_time(store_->meta().values, name);
}

// The times beside the committed positions, unless what the stores remember belongs to the same commit or (at least once) to a
// later one: the group knows better if the task was elsewhere in between, and if nothing is on disk.
NamedTimes Task::times_of_group(const std::vector<Input>& inputs) const {
  const bool stores_know =
      store_ != nullptr && std::all_of(inputs.begin(), inputs.end(), [this](const Input& input) {
        const auto known = store_->meta().positions.find(input.where);
        return known != store_->meta().positions.end() && known->second >= input.position;
      });
  NamedTimes times;
  if (stores_know || (store_ != nullptr && WEIR_PLANTED("times-of-store"))) return times;
  for (const Input& input : inputs) times.merge(times_in(input.metadata));
  return times;
}

void Task::make_nodes() {
  nodes_.clear();
  source_nodes_.clear();
  source_patterns_.clear();
  timers_.clear();
  holders_.clear();
  gates_.clear();
  watchers_.clear();
  held_.clear();
  flight_nodes_.clear();
  flights_.clear();
  std::map<NodeIndex, Node*> made;
  std::vector<std::pair<NodeIndex, RecordHolder*>> holders;
  for (const NodeIndex index : node_indexes_) {
    const NodeSpec& spec = topology_.nodes[index];
    nodes_.push_back(spec.make());
    Node& node = *nodes_.back();
    node.settle(spec.name, spec.on_error, *this);
    made[index] = &node;
    if (auto* holder = dynamic_cast<RecordHolder*>(&node); holder != nullptr)
      holders.emplace_back(index, holder);
    if (auto* flying = dynamic_cast<FlightNode*>(&node); flying != nullptr) {
      flying->attach(*this);
      flight_nodes_.push_back(flying);
    }
    if (auto* gate = dynamic_cast<RecordGate*>(&node); gate != nullptr) gates_.push_back(gate);
    if (auto* watcher = dynamic_cast<EndWatcher*>(&node); watcher != nullptr)
      watchers_.emplace_back(watcher, Duration{-1});
    if (spec.kind == NodeKind::kSource) {
      auto* source = dynamic_cast<SourceNode*>(&node);
      if (source == nullptr)
        throw ProcessingFailure{fatal_error(fmt::format("source '{}' makes no source node", spec.name))};
      if (spec.pattern) {
        source_patterns_.emplace_back(&*spec.pattern, source);
        continue;
      }
      for (const TopicName& topic : spec.topics)
        source_nodes_[topic.on_broker(environment_.application_id)] = source;
    }
  }
  for (const auto& [index, holder] : holders) {
    holder->attach(*this, flight_nodes_.empty() && may_hold(topology_, node_indexes_, index));
    holders_.push_back(holder);
  }
  for (const NodeIndex index : node_indexes_) {
    for (const NodeIndex child : topology_.nodes[index].children) {
      if (made[index]->connect(*made.at(child))) continue;
      throw ProcessingFailure{
          fatal_error(fmt::format("node '{}' does not emit what '{}' takes", topology_.nodes[index].name,
                                  topology_.nodes[child].name))};
    }
  }
}

SourceNode* Task::node_that_reads(const std::string& topic) const {
  if (const auto named = source_nodes_.find(topic); named != source_nodes_.end()) return named->second;
  for (const auto& [pattern, node] : source_patterns_) {
    if (pattern->matches(topic)) return node;
  }
  return nullptr;
}

absl::Status Task::add_input(Input input) {
  SourceNode* node = node_that_reads(input.where.topic);
  if (node == nullptr) {
    return fatal_error(fmt::format("task {} has no source for the topic '{}'", name_, input.where.topic));
  }
  Source& source = sources_.emplace_back(Source{PartitionBuffer(input.where, std::move(input.reader)),
                                                node,
                                                Origin{},
                                                input.position,
                                                kNoTimestamp,
                                                {},
                                                {}});
  source.origin.topic = source.buffer.where().topic;
  source.origin.partition = source.buffer.where().partition;
  return absl::OkStatus();
}

absl::Status Task::open(std::vector<Input> inputs) {
  WEIR_RETURN_IF_ERROR(guarded([&] { make_nodes(); }));
  sources_.clear();
  committed_times_ = times_of_group(inputs);
  applied_.clear();
  for (const Input& input : inputs) applied_.push_back({input.where, input.position, input.metadata});
  for (Input& input : inputs) WEIR_RETURN_IF_ERROR(add_input(std::move(input)));
  load_meta();
  open_ = true;
  return guarded([&] {
    for (const auto& node : nodes_) node->open();
  });
}

void Task::use(Producer& producer) {
  environment_.producer = &producer;
  outputs_.clear();
  changelog_->use(producer);
}

std::size_t Task::fill(const BufferLimit& limit) {
  std::size_t fetched = 0;
  for (Source& source : sources_) fetched += source.buffer.fill(limit);
  return fetched;
}

void Task::add(const TopicPartition& where, RawRecord record) {
  for (Source& source : sources_) {
    if (source.buffer.where() == where) {
      source.buffer.add(std::move(record));
      return;
    }
  }
}

// Learns the time of the head, dropping heads that have none. Returns whether there is a head.
bool Task::prepare_head(Source& source) {
  while (!source.buffer.empty()) {
    if (source.head_time) return true;
    const RawRecord& head = source.buffer.front();
    source.origin.offset = head.offset;
    current_ = &head;
    origin_ = &source.origin;
    const Timestamp time = source.node->timestamp_of(head, source.partition_time, source.origin);
    current_ = nullptr;
    origin_ = &kNoOrigin;
    if (time >= 0) {
      source.head_time = time;
      return true;
    }
    drop(DropReason::kBadTimestamp);
    source.position = head.offset + 1;
    dirty_ = true;
    source.buffer.pop();
  }
  return false;
}

// Whether the task should hold its other partitions back for this empty one (KIP-695).
bool Task::worth_waiting(Source& source) {
  if (environment_.max_task_idle.count() < 0) return false;
  if (!source.buffer.caught_up()) {
    source.empty_since.reset();
    return true;
  }
  if (environment_.max_task_idle.count() == 0) return false;
  const Duration now = environment_.clock->steady();
  if (!source.empty_since) source.empty_since = now;
  return now - *source.empty_since < environment_.max_task_idle;
}

Task::Source* Task::choose() {
  Source* chosen = nullptr;
  bool somebody_is_awaited = false;
  for (Source& source : sources_) {
    if (!prepare_head(source)) {
      if (sources_.size() > 1 && worth_waiting(source)) somebody_is_awaited = true;
      continue;
    }
    source.empty_since.reset();
    if (chosen == nullptr || *source.head_time < *chosen->head_time) chosen = &source;
  }
  return somebody_is_awaited ? nullptr : chosen;
}

absl::StatusOr<bool> Task::process_next() {
  if (!flight_nodes_.empty()) {
    const auto landed = land();
    if (!landed.ok() || *landed) return landed;
    if (!has_room()) return false;
  }
  Source* source = nullptr;
  WEIR_RETURN_IF_ERROR(guarded([&] { source = choose(); }));
  if (source == nullptr && !gates_.empty()) {
    WEIR_RETURN_IF_ERROR(guarded([&] {
      for (RecordGate* gate : gates_) gate->at_rest();
    }));
  }
  if (source == nullptr || held_back(*source)) return release_due();
  if (!held_.empty() && held_source_ != source) WEIR_RETURN_IF_ERROR(guarded([&] { release_held(); }));
  const Timestamp time = *source->head_time;
  if (!gates_.empty()) {
    bool may = false;
    WEIR_RETURN_IF_ERROR(guarded([&] { may = admitted(time); }));
    if (!may) return release_due();
  }

  const RawRecord& raw = source->buffer.front();
  source->origin.offset = raw.offset;
  headers_.clear();
  if (!WEIR_PLANTED("headers-lost")) raw.read_headers(headers_);
  source->partition_time = std::max(source->partition_time, time);
  stream_time_ = std::max(stream_time_, time);
  const bool was_dirty = std::exchange(dirty_, true);
  const std::uint64_t sends_before = sends_;

  current_ = &raw;
  origin_ = &source->origin;
  accepting_ = true;
  holding_ = false;
  std::size_t departures = 0;
  const absl::Status accepted = guarded([&] {
    source->node->accept(raw, time, headers_, source->origin);
    departures = departures_;
  });
  if (!accepted.ok()) {
    // The record left no trace: it can be tried where it stands, from its timestamp on.
    const bool untouched = store_ == nullptr && sends_ == sends_before;
    if (class_of(accepted) != ErrorClass::kRetriable || !untouched) return accepted;
    source->head_time.reset();
    dirty_ = was_dirty;
    return false;
  }

  source->position = raw.offset + 1;
  source->head_time.reset();
  ++counters_.processed;
  if (holding_) {
    held_source_ = source;
    held_.push_back({source->buffer.take(), source->origin, stream_time_});
    if (std::any_of(holders_.begin(), holders_.end(),
                    [](const RecordHolder* holder) { return holder->full(); })) {
      WEIR_RETURN_IF_ERROR(guarded([&] { release_held(); }));
    }
  } else if (departures > 0) {
    flights_.emplace(next_flight_++, Flight{source->buffer.take(), source->origin, stream_time_, departures});
  } else {
    settle(source->buffer.where(), raw.offset);
    source->buffer.pop();
  }
  if (!timers_.empty()) {
    WEIR_RETURN_IF_ERROR(guarded([&] { fire_timers(TimerClock::kStreamTime, stream_time_); }));
  }
  return true;
}

void Task::settle(const TopicPartition& where, Offset offset) {
  if (environment_.retries != nullptr && !environment_.retries->empty())
    environment_.retries->settle(where, offset);
}

std::uint64_t Task::depart() {
  ++sends_;  // a trace of the record
  if (current_ == nullptr) return FlightDesk::kNobody;
  if (taken_up_ != FlightDesk::kNobody) {
    ++flights_.at(taken_up_).legs;
    return taken_up_;
  }
  ++departures_;
  return next_flight_;
}

void Task::take_up(std::uint64_t number) {
  taken_up_ = number;
  accepting_ = number != FlightDesk::kNobody;
  current_ = nullptr;
  origin_ = &kNoOrigin;
  stream_time_ = landing_at_;
  if (!accepting_) return;
  const Flight& flight = flights_.at(number);
  current_ = &flight.raw;
  origin_ = &flight.origin;
  stream_time_ = flight.stream_time;
}

void Task::arrive(std::uint64_t number) {
  take_up(FlightDesk::kNobody);
  const auto flight = flights_.find(number);
  if (flight == flights_.end() || --flight->second.legs > 0) return;
  const Origin& origin = flight->second.origin;
  settle({std::string(origin.topic), origin.partition}, origin.offset);
  flights_.erase(flight);
}

absl::StatusOr<bool> Task::land() {
  landing_at_ = stream_time_;
  bool landed = false;
  const absl::Status status = guarded([&] {
    for (FlightNode* node : flight_nodes_) landed |= node->land();
  });
  stream_time_ = landing_at_;
  if (!status.ok()) return status;
  dirty_ |= landed;
  return landed;
}

bool Task::under_way() const {
  return std::any_of(flight_nodes_.begin(), flight_nodes_.end(),
                     [](const FlightNode* node) { return node->under_way(); });
}

bool Task::has_room() const {
  return std::all_of(flight_nodes_.begin(), flight_nodes_.end(),
                     [](const FlightNode* node) { return node->has_room(); });
}

absl::StatusOr<bool> Task::come_home() {
  if (flight_nodes_.empty()) return true;
  while (true) {
    WEIR_RETURN_IF_ERROR(land().status());
    if (under_way()) return false;
    bool emitted = false;
    WEIR_RETURN_IF_ERROR(guarded([&] { emitted = store_ != nullptr && store_->emit_pending(); }));
    if (!emitted && !under_way()) return true;
  }
}

bool Task::admitted(Timestamp time) {
  bool all = true;
  for (RecordGate* gate : gates_) all = gate->admits(time) && all;
  return all;
}

std::optional<Duration> Task::until_release() const {
  std::optional<Duration> least;
  for (const RecordHolder* holder : holders_) {
    if (holder->holds()) least = std::min(holder->due_in(), least.value_or(Duration::max()));
  }
  for (const FlightNode* node : flight_nodes_) {
    if (node->under_way() || !node->has_room())
      least = std::min(node->due_in(), least.value_or(Duration::max()));
  }
  return least;
}

absl::StatusOr<bool> Task::release_due() {
  if (std::none_of(holders_.begin(), holders_.end(), [](const RecordHolder* holder) {
        return holder->holds() && holder->due_in().count() <= 0;
      }))
    return false;
  WEIR_RETURN_IF_ERROR(guarded([&] { release_held(); }));
  return true;
}

// What a node passes on, one further down may hold again; that one comes later among the holders.
void Task::release_held() {
  if (std::none_of(holders_.begin(), holders_.end(),
                   [](const RecordHolder* holder) { return holder->holds(); }))
    return;
  // Nodes see the time at which the record came, whoever came after it.
  const struct Restored {
    Timestamp& time;
    const Timestamp now;
    ~Restored() { time = now; }
  } restored{stream_time_, stream_time_};
  accepting_ = true;
  for (RecordHolder* holder : holders_) {
    if (holder->holds()) holder->release();
  }
  accepting_ = false;
  resume(HoldDesk::kNobody);
  for (const HeldRecord& held : held_)
    settle({std::string(held.origin.topic), held.origin.partition}, held.origin.offset);
  first_held_ += held_.size();
  held_.clear();
}

std::uint64_t Task::hold() {
  ++sends_;  // a trace of the record
  if (current_ == nullptr) return HoldDesk::kNobody;
  if (resumed_ != HoldDesk::kNobody) return resumed_;
  holding_ = true;
  return first_held_ + held_.size();
}

void Task::resume(std::uint64_t number) {
  resumed_ = number;
  if (number == HoldDesk::kNobody) {
    current_ = nullptr;
    origin_ = &kNoOrigin;
    return;
  }
  const HeldRecord& held = held_[number - first_held_];
  current_ = &held.raw;
  origin_ = &held.origin;
  stream_time_ = held.stream_time;
}

bool Task::held_back(const Source& source) {
  RecordRetries* const retries = environment_.retries;
  if (retries == nullptr || retries->empty()) return false;
  const Offset offset = source.buffer.front().offset;
  if (!retries->known(source.buffer.where(), offset)) return false;
  // What comes before the record is committed first, so that the next failure takes back the record alone.
  if (dirty_ && (store_ != nullptr || sends_ > 0)) {
    commit_requested_ = true;
    return true;
  }
  return retries->waits(source.buffer.where(), offset);
}

absl::StatusOr<bool> Task::tell_ends(const std::map<TopicPartition, Offset>& ends, Duration asked) {
  const std::vector<PartitionOffset> positions = this->positions();
  bool all = true;
  for (auto& [watcher, told] : watchers_) {
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
    dirty_ = true;
    WEIR_RETURN_IF_ERROR(guarded([&] { watcher->has_all_as_of(asked); }));
  }
  return all;
}

absl::Status Task::fire_wall_timers() {
  if (timers_.empty()) return absl::OkStatus();
  const Timestamp now = environment_.clock->wall();
  // Where the wall clock was set back, timers must not wait until it is again as late as it was. One that waits for its first
  // time, further away than its interval, does so still.
  for (Timer& timer : timers_) {
    const Timestamp interval = timer.interval.count();
    if (timer.clock != TimerClock::kWallClock || now >= timer.last || timer.next - interval > timer.last)
      continue;
    timer.next -= (timer.next - now - 1) / interval * interval;
    timer.last = now;
  }
  return guarded([&] { fire_timers(TimerClock::kWallClock, now); });
}

// Fires what is due, each timer once, the longest overdue first. One that is scheduled meanwhile waits for the next time:
// a timer that replaces itself must not fire for ever.
void Task::fire_timers(TimerClock clock, Timestamp now) {
  if (now < 0) return;
  std::vector<std::pair<Timestamp, std::size_t>> due;
  for (std::size_t i = 0; i < timers_.size(); ++i) {
    if (timers_[i].clock == clock && timers_[i].next <= now) due.emplace_back(timers_[i].next, i);
  }
  if (due.empty()) return;
  release_held();
  std::sort(due.begin(), due.end());
  for (const auto& [next, i] : due) {
    if (*timers_[i].cancelled) continue;
    const Timestamp interval = timers_[i].interval.count();
    timers_[i].next = added(now, interval - (now - next) % interval);
    if (WEIR_PLANTED("timer-too-soon")) timers_[i].next = now + interval / 2;
    timers_[i].last = now;
    ++counters_.timers_fired;
    dirty_ = dirty_ || !WEIR_PLANTED("timers-not-committed");
    // A copy: the callback may schedule a timer, which moves the others.
    const auto fire = timers_[i].fire;
    fire(now);
  }
  std::erase_if(timers_, [](const Timer& timer) { return *timer.cancelled; });
}

absl::Status Task::prepare_commit() {
  commit_requested_ = false;
  WEIR_RETURN_IF_ERROR(guarded([&] {
    do {
      release_held();
    } while (!WEIR_PLANTED("emit-after-encode") && store_ != nullptr && store_->emit_pending());
  }));
  for (const auto& [name, view] : views_) {
    WEIR_RETURN_IF_ERROR(with_context(view->failure(), fmt::format("global store '{}'", name)));
  }
  if (store_ == nullptr) return absl::OkStatus();
  absl::Status encoded;
  // Serdes are the user's.
  WEIR_RETURN_IF_ERROR(guarded([&] { encoded = store_->encode(*changelog_); }));
  if (WEIR_PLANTED("emit-after-encode"))
    WEIR_RETURN_IF_ERROR(guarded([&] { std::ignore = store_->emit_pending(); }));
  return encoded;
}

std::vector<PartitionOffset> Task::positions() const {
  std::vector<PartitionOffset> result;
  for (const Source& source : sources_) {
    Offset position = source.position;
    // Control records lie before the next record, or, with nothing buffered, before the reader: nobody will ever process them.
    // Both are passed alike, or a position that was committed would go back over them.
    const PartitionReader* reader = source.buffer.reader();
    if (!source.buffer.empty() && !WEIR_PLANTED("position-of-fetch")) {
      position = std::max(position, source.buffer.front().offset);
    } else if (reader != nullptr) {
      position = std::max(position, reader->position());
    }
    // What is held has not been processed to the end.
    if (!held_.empty() && held_source_ == &source) position = std::min(position, held_.front().origin.offset);
    for (const auto& [number, flight] : flights_) {
      if (WEIR_PLANTED("flights-not-awaited")) break;
      if (flight.origin.partition == source.origin.partition && flight.origin.topic == source.origin.topic)
        position = std::min(position, flight.origin.offset);
    }
    result.push_back({source.buffer.where(), position, ""});
    if (WEIR_PLANTED("position-of-first-source")) break;
  }
  return result;
}

// Those of the task as a whole go first, then those of the partitions, then the operators' own, each beside the first
// position that has room.
std::vector<PartitionOffset> Task::positions_to_commit() const {
  std::vector<PartitionOffset> result = positions();
  if (result.empty() || WEIR_PLANTED("times-not-in-positions")) return result;
  std::size_t left_out = 0;
  const auto add = [&](const std::string& name, Timestamp time) {
    for (PartitionOffset& position : result) {
      if (add_time(name, time, position.metadata)) return;
    }
    ++left_out;
  };
  add(kStreamTime, stream_time_);
  for (const Source& source : sources_) add(time_key(source.buffer.where()), source.partition_time);
  for (const auto& [name, time] : times_) add(kTimePrefix + name, *time);
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
  dirty_ = false;
  unapplied_records_ = 0;
  unapplied_bytes_ = 0;
  if (store_ != nullptr || !WEIR_PLANTED("rewind-to-begin")) applied_ = positions_to_commit();
  if (store_ == nullptr) return absl::OkStatus();
  TaskMeta meta = store_->meta();
  for (const PartitionOffset& position : applied_) meta.positions[position.where] = position.offset;
  changelog_->update(meta.changelogs);
  for (const auto& [name, time] : times_) meta.values[kTimePrefix + name] = encode_time(*time);
  meta.values[kStreamTime] = encode_time(stream_time_);
  for (const Source& source : sources_) {
    meta.values[time_key(source.buffer.where())] = encode_time(source.partition_time);
  }
  meta.wall = environment_.clock->wall();
  return store_->apply(meta);
}

void Task::rewind() {
  close();
  held_.clear();
  flights_.clear();
  sources_.clear();
  if (store_ != nullptr) store_->drop();
  load_meta();
  dirty_ = false;
  unapplied_records_ = 0;
  unapplied_bytes_ = 0;
  commit_requested_ = false;
}

void Task::close() {
  if (!open_) return;
  open_ = false;
  timers_.clear();
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    const absl::Status status = guarded([&] { (*node)->close(); });
    if (!status.ok() && environment_.log) {
      environment_.log(LogLevel::kWarning,
                       fmt::format("closing node '{}': {}", (*node)->name(), message_of(status)));
    }
  }
}

std::size_t Task::buffered_records() const {
  std::size_t records = 0;
  for (const Source& source : sources_) records += source.buffer.size();
  return records;
}

std::size_t Task::buffered_bytes() const {
  std::size_t bytes = 0;
  for (const Source& source : sources_) bytes += source.buffer.size_bytes();
  return bytes;
}

std::string Task::describe_inputs() const {
  std::string text;
  for (const Source& source : sources_) {
    const TopicPartition& where = source.buffer.where();
    if (!text.empty()) text += ", ";
    text += fmt::format("topic={} partition={} position={} buffered={}", where.topic, where.partition,
                        source.position, source.buffer.size());
    if (const PartitionReader* reader = source.buffer.reader(); reader != nullptr)
      text += fmt::format(" end={}", reader->known_end());
    if (environment_.retries != nullptr && !source.buffer.empty() &&
        environment_.retries->known(where, source.buffer.front().offset))
      text += " (its next record is being tried again)";
  }
  return text;
}

std::uint64_t Task::lag() const {
  std::uint64_t lag = 0;
  for (const Source& source : sources_) {
    const PartitionReader* reader = source.buffer.reader();
    lag += source.buffer.size();
    if (reader != nullptr && reader->known_end() > reader->position()) {
      lag += static_cast<std::uint64_t>(reader->known_end() - reader->position());
    }
  }
  return lag;
}

// ------------------------------------------------------------------------------------------------ TaskContext

StateStore& Task::store(const Node& node, std::string_view name) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].get() != &node) continue;
    if (!topology_.nodes[node_indexes_[i]].stores.contains(std::string(name))) break;
    if (StateStore* found = store_ != nullptr ? store_->find(name) : nullptr; found != nullptr) return *found;
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

Timestamp* Task::persistent_time(const std::string& name) {
  auto& time = times_[name];
  if (time == nullptr) {
    time = std::make_unique<Timestamp>(
        WEIR_PLANTED("operator-time-lost") ? kNoTimestamp : remembered_time(kTimePrefix + name));
  }
  return time.get();
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
  dirty_ = dirty_ || !WEIR_PLANTED("timers-not-committed") || current_ != nullptr;
  ++sends_;
  ++unapplied_records_;
  unapplied_bytes_ += (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0);
  environment_.producer->send(record);
}

void Task::drop(DropReason reason) { ++counters_.dropped[static_cast<std::size_t>(reason)]; }

void Task::failed(const Node& node, DropReason reason, const std::string& what) {
  fail_record(node, reason, what, /*passing=*/false);
}

void Task::failed_for_now(const Node& node, DropReason reason, const std::string& what) {
  fail_record(node, reason, what, /*passing=*/true);
}

void Task::fail_record(const Node& node, DropReason reason, const std::string& what, bool passing) {
  const std::string message = place_of(node.name(), reason, what);
  ErrorPolicy policy = node.on_error() == ErrorPolicy::kInherit ? environment_.on_error : node.on_error();
  RecordRetries* const retries = environment_.retries;
  if (accepting_ && retries != nullptr && (passing || policy == ErrorPolicy::kRetry)) {
    const TopicPartition where{std::string(origin_->topic), origin_->partition};
    if (retries->failed(where, origin_->offset)) {
      ++counters_.retries;
      if (environment_.log) environment_.log(LogLevel::kWarning, "to be tried again: " + message);
      throw ProcessingFailure{retriable_error(message)};
    }
  }
  if (policy == ErrorPolicy::kRetry)
    policy = retries != nullptr ? retries->options().then : ErrorPolicy::kFail;
  if (policy == ErrorPolicy::kFail || policy == ErrorPolicy::kInherit)
    throw ProcessingFailure{fatal_error(message)};
  give_up(node.name(), reason, policy, what, nullptr);
}

std::string Task::place_of(std::string_view node, DropReason reason, const std::string& what) const {
  return fmt::format("{} at node '{}': topic={} partition={} offset={} task={}: {}", name_of(reason), node,
                     origin_->topic, origin_->partition, origin_->offset, name_, what);
}

void Task::give_up(std::string_view node, DropReason reason, ErrorPolicy policy, const std::string& what,
                   const OutgoingRecord* outgoing) {
  drop(reason);
  if (policy == ErrorPolicy::kDeadLetter) send_dead_letter(node, reason, what, outgoing);
  // A flood of bad records must not become a flood of log lines: tell of the 1st, 2nd, 4th, 8th, ...
  const std::uint64_t count = counters_.dropped[static_cast<std::size_t>(reason)];
  if (environment_.log && std::has_single_bit(count)) {
    environment_.log(LogLevel::kWarning, fmt::format("{} ({} so far)", place_of(node, reason, what), count));
  }
}

bool Task::refused(const OutgoingRecord& record) {
  const auto output = outputs_.find(record.topic);
  if (output == outputs_.end()) return false;
  const auto reason = environment_.gate->refuses(output->second, record);
  if (!reason) return false;
  const ProductionPolicy policy = production_policy(topology_, environment_.application_id, output->second,
                                                    environment_.on_production_error);
  const std::string what = fmt::format("the topic '{}' refuses a record", output->second);
  const DropReason dropped = drop_reason_of(*reason);
  if (policy.policy != ErrorPolicy::kSkip && policy.policy != ErrorPolicy::kDeadLetter)
    throw ProcessingFailure{fatal_error(place_of(policy.sink, dropped, what))};
  dirty_ = true;
  give_up(policy.sink, dropped, policy.policy, what, &record);
  return true;
}

// The names of the headers and their order are those of Kafka Streams' dead-letter records (KIP-1034). Where that has an
// exception's class and its stack there is the kind of fault and the node. What came from no record (a timer, a commit) is
// itself in its letter.
void Task::send_dead_letter(std::string_view node, DropReason reason, const std::string& what,
                            const OutgoingRecord* outgoing) {
  if (environment_.dead_letter_topic.empty()) {
    throw ProcessingFailure{fatal_error(fmt::format(
        "node '{}' sends records aside, but the application has no dead-letter topic: {}", node, what))};
  }
  Headers headers;
  if (current_ != nullptr) {
    if (!WEIR_PLANTED("letters-without-headers")) current_->read_headers(headers);
  } else if (outgoing != nullptr && outgoing->headers != nullptr) {
    headers = *outgoing->headers;
  }
  headers.add("__streams.errors.exception", std::string(name_of(reason)));
  headers.add("__streams.errors.message", what);
  headers.add("__streams.errors.stacktrace", fmt::format("at node '{}' of task {}", node, name_));
  headers.add("__streams.errors.topic", std::string(origin_->topic));
  headers.add("__streams.errors.partition", std::to_string(origin_->partition));
  headers.add("__streams.errors.offset", std::to_string(origin_->offset));
  OutgoingRecord record;
  if (current_ != nullptr) {
    record.key = current_->key;
    record.value = current_->value;
    record.timestamp = std::max<Timestamp>(current_->timestamp, 0);
  } else if (outgoing != nullptr) {
    record.key = outgoing->key;
    record.value = outgoing->value;
    record.timestamp = outgoing->timestamp;
  } else {
    record.timestamp = environment_.clock->wall();
  }
  record.topic = environment_.producer->topic(environment_.dead_letter_topic);
  record.headers = &headers;
  dirty_ = true;
  ++sends_;
  environment_.producer->send(record);
  if (WEIR_PLANTED("letters-twice")) environment_.producer->send(record);
  ++counters_.dead_letters;
}

Cancellable Task::schedule(Duration interval, TimerClock clock, std::function<void(Timestamp)> fire) {
  const Timestamp first =
      clock == TimerClock::kStreamTime ? 0 : added(environment_.clock->wall(), interval.count());
  return add_timer(first, interval, clock, std::move(fire));
}

Cancellable Task::schedule_from(Timestamp start, Duration interval, TimerClock clock,
                                std::function<void(Timestamp)> fire) {
  const Timestamp now = clock == TimerClock::kStreamTime ? stream_time_ : environment_.clock->wall();
  if (start < now && interval.count() >= 1) {
    start = added(now, interval.count() - (now - start) % interval.count());
  }
  return add_timer(start, interval, clock, std::move(fire));
}

Cancellable Task::add_timer(Timestamp first, Duration interval, TimerClock clock,
                            std::function<void(Timestamp)> fire) {
  if (interval.count() < 1) {
    throw ProcessingFailure{
        fatal_error(fmt::format("a timer of task {} has an interval of {} ms", name_, interval.count()))};
  }
  auto cancelled = std::make_shared<bool>(false);
  const Timestamp now = clock == TimerClock::kStreamTime ? stream_time_ : environment_.clock->wall();
  timers_.push_back({interval, clock, first, now, std::move(fire), cancelled});
  return Cancellable(std::move(cancelled));
}

void Node::user_code_threw(const std::exception& error) const {
  if (dynamic_cast<const Retriable*>(&error) != nullptr) {
    context().failed_for_now(*this, DropReason::kFailed, error.what());
  } else {
    context().failed(*this, DropReason::kFailed, error.what());
  }
}

}  // namespace weir
