#include <weir/core/testing/simulation_run.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/embedded/engine.h>
#include <weir/core/testing/observed_transport.h>

namespace weir {
namespace {

constexpr char kApplication[] = "app";
constexpr char kReplay[] = "replay";
constexpr char kSimulated[] = "simulated fault";
// Somewhere in 2023, so that a wall clock can jump either way.
constexpr Timestamp kBeginning = 1'700'000'000'000;
// How long it may take to catch up beside a session and two commit intervals: two transactions that nobody ends, and what is
// to be read.
constexpr Duration kPatience{30'000};
constexpr Duration kLook{100};
constexpr Duration kAftermath{1'000};
// Positions are committed so often, and forgotten when they are that old.
constexpr Duration kPositionsInterval{2'000};
constexpr Duration kOffsetRetention{30'000};
// How often instances look at topics and at their group.
constexpr Duration kRefresh{300};
// How often what was processed of repartition topics is deleted.
constexpr Duration kPurge{100};
// After what an instance that ended for a good reason is started again.
constexpr Duration kRestart{200};
// Of so many records one is an occasion to look at what is buffered.
constexpr std::uint64_t kLooks = 16;
constexpr char kMaxMessageBytes[] = "max.message.bytes";
// The end of the name of where records of a topic that is gone are kept.
constexpr char kDeleted[] = "-deleted";
constexpr std::uint64_t kStepsMax = 3'000'000;
// These come when the faults are over, in percent.
constexpr int kLateRecords = 15;

std::size_t index_of(SimulationPhase phase) { return static_cast<std::size_t>(phase); }

bool has(const SimulationPlan& plan, FaultKind kind) {
  return std::any_of(plan.faults.begin(), plan.faults.end(),
                     [kind](const SimulationFault& fault) { return fault.kind == kind; });
}

std::string shown(const BrokerRecord& record) {
  std::string text =
      fmt::format("{}:{}@{}", record.key.value_or("null"), record.value.value_or("null"), record.timestamp);
  for (const Header& header : record.headers)
    text += fmt::format(" {}={}", header.name, header.value.value_or("null"));
  return text;
}

// Returns the first difference of two partitions but for the offsets, or nothing.
std::string difference(const std::vector<BrokerRecord>& before, const std::vector<BrokerRecord>& again) {
  const auto same = [](BrokerRecord one, BrokerRecord other) {
    one.offset = other.offset = kNoOffset;
    return one == other;
  };
  const auto [first, second] = std::mismatch(before.begin(), before.end(), again.begin(), again.end(), same);
  if (first == before.end() && second == again.end()) return "";
  return fmt::format("{} records before and {} again, from record {} on: {}; {}", before.size(), again.size(),
                     first - before.begin(), first == before.end() ? "nothing" : shown(*first),
                     second == again.end() ? "nothing" : shown(*second));
}

}  // namespace

SimulationRun::SimulationRun(const SimulatedScenario& scenario, const SimulationPlan& plan,
                             std::string directory, Logger log)
    : scenario_(scenario),
      plan_(plan),
      directory_(std::move(directory)),
      log_(std::move(log)),
      clock_(kBeginning),
      faults_(std::make_shared<SimulatedFaults>(
          clock_, plan.seed, kSimulated,
          [this](const SimulationFault& fault) {
            struck(fault, hosts_[static_cast<std::size_t>(fault.instance)]->last_phase);
          })),
      broker_(std::make_shared<EmbeddedBroker>(clock_)),
      disk_(
          {
              .real = plan.on_disk,
              .check_state = plan.guarantee == Guarantee::kExactlyOnce,
              .may_age = has(plan, FaultKind::kClockJump) || plan.tombstones.count() > 0,
              .compacts = has(plan, FaultKind::kCompact),
              .tombstones = has(plan, FaultKind::kClockJump) ? Duration{0} : plan.tombstones,
              .little_memory = SimulationChance(plan.seed, "memory").percent(50),
              .read = scenario.read,
          },
          kApplication, *broker_, clock_),
      application_(kApplication),
      order_(plan.seed, "order"),
      cost_(plan.seed, "cost"),
      generator_(plan.seed, "records") {
  result_.plan = plan;
  broker_->set_faults(faults_);
}

SimulationRun::~SimulationRun() {
  tearing_down_ = true;
  hosts_.clear();
}

void SimulationRun::violated(const std::string& invariant, const std::string& what) {
  if (!result_.invariant.empty()) return;
  result_.invariant = invariant;
  result_.what = fmt::format("at {} ms: {}", clock_.steady().count(), what);
  if (log_) log_(LogLevel::kError, fmt::format("VIOLATED {}: {}", invariant, result_.what));
}

// -------------------------------------------------------------------------------------------------- the world

std::string SimulationRun::directory_of(int index) const { return fmt::format("{}/i{}", directory_, index); }

void SimulationRun::begin() {
  const auto topology = scenario_.topology();
  if (!topology.ok()) return violated("scenario", message_of(topology.status()));
  const auto create = [&](const std::string& topic, Partition partitions,
                          const std::map<std::string, std::string>& config) {
    if (const absl::Status made = broker_->create_topic(topic, partitions, config); !made.ok()) {
      violated("scenario", message_of(made));
    }
  };
  for (const SimulatedInput& input : scenario_.inputs) {
    std::map<std::string, std::string> config;
    if (input.compacts && plan_.tombstones.count() > 0)
      config = {{"cleanup.policy", "compact"},
                {"delete.retention.ms", std::to_string(plan_.tombstones.count())}};
    create(input.topic, input.partitions > 0 ? input.partitions : plan_.partitions, config);
  }
  for (const SimulatedOutput& output : scenario_.outputs)
    create(output.topic, plan_.partitions, output.config);
  if (scenario_.prepare) {
    if (const absl::Status prepared = scenario_.prepare(*broker_); !prepared.ok())
      violated("scenario", message_of(prepared));
  }

  const int early = plan_.records - plan_.records * kLateRecords / 100;
  feed(0, early, Duration{0}, plan_.input_time);
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const SimulationFault& fault = plan_.faults[i];
    if (i == 0 || !fault.follows) agenda_.emplace_back(fault.at, [this, fault] { bring(fault); });
  }
  std::stable_sort(agenda_.begin(), agenda_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (int i = 0; i < plan_.instances; ++i) {
    hosts_.push_back(std::make_unique<Host>(clock_));
    start(i);
  }
}

// Puts records on the agenda; the world's end when they are late is not theirs to see.
void SimulationRun::feed(int first, int count, Duration from, Duration within) {
  int weights = 0;
  for (const SimulatedInput& input : scenario_.inputs) weights += input.weight;
  for (int n = first; n < first + count; ++n) {
    auto drawn = static_cast<int>(generator_.below(static_cast<std::uint64_t>(std::max(weights, 1))));
    const SimulatedInput* chosen = nullptr;
    for (const SimulatedInput& input : scenario_.inputs) {
      chosen = &input;
      drawn -= input.weight;
      if (drawn < 0) break;
    }
    if (chosen == nullptr) return;
    NewRecord record = chosen->make(generator_, plan_, n);
    const Duration at = from + within * (n - first) / std::max(count, 1);
    agenda_.emplace_back(at, [this, topic = chosen->topic, record = std::move(record)] {
      if (gone_.contains(topic)) return;
      if (const auto offset = broker_->append(topic, kAnyPartition, record); !offset.ok()) {
        violated("scenario", message_of(offset.status()));
      }
    });
  }
}

void SimulationRun::start(int index) {
  Host& host = *hosts_[static_cast<std::size_t>(index)];
  auto topology = host.upgraded ? scenario_.next_topology() : scenario_.topology();
  if (!topology.ok()) return violated("scenario", message_of(topology.status()));
  if (topology->engine != nullptr) topology->engine = disk_.engine(topology->engine, index, *this);
  run_topology(index, *std::move(topology));
}

void SimulationRun::run_topology(int index, Topology topology) {
  Host& host = *hosts_[static_cast<std::size_t>(index)];
  for (StoreSpec& store : topology.stores) store.persistent = store.persistent && !plan_.in_memory;
  for (const NodeSpec& node : topology.nodes) begins_late_ |= node.offset_reset == OffsetReset::kLatest;
  if (consumed_.empty()) {
    for (const SubTopology& part : topology.sub_topologies) {
      for (const TopicName& source : part.sources) {
        for (Partition p = 0; p < plan_.partitions; ++p)
          consumed_.push_back({source.on_broker(application_), p});
      }
    }
  }
  SimulatedInstanceOptions options;
  options.config.application_id = application_;
  options.config.transport = make_observed_transport(make_embedded_transport(broker_, host_name(index)),
                                                     index, plan_.fetched_records, *this);
  options.config.workers = plan_.workers;
  options.config.guarantee = plan_.guarantee;
  options.config.commit_interval = plan_.commit_interval;
  options.config.state_directory = directory_of(index);
  options.config.max_task_idle = plan_.max_task_idle;
  options.config.buffered_records = plan_.buffered_records;
  options.config.session_timeout = plan_.session_timeout;
  options.config.standby_replicas = plan_.standbys < 0 ? kAllInstances : plan_.standbys;
  options.config.standby_refresh_interval = kRefresh;
  options.config.topic_refresh_interval = kRefresh;
  options.config.repartition_purge_interval = kPurge;
  if (plan_.quiet.count() > 0) options.config.positions_interval = kPositionsInterval;
  if (plan_.tombstones.count() > 0)
    options.config.internal_topics.config["delete.retention.ms"] = std::to_string(plan_.tombstones.count());
  // Enough for a few blocks; runs are short.
  options.config.memory_bytes = std::size_t{64} << 20;
  options.config.clock = &host.clock;
  options.config.log = [this, index](LogLevel level, std::string_view message) {
    if (log_) log_(level, fmt::format("{:7} i{} {}", clock_.steady().count(), index, message));
  };
  if (scenario_.configure) scenario_.configure(options.config);
  options.state.id =
      fmt::format("i{}{}", index, std::string(static_cast<std::size_t>(host.directories), 'x'));
  options.state.directory = directory_of(index);
  options.uncommitted_bytes_max = plan_.uncommitted_bytes_max;
  options.buffered_bytes = plan_.buffered_bytes;
  auto instance = SimulatedInstance::create(std::move(topology), std::move(options));
  if (!instance.ok()) return violated("scenario", message_of(instance.status()));
  host.instance = *std::move(instance);
  host.ready.clear();
  ++host.lives;
}

void SimulationRun::crash(int index) {
  stepped_ = nullptr;
  Host& host = *hosts_[static_cast<std::size_t>(index)];
  if (host.instance == nullptr) return;
  if (log_) log_(LogLevel::kWarning, fmt::format("{:7} i{} KILLED", clock_.steady().count(), index));
  result_.commits += host.instance->commits();
  processed_ += host.instance->processed();
  aborted_ += host.instance->aborted();
  host.orphans = transactions_of(index);
  tearing_down_ = true;
  disk_.freeze(directory_of(index), [&] { host.instance.reset(); });
  tearing_down_ = false;
  host.holds.clear();
}

// -------------------------------------------------------------------------------------------------- faults

absl::Status SimulationRun::reached(int instance, SimulationPhase phase) {
  if (tearing_down_) return absl::OkStatus();
  Host& host = *hosts_[static_cast<std::size_t>(instance)];
  // What is sent while stores are encoded goes to changelogs.
  if (phase == SimulationPhase::kProcessing && host.last_phase == SimulationPhase::kEncoding)
    phase = host.last_phase;
  // What is sent by an instance that makes its topics is no work of users' code.
  if (phase == SimulationPhase::kProcessing && host.instance != nullptr && !host.instance->started())
    phase = SimulationPhase::kStarting;
  if (phase == SimulationPhase::kRestoring && host.instance != nullptr && !host.instance->opening())
    phase = SimulationPhase::kStandingBy;
  host.last_phase = phase;
  // Between the records of a step, when what was fetched is not processed yet.
  if (stepped_ != nullptr && phase == SimulationPhase::kProcessing && ++looks_ % kLooks == 0)
    judge_buffers(instance, stepped_->holdings());
  note(index_of(phase) + static_cast<std::uint64_t>(instance) * 100 +
       static_cast<std::uint64_t>(clock_.steady().count()) * 1000);
  for (std::size_t i = 0; i < armed_.size(); ++i) {
    Armed& armed = armed_[i];
    if (armed.fault.instance != instance || armed.fault.during != phase) continue;
    if (armed.left-- > 0) continue;
    const SimulationFault fault = armed.fault;
    armed_.erase(armed_.begin() + static_cast<std::ptrdiff_t>(i));
    return strike(fault, phase);
  }
  const bool writes = phase == SimulationPhase::kEncoding || phase == SimulationPhase::kApplying ||
                      phase == SimulationPhase::kRestoring || phase == SimulationPhase::kStandingBy;
  if (writes && clock_.steady() < host.no_disk_before) return fatal_error(kSimulated);
  return absl::OkStatus();
}

void SimulationRun::bring(const SimulationFault& fault) {
  if (healed_) return;
  if (fault.operation) {
    faults_->begin(fault);
    // At least once a record that nobody answers for ends the instance, also where it cannot be told of the fault.
    if (fault.operation == embedded::Operation::kProduce && plan_.guarantee == Guarantee::kAtLeastOnce)
      excuses_.emplace_back("records timed out", "");
  } else if (fault.during) {
    armed_.push_back({fault, fault.skip});
  } else {
    strike(fault, hosts_[static_cast<std::size_t>(fault.instance)]->last_phase).IgnoreError();
  }
}

void SimulationRun::struck(const SimulationFault& fault, SimulationPhase phase) {
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    if (plan_.faults[i] != fault || !begun_.insert(i).second) continue;
    if (i + 1 == plan_.faults.size() || !plan_.faults[i + 1].follows) break;
    const Duration when = clock_.steady() + plan_.faults[i + 1].at;
    agenda_.insert(std::upper_bound(agenda_.begin() + static_cast<std::ptrdiff_t>(next_), agenda_.end(), when,
                                    [](Duration at, const auto& entry) { return at < entry.first; }),
                   {when, [this, follower = plan_.faults[i + 1]] { bring(follower); }});
    break;
  }
  ++result_.coverage[static_cast<std::size_t>(fault.kind)][index_of(phase)];
  last_strike_ = clock_.steady();
  if (log_) {
    log_(LogLevel::kWarning,
         fmt::format("{:7} i{} FAULT {} {} during {}", clock_.steady().count(), fault.instance,
                     name_of(fault.kind), fault.operation ? name_of(*fault.operation) : "", name_of(phase)));
  }
}

absl::Status SimulationRun::strike(const SimulationFault& fault, SimulationPhase phase) {
  Host& host = *hosts_[static_cast<std::size_t>(fault.instance)];
  if (host.instance == nullptr && fault.kind != FaultKind::kCompact && fault.kind < FaultKind::kTrim)
    return absl::OkStatus();
  struck(fault, phase);
  const Duration now = clock_.steady();
  switch (fault.kind) {
    case FaultKind::kKill:
      host.back_at = now + fault.lasts;
      killed_ = fault;
      if (fault.during) throw SimulatedCrash{};
      crash(fault.instance);
      if (fault.lose_directory) {
        disk_.lose(directory_of(fault.instance));
        ++host.directories;
      }
      break;
    case FaultKind::kPause:
      host.paused_until = std::max(host.paused_until, now + fault.lasts);
      break;
    case FaultKind::kStop:
      host.instance->stop();
      host.away_for = fault.lasts;
      break;
    case FaultKind::kKick:
      kick(fault.instance);
      break;
    case FaultKind::kFence:
      fence(fault.instance);
      break;
    case FaultKind::kThrow:
      host.away_for = fault.lasts;
      if (fault.during) throw std::runtime_error(kSimulated);
      break;
    case FaultKind::kStoreError:
      host.away_for = fault.lasts;
      host.no_disk_before = now + Duration{fault.amount};
      return fatal_error(kSimulated);
    case FaultKind::kClockJump:
      host.clock.shift += fault.amount;
      break;
    case FaultKind::kCompact:
      for (const std::string& topic : broker_->topics()) {
        // Refused for those that are not compacted.
        broker_->compact(topic).IgnoreError();
      }
      break;
    case FaultKind::kPin:
      to_topic(fault,
               [&](const TopicPartition& where) { return broker_->pin_stable_end(where, fault.lasts); });
      break;
    case FaultKind::kCoordinator:
      broker_->take_coordinator(kApplication, fault.lasts);
      break;
    case FaultKind::kUnreadable:
      to_topic(fault, [&](const TopicPartition& where) { return broker_->stop_reading(where, fault.lasts); });
      break;
    case FaultKind::kUnwritable:
      to_topic(fault, [&](const TopicPartition& where) { return broker_->stop_writing(where, fault.lasts); });
      break;
    case FaultKind::kLateMarkers:
      to_topic(fault, [&](const TopicPartition& where) {
        late_markers_.emplace_back(now + fault.lasts, where);
        return broker_->delay_markers(where, Duration{fault.amount});
      });
      break;
    case FaultKind::kRebalance:
      broker_->rebalance(kApplication);
      break;
    case FaultKind::kExhaust:
      exhaust(fault.instance);
      break;
    case FaultKind::kSlow:
    case FaultKind::kCutOff:
    case FaultKind::kLateAssignment:
      faults_->begin(fault);
      break;
    case FaultKind::kHold:
      hold(host, fault.amount, true);
      host.holds.emplace_back(now + fault.lasts, fault.amount);
      break;
    case FaultKind::kAddWorker:
      host.instance->add_worker();
      break;
    case FaultKind::kRemoveWorker:
      host.instance->remove_worker();
      break;
    case FaultKind::kUpgrade:
      host.upgraded = scenario_.next_topology != nullptr;
      host.instance->stop();
      host.away_for = fault.lasts;
      break;
    case FaultKind::kTrim:
      trim();
      break;
    case FaultKind::kGrow:
      grow(fault.topic);
      break;
    case FaultKind::kForbid:
      forbid(fault);
      break;
    case FaultKind::kTooFewReplicas:
      to_topic(fault,
               [&](const TopicPartition& where) { return broker_->lack_replicas(where, fault.lasts); });
      break;
    case FaultKind::kLimit:
      limit(fault);
      break;
    case FaultKind::kRecreate:
      recreate(fault);
      break;
    case FaultKind::kLostAnswer:
    case FaultKind::kLostRequest:
    case FaultKind::kOverdue:
    case FaultKind::kTwice:
    case FaultKind::kRefused:
    case FaultKind::kLateRequest:
    case FaultKind::kLateAnswer:
      // These strike when the operation is sent.
      break;
  }
  return absl::OkStatus();
}

void SimulationRun::kick(int index) {
  const std::string client = fmt::format("{}-i{}", kApplication, index);
  for (const MemberDescription& member : broker_->describe_group(kApplication).members) {
    if (!member.client_id.starts_with(client)) continue;
    broker_->enter()->group(kApplication).leave(member.member_id, clock_.steady());
  }
}

void SimulationRun::fence(int index) {
  const std::string prefix = fmt::format("{}-i{}", kApplication, index);
  for (const TransactionDescription& transaction : broker_->transactions()) {
    if (!transaction.transactional_id.starts_with(prefix)) continue;
    broker_->enter()->transactions().init(transaction.transactional_id, Duration{10'000}).IgnoreError();
  }
}

void SimulationRun::exhaust(int index) {
  const std::string prefix = fmt::format("{}-i{}", kApplication, index);
  for (const TransactionDescription& transaction : broker_->transactions()) {
    if (transaction.transactional_id.starts_with(prefix))
      broker_->exhaust_epochs(transaction.transactional_id);
  }
}

// What came before the positions of topics between tasks is of no use any more.
void SimulationRun::trim() {
  for (const TopicPartition& where : consumed_) {
    const auto position = broker_->committed(kApplication, where);
    if (!position || !where.topic.starts_with(std::string(kApplication) + "-")) continue;
    if (const absl::Status done = broker_->delete_records(where.topic, where.partition, position->offset);
        !done.ok())
      violated("scenario", message_of(done));
  }
}

void SimulationRun::grow(int number) {
  const std::string& topic =
      scenario_.inputs[static_cast<std::size_t>(number) % scenario_.inputs.size()].topic;
  const Partition partitions = broker_->describe(topic).partitions;
  if (const absl::Status done = broker_->grow_topic(topic, partitions + 1); !done.ok())
    violated("scenario", message_of(done));
  consumed_.push_back({topic, partitions});
}

void SimulationRun::forbid(const SimulationFault& fault) {
  if (fault.amount >= 2) {
    faults_->begin(fault);
    excuses_.emplace_back("not authorized", fault.amount == 2 ? "group" : "transactional id");
    return;
  }
  const auto right = fault.amount == 0 ? EmbeddedBroker::Right::kRead : EmbeddedBroker::Right::kWrite;
  to_topic(fault, [&](const TopicPartition& where) {
    excuses_.emplace_back("not authorized", where.topic);
    return broker_->withdraw(right, where, fault.lasts);
  });
}

void SimulationRun::limit(const SimulationFault& fault) {
  const std::vector<std::string> topics = broker_->topics();
  if (topics.empty()) return;
  const std::string& topic = topics[static_cast<std::size_t>(fault.topic) % topics.size()];
  // What a program reads is written by others, who keep to the limit.
  if (std::any_of(scenario_.inputs.begin(), scenario_.inputs.end(), [&](const SimulatedInput& input) {
        return input.topic == topic || topic == input.topic + kDeleted;
      }))
    return;
  auto& [until, before] = limited_[topic];
  until = std::max(until, clock_.steady() + fault.lasts);
  if (before.empty()) before = broker_->describe(topic).config.at(kMaxMessageBytes);
  excuses_.emplace_back("too large", topic);
  if (const absl::Status done =
          broker_->configure_topic(topic, {{kMaxMessageBytes, std::to_string(fault.amount)}});
      !done.ok())
    violated("scenario", message_of(done));
}

// Its records are kept for who judges what became of them.
void SimulationRun::recreate(const SimulationFault& fault) {
  const std::string& topic =
      scenario_.inputs[static_cast<std::size_t>(fault.topic) % scenario_.inputs.size()].topic;
  if (gone_.contains(topic)) return;
  const std::string kept = topic + kDeleted;
  absl::Status done = broker_->create_topic(kept);
  const Partition partitions = broker_->describe(topic).partitions;
  for (Partition partition = 0; partition < partitions; ++partition) {
    const auto position = broker_->committed(kApplication, {topic, partition});
    for (BrokerRecord& record : broker_->read(topic, partition)) {
      Headers headers;
      if (position && record.offset < position->offset) headers.add("processed", std::nullopt);
      done.Update(broker_->append(kept, 0, {record.key, record.value, record.timestamp, headers}).status());
    }
    positions_.erase({topic, partition});
  }
  done.Update(broker_->delete_topic(topic));
  if (!done.ok()) violated("scenario", message_of(done));
  recreated_.insert(topic);
  gone_[topic] = {clock_.steady() + fault.lasts, partitions};
  excuses_.emplace_back("deleted while the application was running", topic);
  excuses_.emplace_back("topic missing", topic);
}

void SimulationRun::restore_topics(Duration now) {
  std::erase_if(limited_, [&](const auto& limited) {
    const auto& [until, before] = limited.second;
    if (until > now) return false;
    broker_->configure_topic(limited.first, {{kMaxMessageBytes, before}}).IgnoreError();  // it may be gone
    return true;
  });
  std::erase_if(gone_, [&](const auto& gone) {
    const auto& [until, partitions] = gone.second;
    if (until > now) return false;
    if (const absl::Status made = broker_->create_topic(gone.first, partitions); !made.ok())
      violated("scenario", message_of(made));
    return true;
  });
}

void SimulationRun::hold(Host& host, std::int64_t which, bool on) {
  PauseBoard& pauses = host.instance->pauses();
  const int part = static_cast<int>(which) - 1;
  if (which == 0) {
    on ? pauses.pause_all() : pauses.resume_all();
  } else {
    on ? pauses.pause_part(part) : pauses.resume_part(part);
  }
}

void SimulationRun::to_topic(const SimulationFault& fault,
                             const std::function<absl::Status(const TopicPartition& where)>& what) {
  const std::vector<std::string> topics = broker_->topics();
  if (topics.empty()) return;
  const std::string& topic = topics[static_cast<std::size_t>(fault.topic) % topics.size()];
  for (Partition partition = 0; partition < broker_->describe(topic).partitions; ++partition) {
    if (const absl::Status done = what({topic, partition}); !done.ok())
      violated("scenario", message_of(done));
  }
}

void SimulationRun::heal() {
  healed_ = true;
  armed_.clear();
  faults_->heal();
  restore_topics(Duration::max());
  broker_->take_coordinator(kApplication, Duration{0});
  for (const std::string& topic : broker_->topics()) {
    for (Partition partition = 0; partition < broker_->describe(topic).partitions; ++partition) {
      const TopicPartition where{topic, partition};
      for (const absl::Status& done :
           {broker_->stop_reading(where, Duration{0}), broker_->stop_writing(where, Duration{0}),
            broker_->delay_markers(where, Duration{0}), broker_->lack_replicas(where, Duration{0}),
            broker_->withdraw(EmbeddedBroker::Right::kRead, where, Duration{0}),
            broker_->withdraw(EmbeddedBroker::Right::kWrite, where, Duration{0})}) {
        if (!done.ok()) violated("scenario", message_of(done));
      }
    }
  }
  for (const auto& host : hosts_) {
    host->paused_until = Duration{0};
    host->no_disk_before = Duration{0};
    host->back_at = clock_.steady();
    host->away_for = Duration{0};
    for (auto& [until, which] : host->holds) until = Duration{0};
  }
}

// -------------------------------------------------------------------------------------------------- time

void SimulationRun::happen() {
  while (next_ < agenda_.size() && agenda_[next_].first <= clock_.steady()) {
    // It may put more on the agenda.
    const auto event = std::move(agenda_[next_++].second);
    event();
  }
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    Host& host = *hosts_[i];
    if (host.instance == nullptr && host.back_at <= clock_.steady()) start(static_cast<int>(i));
    const auto ended = std::erase_if(host.holds, [&](const auto& held) {
      if (held.first > clock_.steady()) return false;
      if (host.instance != nullptr) hold(host, held.second, false);
      return true;
    });
    // Others may hold the same.
    for (const auto& [until, which] : host.holds) {
      if (ended > 0 && host.instance != nullptr) hold(host, which, true);
    }
  }
  std::erase_if(late_markers_, [this](const auto& late) {
    if (late.first > clock_.steady()) return false;
    broker_->delay_markers(late.second, Duration{0}).IgnoreError();  // the topic may be gone
    return true;
  });
  restore_topics(clock_.steady());
  if (clock_.steady() >= next_look_) {
    next_look_ = clock_.steady() + kLook;
    watch_positions();
  }
}

std::vector<std::pair<int, std::size_t>> SimulationRun::steppable() const {
  std::vector<std::pair<int, std::size_t>> parts;
  const Duration now = clock_.steady();
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const Host& host = *hosts_[i];
    if (host.instance == nullptr || host.paused_until > now) continue;
    for (std::size_t part = 0; part < host.instance->parts(); ++part) {
      if (part >= host.ready.size() || host.ready[part] <= now) parts.emplace_back(static_cast<int>(i), part);
    }
  }
  return parts;
}

// Moves the clock to when something can go on.
void SimulationRun::pass_time() {
  Duration next = clock_.steady() + kLook;
  if (next_ < agenda_.size()) next = std::min(next, agenda_[next_].first);
  for (const auto& host : hosts_) {
    if (host->instance == nullptr) {
      next = std::min(next, host->back_at);
      continue;
    }
    for (const Duration ready : host->ready) next = std::min(next, std::max(ready, host->paused_until));
  }
  clock_.advance(std::max(next - clock_.steady(), Duration{1}));
}

std::size_t SimulationRun::choose(const std::vector<std::pair<int, std::size_t>>& parts) {
  const auto number = [](const std::pair<int, std::size_t>& part) {
    return static_cast<std::size_t>(part.first) * 16 + part.second;
  };
  switch (plan_.schedule) {
    case SimulationSchedule::kUniform:
      break;
    case SimulationSchedule::kPriority: {
      // Ranks last for some hundred steps. Now and then the lowest gets its turn.
      if (order_.percent(5)) break;
      const std::uint64_t era = result_.steps / 300;
      std::size_t best = 0;
      std::uint64_t highest = 0;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        SimulationChance rank(plan_.seed + era, "rank");
        std::uint64_t height = 0;
        for (std::size_t skip = 0; skip <= number(parts[i]) % 7; ++skip) height = rank.next();
        if (i == 0 || height > highest) {
          best = i;
          highest = height;
        }
      }
      return best;
    }
    case SimulationSchedule::kStarve: {
      const std::size_t starved =
          static_cast<std::size_t>(plan_.seed % static_cast<std::uint64_t>(plan_.instances)) * 16 + 1 +
          plan_.seed / 7 % (static_cast<std::uint64_t>(plan_.workers) + 1);
      const std::size_t pick = order_.below(parts.size());
      if (number(parts[pick]) != starved || order_.percent(2)) return pick;
      return order_.below(parts.size());
    }
    case SimulationSchedule::kRunToBlock:
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (number(parts[i]) == last_part_) return i;
      }
      break;
  }
  const std::size_t pick = order_.below(parts.size());
  last_part_ = number(parts[pick]);
  return pick;
}

void SimulationRun::step(int index, std::size_t part) {
  Host& host = *hosts_[static_cast<std::size_t>(index)];
  Duration idle{0};
  const Worker* const worker = host.instance->worker_at(part);
  stepped_ = worker;
  const std::map<std::int64_t, std::uint64_t> held = work_of_held(host, worker);
  const WorkerHoldings before = worker != nullptr ? worker->holdings() : WorkerHoldings();
  try {
    idle = host.instance->step(part);
  } catch (const SimulatedCrash&) {
    crash(index);
    if (killed_->lose_directory) {
      disk_.lose(directory_of(index));
      ++host.directories;
    }
    return;
  } catch (const std::exception& error) {
    violated("explained", fmt::format("an exception got out of instance {}: {}", index, error.what()));
    return;
  }
  ++result_.steps;
  stepped_ = nullptr;
  if (worker != nullptr) {
    const WorkerHoldings after = worker->holdings();
    judge_memory(index, before, after);
    judge_held(index, held, work_of_held(host, worker));
    // One transaction has what all tasks of a worker did.
    if (plan_.guarantee == Guarantee::kExactlyOnce && after.commits > before.commits &&
        after.dirty_tasks > 0) {
      violated("atomicity",
               fmt::format("a worker of instance {} has committed without {} of its tasks that wrote", index,
                           after.dirty_tasks));
    }
  }
  note(static_cast<std::uint64_t>(index) * 16 + part + static_cast<std::uint64_t>(idle.count()) * 4096);
  if (host.instance->over()) {
    const absl::Status& failure = host.instance->failure();
    if (!explained(failure))
      violated("explained", fmt::format("instance {} ended: {}", index, message_of(failure)));
    if (!failure.ok() && host.away_for < kRestart) host.away_for = kRestart;
    if (failure.ok()) judge_farewell(index);
    if (!failure.ok()) host.orphans = transactions_of(index);
    result_.commits += host.instance->commits();
    processed_ += host.instance->processed();
    aborted_ += host.instance->aborted();
    host.instance.reset();
    host.holds.clear();
    host.back_at = clock_.steady() + std::exchange(host.away_for, Duration{0});
    return;
  }
  host.ready.resize(host.instance->parts(), Duration{0});
  // A thread that sleeps wakes up late.
  if (idle.count() > 0 && part < host.ready.size()) {
    host.ready[part] = clock_.steady() + idle + Duration{static_cast<Duration::rep>(cost_.below(4))};
  }
  if (cost_.percent(20)) clock_.advance(Duration{1});
}

template <class Done>
bool SimulationRun::advance_until(Duration deadline, Done done) {
  Duration next_check{0};
  while (result_.invariant.empty() && clock_.steady() < deadline) {
    happen();
    if (clock_.steady() >= next_check) {
      if (done()) return true;
      next_check = clock_.steady() + kLook;
    }
    const auto parts = steppable();
    if (parts.empty()) {
      pass_time();
      continue;
    }
    const auto& [index, part] = parts[choose(parts)];
    step(index, part);
    if (result_.steps > kStepsMax)
      violated("progress", fmt::format("{} steps: {}", result_.steps, activities()));
  }
  return done();
}

// -------------------------------------------------------------------------------------------------- looking

std::string SimulationRun::activities() const {
  std::vector<std::string> all;
  for (const auto& host : hosts_) {
    all.push_back(host->instance == nullptr ? "down" : host->instance->activity());
  }
  return fmt::format("{}", fmt::join(all, "; "));
}

void SimulationRun::watch_positions() {
  for (const TopicPartition& where : consumed_) {
    const auto committed = broker_->committed(kApplication, where);
    if (!committed) continue;
    Offset& known = positions_[where];
    const Offset end = broker_->end_offset(where.topic, where.partition);
    if (committed->offset < known && plan_.guarantee == Guarantee::kExactlyOnce) {
      violated("offsets", fmt::format("the committed position went back: topic={} partition={} from={} to={}",
                                      where.topic, where.partition, known, committed->offset));
    }
    if (committed->offset > end) {
      violated("offsets",
               fmt::format("the committed position is past the end: topic={} partition={} position={} end={}",
                           where.topic, where.partition, committed->offset, end));
    }
    known = committed->offset;
  }
}

void SimulationRun::committed(const embedded::MemberIdentity& member,
                              const std::vector<PartitionOffset>& positions) {
  if (tearing_down_) return;
  for (const PartitionOffset& position : positions) {
    committers_[position.where][position.offset] = {member.generation, member.member};
  }
}

bool SimulationRun::owns(int instance, const std::string& task) {
  const Host& host = *hosts_[static_cast<std::size_t>(instance)];
  if (host.instance == nullptr || tearing_down_) return false;
  const GroupDescription group = broker_->describe_group(kApplication);
  if (group.state != GroupDescription::State::kStable) return false;
  const std::vector<TaskPlan>& tasks = host.instance->plan().tasks;
  const std::string client = fmt::format("{}-i{}", kApplication, instance);
  for (const MemberDescription& member : group.members) {
    if (!member.client_id.starts_with(client)) continue;
    for (const TopicPartition& token : member.assignment) {
      const auto index = static_cast<std::size_t>(token.partition);
      if (index < tasks.size() && tasks[index].id.name() == task) return true;
    }
  }
  return false;
}

bool SimulationRun::explained(const absl::Status& failure) const {
  if (failure.ok()) return true;
  const std::string message = message_of(failure);
  const auto says = [&](const std::string& text) { return message.find(text) != std::string::npos; };
  return says(kSimulated) || std::any_of(excuses_.begin(), excuses_.end(), [&](const auto& excuse) {
           return says(excuse.first) && says(excuse.second);
         });
}

// Who ends as it was told to has committed or aborted what it did.
void SimulationRun::judge_farewell(int index) {
  const auto& orphans = hosts_[static_cast<std::size_t>(index)]->orphans;
  for (const auto& [id, transaction] : transactions_of(index)) {
    const auto orphan = orphans.find(id);
    const bool older = orphan != orphans.end() && orphan->second.producer_id == transaction.producer_id &&
                       orphan->second.epoch == transaction.epoch;
    if (transaction.open && !older) violated("closing", "closed in a transaction: " + id);
  }
}

std::map<std::string, TransactionDescription> SimulationRun::transactions_of(int index) const {
  const std::string prefix = fmt::format("{}-i{}", application_, index);
  std::map<std::string, TransactionDescription> all;
  for (TransactionDescription& transaction : broker_->transactions()) {
    if (transaction.transactional_id.starts_with(prefix)) all[transaction.transactional_id] = transaction;
  }
  return all;
}

// What is not committed is bounded by committing before more is processed; what is buffered by not asking for more. How large
// a record is becomes known when it is there, and one is always taken.
void SimulationRun::judge_memory(int index, const WorkerHoldings& before, const WorkerHoldings& after) {
  // At least once a commit may come to where the next records are processed, and these are processed, in one step.
  const bool over = before.uncommitted_bytes >= plan_.uncommitted_bytes_max && !before.committing;
  if (over && after.processed > before.processed) {
    violated("memory",
             fmt::format("a worker of instance {} goes on with {} bytes that are not committed, of {}", index,
                         before.uncommitted_bytes, plan_.uncommitted_bytes_max));
  }
  judge_buffers(index, after);
}

void SimulationRun::judge_buffers(int index, const WorkerHoldings& after) {
  constexpr std::size_t kLargest = 1'200;
  if (after.buffered_bytes > 3 * plan_.buffered_bytes + after.sources * kLargest) {
    violated("memory", fmt::format("a worker of instance {} has buffered {} bytes of {} sources, and may {}",
                                   index, after.buffered_bytes, after.sources, plan_.buffered_bytes));
  }
}

// What is paused takes no records, and its timers do not fire.
std::map<std::int64_t, std::uint64_t> SimulationRun::work_of_held(const Host& host, const Worker* worker) {
  std::map<std::int64_t, std::uint64_t> work;
  if (worker == nullptr) return work;
  for (const auto& [until, which] : host.holds)
    work[which] = worker->work_of(which == 0 ? std::nullopt : std::optional(static_cast<int>(which) - 1));
  return work;
}

void SimulationRun::judge_held(int index, const std::map<std::int64_t, std::uint64_t>& before,
                               const std::map<std::int64_t, std::uint64_t>& after) {
  for (const auto& [which, work] : before) {
    const auto now = after.find(which);
    if (now == after.end() || now->second <= work) continue;
    violated("paused", fmt::format("{} of instance {} is paused and goes on",
                                   which == 0 ? "all" : fmt::format("sub-topology {}", which - 1), index));
  }
}

// Positions only grow, so who committed the higher one came later.
void SimulationRun::judge_commits() {
  for (const auto& [where, positions] : committers_) {
    if (recreated_.contains(where.topic)) continue;
    const std::pair<std::int32_t, std::string>* before = nullptr;
    for (const auto& [offset, who] : positions) {
      if (before != nullptr &&
          (who.first < before->first || (who.first == before->first && who.second != before->second))) {
        violated(
            "ownership",
            fmt::format("{} of generation {} committed before {} of generation {}: topic={} partition={} "
                        "position={}",
                        before->second, before->first, who.second, who.first, where.topic, where.partition,
                        offset));
      }
      before = &who;
    }
  }
  // What was read of a topic that is gone is committed without positions in it.
  if (!recreated_.empty()) return;
  if (const auto torn = broker_->enter()->transactions().committed_without_offsets(); torn > 0)
    violated("atomicity", fmt::format("{} transactions were committed without positions", torn));
}

void SimulationRun::judge_conservation() {
  if (begins_late_ || !plan_.faults.empty() || plan_.instances > 1 || plan_.workers > 1 ||
      plan_.quiet.count() > 0)
    return;
  std::uint64_t came = 0;
  for (const TopicPartition& where : consumed_) {
    // Topics between tasks are deleted from.
    if (broker_->begin_offset(where.topic, where.partition) > 0) return;
    came += broker_->read(where.topic, where.partition).size();
  }
  if (came > processed_ || (came < processed_ && aborted_ == 0))
    violated("conservation", fmt::format("{} records came and {} were processed", came, processed_));
}

void SimulationRun::be_quiet() {
  advance_until(clock_.steady() + plan_.quiet, [] { return false; });
  broker_->expire_offsets(kApplication, kOffsetRetention);
  for (int i = 0; i < plan_.instances; ++i) crash(i);
}

bool SimulationRun::caught_up() {
  for (const auto& host : hosts_) {
    if (host->instance == nullptr || !host->instance->running()) return false;
  }
  for (const TransactionDescription& transaction : broker_->transactions()) {
    if (transaction.open) return false;
  }
  for (const TopicPartition& where : consumed_) {
    const auto committed = broker_->committed(application_, where);
    const Offset from = committed ? committed->offset : 0;
    if (!broker_->read(where.topic, where.partition, from).empty()) return false;
  }
  return true;
}

void SimulationRun::close() {
  for (const auto& host : hosts_) {
    if (host->instance != nullptr) host->instance->stop();
    host->away_for = host->back_at = std::chrono::hours{24};
  }
  const auto all_over = [this] {
    return std::all_of(hosts_.begin(), hosts_.end(),
                       [](const auto& host) { return host->instance == nullptr; });
  };
  if (!advance_until(clock_.steady() + patience(), all_over))
    violated("closing", "not closed: " + activities());
}

// Somebody who was never there before, on a computer of its own.
void SimulationRun::replay() {
  auto topology = scenario_.replay();
  if (!topology.ok()) return violated("scenario", message_of(topology.status()));
  for (StoreSpec& store : topology->stores) store.persistent = false;
  for (const auto& [topic, again] : scenario_.replayed) {
    if (const absl::Status made = broker_->create_topic(again, plan_.partitions, {}); !made.ok())
      return violated("scenario", message_of(made));
  }
  application_ = kReplay;
  consumed_.clear();
  hosts_.clear();
  hosts_.push_back(std::make_unique<Host>(clock_));
  run_topology(0, *std::move(topology));
  if (!advance_until(clock_.steady() + patience(), [this] { return caught_up(); })) {
    return violated("replay", "not caught up: " + activities());
  }
  close();
  for (const auto& [topic, again] : scenario_.replayed) {
    for (Partition partition = 0; partition < plan_.partitions; ++partition) {
      if (const std::string what =
              difference(broker_->read(topic, partition), broker_->read(again, partition));
          !what.empty())
        return violated("replay", fmt::format("topic={} partition={}: {}", topic, partition, what));
    }
  }
}

Duration SimulationRun::patience() const {
  return kPatience + plan_.session_timeout + 2 * plan_.commit_interval;
}

SimulationResult SimulationRun::go() {
  begin();
  Duration faults_end = plan_.input_time;
  for (const SimulationFault& fault : plan_.faults) faults_end = std::max(faults_end, fault.at);
  faults_end += Duration{plan_.faults.empty() ? 0 : 2'000};
  advance_until(faults_end, [] { return false; });

  heal();
  if (plan_.quiet.count() > 0) {
    if (!advance_until(clock_.steady() + patience(), [this] { return caught_up(); }))
      violated("progress", "not caught up before it was quiet: " + activities());
    be_quiet();
    faults_end = clock_.steady();
  }
  const int early = plan_.records - plan_.records * kLateRecords / 100;
  feed(early, plan_.records - early, clock_.steady(), Duration{1'000});
  const Duration deadline = clock_.steady() + patience();
  if (!advance_until(deadline, [this] { return next_ == agenda_.size() && caught_up(); })) {
    violated("progress",
             fmt::format("not caught up {} ms after the last fault: {}", patience().count(), activities()));
  }
  result_.recovery = clock_.steady() - faults_end;
  // Timers may still have something to tell.
  advance_until(clock_.steady() + kAftermath + plan_.commit_interval, [] { return false; });
  if (!advance_until(clock_.steady() + patience(), [this] { return caught_up(); })) {
    violated("progress", "fallen behind without a reason: " + activities());
  }

  close();
  watch_positions();
  for (const TransactionDescription& transaction : broker_->transactions()) {
    // What was on its way from somebody who is gone with its directory may open a transaction that is for the broker to end.
    bool abandoned = true;
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      const std::string lost(static_cast<std::size_t>(hosts_[i]->directories), 'x');
      abandoned = abandoned &&
                  !transaction.transactional_id.starts_with(fmt::format("{}-i{}{}-", kApplication, i, lost));
    }
    if (transaction.open && !abandoned) violated("closing", "left open: " + transaction.transactional_id);
  }
  if (disk_.in_use()) violated("closing", "stores are still open");
  judge_commits();
  judge_conservation();
  if (result_.ok() && scenario_.replay && plan_.guarantee == Guarantee::kExactlyOnce) replay();
  if (result_.ok() && scenario_.check) {
    if (const absl::Status status = scenario_.check(*broker_, plan_); !status.ok()) {
      violated("scenario-check", message_of(status));
    }
  }
  result_.restored = disk_.restored_records();
  result_.virtual_time = clock_.steady();
  result_.events = events_;
  return result_;
}

SimulatedOutputs SimulationRun::outputs() {
  SimulatedOutputs outputs;
  for (const SimulatedOutput& output : scenario_.outputs) {
    auto& keys = outputs[output.topic];
    for (Partition partition = 0; partition < plan_.partitions; ++partition) {
      for (BrokerRecord& record : broker_->read(output.topic, partition)) {
        SimulatedValue& value = keys[record.key.value_or("")].emplace_back();
        value.value = std::move(record.value);
        if (!output.whole || plan_.guarantee == Guarantee::kAtLeastOnce) continue;
        value.partition = partition;
        value.timestamp = record.timestamp;
        for (const Header& header : record.headers)
          value.headers.emplace_back(header.name,
                                     header.value ? std::optional<Bytes>(*header.value) : std::nullopt);
      }
    }
  }
  return outputs;
}

}  // namespace weir
