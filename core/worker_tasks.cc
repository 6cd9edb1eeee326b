#include <weir/core/worker_tasks.h>

#include <algorithm>

#include <fmt/format.h>

#include <weir/core/internal_topics.h>

namespace weir {

WorkerTasks::WorkerTasks(const Topology& topology, const PartitionPlan& plan, Transport& transport,
                         const Clock& clock, const WorkerOptions& options, const TaskEnvironment& environment,
                         const Logger& log)
    : topology_(topology),
      plan_(plan),
      options_(options),
      environment_(environment),
      log_(log),
      token_check_(plan, transport, clock, options.application_id, options.client_id),
      backoffs_(clock) {}

void WorkerTasks::use(Consumer& consumer, StoreKeeper* keeper) {
  consumer_ = &consumer;
  keeper_ = keeper;
}

void WorkerTasks::assign(const std::vector<TopicPartition>& tokens) {
  for (const TopicPartition& token : tokens) {
    const auto index = static_cast<std::size_t>(token.partition);
    if (index >= plan_.tasks.size()) {
      log_(LogLevel::kWarning,
           fmt::format(
               "the group assigned partition {} of {}, and {} were known: what tasks there are is read anew",
               token.partition, token.topic, plan_.tasks.size()));
      plan_outdated_.store(true, std::memory_order_release);
      continue;
    }
    if (plan_.tasks[index].id == kNoTask) {
      log_(LogLevel::kWarning,
           fmt::format(
               "the group assigned partition {} of {}, which stands for a task that this topology does not "
               "have: it is left alone until an instance has it that knows it",
               token.partition, token.topic));
      continue;
    }
    openings_[token.partition] = opening_of(token.partition);
    log_(LogLevel::kInfo, fmt::format("opening task {}", plan_.tasks[index].id.name()));
  }
}

std::unique_ptr<TaskOpening> WorkerTasks::opening_of(Partition token) const {
  return std::make_unique<TaskOpening>(topology_, plan_.tasks[static_cast<std::size_t>(token)], options_,
                                       environment_, *consumer_, keeper_);
}

absl::StatusOr<bool> WorkerTasks::tokens_confirmed() {
  const auto confirmed = token_check_.step(*consumer_);
  if (confirmed.ok()) {
    if (token_check_.outdated() && !plan_outdated()) {
      log_(LogLevel::kWarning, "the group has agreed on other tasks: what tasks there are is read anew");
      plan_outdated_.store(true, std::memory_order_release);
    }
    return *confirmed;
  }
  if (class_of(confirmed.status()) == ErrorClass::kFatal)
    return with_context(confirmed.status(), "cannot look what tasks the group has agreed on");
  return false;
}

absl::StatusOr<std::size_t> WorkerTasks::step() {
  std::size_t opened = 0;
  if (openings_.empty()) return opened;
  const auto confirmed = tokens_confirmed();
  if (!confirmed.ok()) return confirmed.status();
  if (!*confirmed) return opened;
  for (auto entry = openings_.begin(); entry != openings_.end();) {
    auto& [token, opening] = *entry;
    if (backoffs_.waits(token)) {
      ++entry;
      continue;
    }
    const auto ready = opening->step();
    if (!ready.ok()) {
      if (class_of(ready.status()) != ErrorClass::kRetriable) return ready.status();
      log_(LogLevel::kWarning, "an opening begins again: " + message_of(ready.status()));
      backoffs_.failed(token);
      const std::set<TopicPartition> distrusted = opening->distrusted();
      opening.reset();  // its stores first
      opening = opening_of(token);
      opening->distrust(distrusted);
    }
    if (!ready.ok() || !*ready) {
      ++entry;
      continue;
    }
    past_restored_ += opening->restored_records();
    if (opening->restored_records() > 0) {
      log_(LogLevel::kInfo, fmt::format("task {} restored {} records", opening->plan().id.name(),
                                        opening->restored_records()));
    }
    tasks_[token] = opening->take();
    entry = openings_.erase(entry);
    ++opened;
  }
  return opened;
}

void WorkerTasks::close(Partition token) {
  lost_.erase(token);
  const auto task = tasks_.find(token);
  if (task == tasks_.end()) return;
  log_(LogLevel::kInfo, fmt::format("giving task {} back", task->second->id().name()));
  past_ += task->second->counters();
  task->second->close();
  tasks_.erase(task);
}

void WorkerTasks::close_all() {
  openings_.clear();
  for (auto& [token, task] : tasks_) {
    past_ += task->counters();
    task->close();
  }
  tasks_.clear();
}

bool WorkerTasks::lose(const TopicPartition& where, const absl::Status& why) {
  for (const auto& [token, task] : tasks_) {
    const TaskPlan& plan = plan_.tasks[static_cast<std::size_t>(token)];
    if (std::find(plan.sources.begin(), plan.sources.end(), where) == plan.sources.end()) continue;
    log_(LogLevel::kWarning,
         fmt::format("task {} cannot read on and is opened anew: topic={} partition={}: {}", plan.id.name(),
                     where.topic, where.partition, message_of(why)));
    lost_[token].insert(where);
    return true;
  }
  return false;
}

void WorkerTasks::distrust(Partition token, const std::set<TopicPartition>& positions) {
  if (const auto opening = openings_.find(token); opening != openings_.end())
    opening->second->distrust(positions);
}

std::vector<TopicPartition> WorkerTasks::tokens() const {
  const std::string topic = tasks_topic(options_.application_id);
  std::vector<TopicPartition> tokens;
  for (const auto& [token, task] : tasks_) tokens.push_back({topic, token});
  for (const auto& [token, opening] : openings_) {
    if (!tasks_.contains(token)) tokens.push_back({topic, token});
  }
  return tokens;
}

bool WorkerTasks::dirty() const {
  return std::any_of(tasks_.begin(), tasks_.end(), [](const auto& task) { return task.second->dirty(); });
}

std::size_t WorkerTasks::uncommitted_bytes() const {
  std::size_t bytes = 0;
  for (const auto& [token, task] : tasks_) {
    if (TaskStore* store = task->task_store(); store != nullptr) bytes += store->uncommitted_bytes();
  }
  return bytes;
}

std::size_t WorkerTasks::source_count() const {
  std::size_t sources = 0;
  for (const auto& [token, task] : tasks_) sources += task->source_count();
  return sources;
}

std::uint64_t WorkerTasks::processed() const {
  std::uint64_t processed = past_.processed;
  for (const auto& [token, task] : tasks_) processed += task->counters().processed;
  return processed;
}

}  // namespace weir
