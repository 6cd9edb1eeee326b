#include <weir/core/testing/simulated_instance.h>

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/memory_budget.h>

namespace weir {
namespace {

constexpr Duration kSupervision{10};

}  // namespace

absl::StatusOr<std::unique_ptr<SimulatedInstance>> SimulatedInstance::create(
    Topology topology, SimulatedInstanceOptions options) {
  WEIR_RETURN_IF_ERROR(check_config(topology, options.config));
  if (topology.engine != nullptr && options.state.resources == nullptr) {
    auto made = topology.engine->make_resources(
        {.memory_bytes = share_out(options.config.memory_bytes, options.config.workers, 0, /*stateful=*/true)
                             .state_bytes});
    if (!made.ok()) return made.status();
    options.state.resources = *std::move(made);
  }
  return std::unique_ptr<SimulatedInstance>(new SimulatedInstance(std::move(topology), std::move(options)));
}

SimulatedInstance::SimulatedInstance(Topology topology, SimulatedInstanceOptions options)
    : topology_(std::move(topology)), options_(std::move(options)) {
  for (int slot = 0; slot < options_.config.workers; ++slot) slots_.insert(slot);
}

Duration SimulatedInstance::step(std::size_t part) {
  if (part-- == 0) return supervise();
  if (globals_ != nullptr && part-- == 0) return globals_->run_once();
  if (keeper_ != nullptr && part-- == 0) return keeper_->run_once();
  return std::next(workers_.begin(), static_cast<std::ptrdiff_t>(part))->second->run_once();
}

const Worker* SimulatedInstance::worker_at(std::size_t part) const {
  const std::size_t others = parts() - workers_.size();
  if (part < others) return nullptr;
  return std::next(workers_.begin(), static_cast<std::ptrdiff_t>(part - others))->second.get();
}

void SimulatedInstance::add_worker() {
  if (stopping_ || slots_.size() >= kSimulatedWorkers) return;
  int slot = 0;
  while (slots_.contains(slot) || workers_.contains(slot)) ++slot;
  slots_.insert(slot);
}

void SimulatedInstance::remove_worker() {
  if (slots_.size() < 2) return;
  const int slot = *slots_.rbegin();
  slots_.erase(slot);
  if (const auto worker = workers_.find(slot); worker != workers_.end())
    worker->second->stop(/*leave_group=*/true);
}

bool SimulatedInstance::opening() const {
  return std::any_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker.second->state() == WorkerState::kRebalancing; });
}

std::uint64_t SimulatedInstance::processed() const {
  std::uint64_t sum = past_processed_;
  for (const auto& [slot, worker] : workers_) sum += worker->metrics().records_processed;
  return sum;
}

bool SimulatedInstance::running() const {
  return started_ && !stopping_ && !renewing_ && !over_ && failure_.ok() &&
         std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& worker) { return worker.second->state() == WorkerState::kRunning; });
}

std::uint64_t SimulatedInstance::commits() const {
  std::uint64_t sum = past_commits_;
  for (const auto& [slot, worker] : workers_) sum += worker->metrics().commits;
  return sum;
}

std::uint64_t SimulatedInstance::aborted() const {
  std::uint64_t sum = past_aborted_;
  for (const auto& [slot, worker] : workers_) sum += worker->metrics().transactions_aborted;
  return sum;
}

std::string SimulatedInstance::activity() const {
  if (over_) return failure_.ok() ? "stopped" : "failed: " + message_of(failure_);
  if (!prepared_) return "preparing topics";
  if (!started_) return "reading global stores";
  std::vector<std::string> all;
  for (const auto& [slot, worker] : workers_)
    all.push_back(fmt::format("{} ({})", name_of(worker->state()), worker->activity()));
  return fmt::format("{}", fmt::join(all, ", "));
}

void SimulatedInstance::fail(const absl::Status& status) {
  if (failure_.ok()) failure_ = status;
  stopping_ = true;
}

Duration SimulatedInstance::supervise() {
  if (over_) return kSupervision;
  if (stopping_ && !started_) {
    over_ = true;
    globals_.reset();
    keeper_.reset();
  } else if (!prepared_) {
    prepare();
  } else if (!started_) {
    start_workers();
  } else {
    follow();
  }
  return kSupervision;
}

