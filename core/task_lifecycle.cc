#include <weir/core/planted.h>
#include <weir/core/task_lifecycle.h>

#include <fmt/format.h>

namespace weir {
namespace {

// Takes a finished answer into `result`. Returns an error unless the question may simply be asked again.
template <class T>
absl::Status collect(Pending<T>& pending, std::optional<T>& result) {
  auto answer = pending.take();
  if (answer.ok()) {
    result = *std::move(answer);
    return absl::OkStatus();
  }
  return class_of(answer.status()) == ErrorClass::kRetriable ? absl::OkStatus() : answer.status();
}

std::string show(const TopicPartition& where) {
  return fmt::format("topic={} partition={}", where.topic, where.partition);
}

absl::StatusOr<std::vector<Task::Input>> read_from(Consumer& consumer,
                                                   std::span<const PartitionOffset> starts) {
  auto readers = consumer.assign(starts);
  if (!readers.ok()) return readers.status();
  std::vector<Task::Input> inputs;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    inputs.push_back({starts[i].where, std::move((*readers)[i]), starts[i].offset, starts[i].metadata});
  }
  return inputs;
}

}  // namespace

absl::Status rewind_task(Task& task, Consumer& consumer) {
  const std::vector<PartitionOffset> starts = task.applied_positions();
  task.rewind();
  auto inputs = read_from(consumer, starts);
  if (!inputs.ok()) return inputs.status();
  return task.open(*std::move(inputs));
}

TaskOpening::TaskOpening(const Topology& topology, const TaskPlan& plan, const WorkerOptions& options,
                         const TaskEnvironment& environment, Consumer& consumer, StoreKeeper* keeper)
    : topology_(topology), plan_(plan), options_(options), environment_(environment), consumer_(consumer) {
  if (has_stores()) request_ = keeper->request(plan_.id);
}

bool TaskOpening::has_stores() const {
  return !topology_.sub_topologies[static_cast<std::size_t>(plan_.id.sub_topology)].stores.empty();
}

absl::StatusOr<bool> TaskOpening::step() {
  if (task_ != nullptr) return true;
  if (!committed_positions_) {
    if (!committed_.started()) committed_ = consumer_.committed(plan_.sources);
    if (committed_.ready())
      WEIR_RETURN_IF_ERROR(with_context(collect(committed_, committed_positions_), where()));
  }
  if (!source_ranges_) {
    if (!ranges_.started()) ranges_ = consumer_.offset_ranges(plan_.sources);
    if (ranges_.ready()) WEIR_RETURN_IF_ERROR(with_context(collect(ranges_, source_ranges_), where()));
  }
  if (!committed_positions_ || !source_ranges_) return false;

  if (has_stores() && store_ == nullptr) {
    request_.seal();
    const auto ready = request_.ready();
    if (!ready.ok()) return with_context(ready.status(), where());
    if (!*ready) return false;
    store_ = request_.take();
  }
  WEIR_RETURN_IF_ERROR(with_context(start_task(), where()));
  return true;
}

// What the topic's source says, else the application. A topic between two tasks of ours is read from its begin: who skipped
// records there would lose what the task before has committed as done.
OffsetReset TaskOpening::reset_of(const std::string& topic) const {
  const SubTopology& part = topology_.sub_topologies[static_cast<std::size_t>(plan_.id.sub_topology)];
  for (const NodeIndex index : part.nodes) {
    const NodeSpec& node = topology_.nodes[index];
    if (node.kind != NodeKind::kSource) continue;
    if (node.pattern && node.pattern->matches(topic))
      return node.offset_reset.value_or(options_.offset_reset);
    for (const TopicName& name : node.topics) {
      if (name.on_broker(options_.application_id) != topic) continue;
      if (name.internal) return WEIR_PLANTED("reset-to-end") ? OffsetReset::kLatest : OffsetReset::kEarliest;
      return node.offset_reset.value_or(options_.offset_reset);
    }
  }
  return options_.offset_reset;
}

absl::StatusOr<std::vector<PartitionOffset>> TaskOpening::starting_points() const {
  std::vector<PartitionOffset> starts;
  for (std::size_t i = 0; i < plan_.sources.size(); ++i) {
    const TopicPartition& source = plan_.sources[i];
    const OffsetRange& range = (*source_ranges_)[i];
    Offset start = (*committed_positions_)[i].offset;
    if ((start == kNoOffset || WEIR_PLANTED("own-positions")) && store_ != nullptr &&
        !distrusted_.contains(source)) {
      // Brokers forget positions of topics that no member subscribes to; our own record of the last commit does not.
      const auto own = store_->meta().positions.find(source);
      if (own != store_->meta().positions.end()) start = own->second;
    }
    if (start == kNoOffset || start < range.begin || start > range.end) {
      const bool first_time = start == kNoOffset;
      const OffsetReset policy = reset_of(source.topic);
      if (policy == OffsetReset::kFail) {
        return fatal_error(
            first_time ? fmt::format("no committed position: {}", show(source))
                       : fmt::format("the committed position is out of range: {} position={} begin={} end={}",
                                     show(source), start, range.begin, range.end));
      }
      const Offset reset = policy == OffsetReset::kEarliest ? range.begin : range.end;
      if (!first_time && options_.log) {
        options_.log(
            LogLevel::kWarning,
            fmt::format(
                "the committed position is out of range, going on at {}: {} position={} begin={} end={}",
                reset, show(source), start, range.begin, range.end));
      }
      start = reset;
    }
    starts.push_back({source, start, (*committed_positions_)[i].metadata});
  }
  return starts;
}

absl::Status TaskOpening::start_task() {
  const auto starts = starting_points();
  if (!starts.ok()) return starts.status();
  auto inputs = read_from(consumer_, *starts);
  if (!inputs.ok()) return inputs.status();
  const SubTopology& part = topology_.sub_topologies[static_cast<std::size_t>(plan_.id.sub_topology)];
  auto task = std::make_unique<Task>(plan_.id, topology_, part.nodes, environment_, std::move(store_));
  WEIR_RETURN_IF_ERROR(task->open(*std::move(inputs)));
  task_ = std::move(task);
  return absl::OkStatus();
}

}  // namespace weir
