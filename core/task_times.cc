#include <weir/core/task_times.h>

#include <algorithm>

#include <fmt/format.h>

#include <weir/core/planted.h>
#include <weir/core/serde.h>

namespace weir {
namespace {

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

std::string time_key(const TopicPartition& where) {
  return fmt::format("{}{}/{}", kPartitionTimePrefix, where.topic, where.partition);
}

}  // namespace

// The times beside the positions count, unless what the stores remember belongs to the same commit or (at least once) to a
// later one: the group knows better if the task was elsewhere in between, and if nothing is on disk.
void TaskTimes::begin(const std::vector<PartitionOffset>& positions) {
  of_group_.clear();
  const bool stores_know =
      store_ != nullptr &&
      std::all_of(positions.begin(), positions.end(), [this](const PartitionOffset& input) {
        const auto known = store_->meta().positions.find(input.where);
        return known != store_->meta().positions.end() && known->second >= input.offset;
      });
  if (stores_know || (store_ != nullptr && WEIR_PLANTED("times-of-store"))) return;
  for (const PartitionOffset& input : positions) of_group_.merge(times_in(input.metadata));
}

Timestamp TaskTimes::committed(const std::string& name) const {
  if (const auto known = of_group_.find(name); known != of_group_.end()) return known->second;
  return store_ == nullptr ? kNoTimestamp : decode_time(store_->meta().values, name);
}

void TaskTimes::recall() {
  for (auto& [name, time] : of_operators_) {
    *time = std::max(committed(kTimePrefix + name),
                     WEIR_PLANTED("operator-time-not-rewound") ? *time : kNoTimestamp);
  }
  if (!WEIR_PLANTED("stream-time-lost")) {
    current_.stream_time =
        std::max(committed(kStreamTime),
                 WEIR_PLANTED("stream-time-not-rewound") ? current_.stream_time : kNoTimestamp);
  }
  for (TaskInputs::Source& source : inputs_.sources()) {
    if (!WEIR_PLANTED("partition-time-lost"))
      source.partition_time = committed(time_key(source.buffer.where()));
  }
}

Timestamp* TaskTimes::of_operator(const std::string& name) {
  auto& time = of_operators_[name];
  if (time == nullptr) {
    time = std::make_unique<Timestamp>(WEIR_PLANTED("operator-time-lost") ? kNoTimestamp
                                                                          : committed(kTimePrefix + name));
  }
  return time.get();
}

// That of the task as a whole goes first, then those of the partitions, then the operators' own.
std::vector<std::pair<std::string, Timestamp>> TaskTimes::all() const {
  std::vector<std::pair<std::string, Timestamp>> times{{kStreamTime, current_.stream_time}};
  for (const TaskInputs::Source& source : inputs_.sources())
    times.emplace_back(time_key(source.buffer.where()), source.partition_time);
  for (const auto& [name, time] : of_operators_) times.emplace_back(kTimePrefix + name, *time);
  return times;
}

std::size_t TaskTimes::write_to(std::vector<PartitionOffset>& positions) const {
  std::size_t left_out = 0;
  for (const auto& [name, time] : all()) {
    const auto beside = [name = std::string_view(name), time = time](PartitionOffset& position) {
      return add_time(name, time, position.metadata);
    };
    if (std::none_of(positions.begin(), positions.end(), beside)) ++left_out;
  }
  return left_out;
}

void TaskTimes::write_to(TaskMeta& meta) const {
  for (const auto& [name, time] : all()) meta.values[name] = encode_time(time);
}

}  // namespace weir