void SimulatedInstance::prepare() {
  if (bootstrap_ == nullptr) {
    bootstrap_ = std::make_unique<Bootstrap>(
        topology_, options_.config.application_id, options_.config.dead_letter_topic,
        *options_.config.transport, *options_.config.clock,
        options_.config.clock->steady() + options_.config.start_timeout, bootstrap_options(options_.config));
  }
  const auto ready = bootstrap_->step();
  if (!ready.ok()) return fail(ready.status());
  if (!*ready) return;
  plan_ = bootstrap_->take();
  options_.state.partitions = 0;
  for (const TaskPlan& task : plan_.tasks) options_.state.partitions += task.sources.size();
  bootstrap_.reset();
  prepared_ = true;
  if (!topology_.globals.empty() && globals_ == nullptr) {
    globals_ = std::make_unique<GlobalUpdater>(
        topology_, plan_, *options_.config.transport, *options_.config.clock,
        worker_options(options_.config, options_.state, "global", 0, nullptr));
  }
}

void SimulatedInstance::start_workers() {
  if (globals_ != nullptr) {
    if (globals_->failed()) return fail(globals_->failure());
    if (!globals_->complete()) return;
  }
  if (topology_.engine != nullptr) {
    if (keeper_ == nullptr) {
      keeper_ = std::make_unique<StoreKeeper>(topology_, *options_.config.transport, *options_.config.clock,
                                              keeper_options(options_.config, options_.state, {}));
    }
    keeper_->use_plan(plan_);
  }
  watch_ = std::make_unique<TopicWatch>(topology_, options_.config.application_id, plan_,
                                        *options_.config.transport, *options_.config.clock,
                                        options_.config.topic_refresh_interval, logger_of(options_.config));
  started_ = true;
  told_ = false;
}

std::unique_ptr<Worker> SimulatedInstance::make_worker(int slot) {
  WorkerOptions worker = worker_options(options_.config, options_.state, fmt::format("worker-{}", slot), slot,
                                        globals_ != nullptr ? globals_->store() : nullptr);
  worker.uncommitted_bytes_max = options_.uncommitted_bytes_max;
  worker.buffered_bytes = options_.buffered_bytes;
  worker.pauses = &pauses_;
  worker.keeper = keeper_.get();
  return std::make_unique<Worker>(topology_, plan_, *options_.config.transport, *options_.config.clock,
                                  std::move(worker));
}

void SimulatedInstance::bury(const Worker& worker) {
  past_commits_ += worker.metrics().commits;
  past_processed_ += worker.metrics().records_processed;
  past_aborted_ += worker.metrics().transactions_aborted;
}

void SimulatedInstance::follow() {
  if (!stopping_ && !renewing_) {
    for (const int slot : slots_) {
      if (!plan_.tasks.empty() && !workers_.contains(slot)) workers_[slot] = make_worker(slot);
    }
  }
  if (!renewing_) {
    const auto changed = watch_->changed();
    if (!changed.ok()) fail(changed.status());
    if (changed.ok() && *changed) renewing_ = true;
  }
  if (globals_ != nullptr && globals_->failed()) fail(globals_->failure());
  for (const auto& [slot, worker] : workers_) {
    if (worker->state() == WorkerState::kFailed) fail(worker->failure());
    if (worker->plan_outdated()) renewing_ = true;
  }
  std::erase_if(workers_, [this](const auto& entry) {
    if (!entry.second->over() || slots_.contains(entry.first)) return false;
    bury(*entry.second);
    return true;
  });
  if ((stopping_ || renewing_) && !told_) {
    for (const auto& [slot, worker] : workers_) worker->stop(/*leave_group=*/true);
    told_ = true;
  }
  if (!told_ || !std::all_of(workers_.begin(), workers_.end(),
                             [](const auto& worker) { return worker.second->over(); })) {
    return;
  }
  for (const auto& [slot, worker] : workers_) bury(*worker);
  workers_.clear();
  watch_.reset();
  started_ = false;
  prepared_ = false;
  renewing_ = false;
  if (stopping_) {
    over_ = true;
    globals_.reset();
    keeper_.reset();
  }
}

}  // namespace weir
