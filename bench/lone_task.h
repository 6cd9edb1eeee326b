// A task that is given its records by hand, with its stores in memory, and whose output is thrown away: what a record costs
// without a broker.
#pragma once

#include <ctime>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/task.h>
#include <weir/core/testing/owned_record.h>
#include <weir/operators/stream_builder.h>

namespace weir::bench {

inline void check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(std::string(status.message()));
}

inline double cpu_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Throws everything away.
class DiscardingProducer final : public Producer {
 public:
  [[nodiscard]] TopicId topic(const std::string& name) override {
    return topics_.emplace(name, static_cast<TopicId>(topics_.size())).first->second;
  }
  void send(const OutgoingRecord& /*record*/) override { ++sent_; }
  [[nodiscard]] bool has_room() const override { return true; }
  void poll() override {}
  void flush() override {}
  [[nodiscard]] std::size_t in_flight() const override { return 0; }
  [[nodiscard]] absl::Status failure() const override { return absl::OkStatus(); }
  void clear_failure() override {}
  [[nodiscard]] Offset last_acknowledged(TopicId, Partition) const override {
    return static_cast<Offset>(sent_);
  }
  Pending<> init_transactions() override { return done(); }
  [[nodiscard]] absl::Status begin_transaction() override { return absl::OkStatus(); }
  Pending<> send_offsets(std::vector<PartitionOffset>, const GroupMetadata&) override { return done(); }
  Pending<> commit_transaction() override { return done(); }
  Pending<> abort_transaction() override { return done(); }

  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  static Pending<> done() { return Pending<>::completed(Done{}); }

  std::map<std::string, TopicId> topics_;
  std::uint64_t sent_ = 0;
};

class LoneTask {
 public:
  // The topology reads the one topic "in".
  explicit LoneTask(const std::function<void(StreamBuilder&)>& describe) {
    StreamBuilder builder;
    describe(builder);
    auto built = builder.build();
    check(built.status());
    topology_ = *std::move(built);
    TaskEnvironment environment;
    environment.application_id = "bench";
    environment.clock = &system_clock();
    environment.producer = &producer_;
    environment.partitions = &partitions_;
    environment.dead_letter_topic = "aside";
    std::unique_ptr<TaskStore> store;
    if (!topology_.stores.empty()) {
      for (StoreSpec& spec : topology_.stores) spec.persistent = false;
      auto opened = topology_.engine->open({}, topology_.stores);
      check(opened.status());
      store = *std::move(opened);
    }
    std::vector<NodeIndex> nodes(topology_.nodes.size());
    for (NodeIndex i = 0; i < nodes.size(); ++i) nodes[i] = i;
    task_ = std::make_unique<Task>(TaskId{0, 0}, topology_, nodes, environment, std::move(store));
    std::vector<Task::Input> inputs;
    inputs.push_back({where_, nullptr, 0});
    check(task_->open(std::move(inputs)));
  }
  ~LoneTask() { task_->close(); }
  LoneTask(const LoneTask&) = delete;
  LoneTask& operator=(const LoneTask&) = delete;

  // The offset is the next one.
  void add(OwnedRecord record) {
    record.offset = next_++;
    task_->add(where_, to_raw(std::move(record)));
  }

  void process_all() {
    for (;;) {
      const auto processed = task_->process_next();
      check(processed.status());
      if (!*processed) return;
    }
  }
  void commit() {
    check(task_->prepare_commit());
    check(task_->apply());
  }

  // Of all that were added.
  void expect_processed() const {
    if (task_->counters().processed != static_cast<std::uint64_t>(next_) ||
        task_->counters().dropped_total() > 0 || producer_.sent() == 0)
      throw std::runtime_error("not every record was processed");
  }

 private:
  const TopicPartition where_{"in", 0};
  const std::map<std::string, Partition> partitions_{{"in", 1}, {"out", 1}, {"aside", 1}};
  DiscardingProducer producer_;
  Topology topology_;
  std::unique_ptr<Task> task_;  // uses all of the above
  Offset next_ = 0;
};

}  // namespace weir::bench
