// A task that is given its records by hand and commits only when told to: for tests of what it does with several at a time.
//
//   BatchTask task([](StreamBuilder& builder) { ... });
//   task.add<std::string, std::int64_t>("in", "a", 1, 10);
//   task.work();    // until it has nothing to process
//   task.commit();
//   task.written("out");
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/record_retries.h>
#include <weir/core/task.h>
#include <weir/core/testing/capturing_producer.h>
#include <weir/operators/stream_builder.h>

namespace weir {

class BatchTask {
 public:
  // `partitions`: of each source.
  explicit BatchTask(const std::function<void(StreamBuilder&)>& describe,
                     ErrorPolicy on_error = ErrorPolicy::kFail, Partition partitions = 1)
      : retries_({.attempts = 2, .first_pause = Duration{0}}, clock) {
    StreamBuilder builder;
    describe(builder);
    auto built = builder.build();
    EXPECT_TRUE(built.ok()) << built.status();
    if (!built.ok()) return;
    topology_ = *std::move(built);
    TaskEnvironment environment;
    environment.application_id = "app";
    environment.clock = &clock;
    environment.producer = &producer_;
    environment.partitions = &partition_counts_;
    environment.on_error = on_error;
    environment.dead_letter_topic = "aside";
    environment.retries = &retries_;
    std::unique_ptr<TaskStore> store;
    if (!topology_.stores.empty()) {
      for (StoreSpec& spec : topology_.stores) spec.persistent = false;
      auto opened = topology_.engine->open({}, topology_.stores);
      EXPECT_TRUE(opened.ok()) << opened.status();
      if (opened.ok()) store = *std::move(opened);
    }
    std::vector<NodeIndex> nodes(topology_.nodes.size());
    std::vector<Task::Input> inputs;
    for (NodeIndex i = 0; i < nodes.size(); ++i) {
      nodes[i] = i;
      for (const TopicName& topic : topology_.nodes[i].topics) {
        if (topology_.nodes[i].kind != NodeKind::kSource) continue;
        for (Partition partition = 0; partition < partitions; ++partition)
          inputs.push_back({{topic.on_broker("app"), partition}, nullptr, 0});
      }
    }
    task_ = std::make_unique<Task>(TaskId{0, 0}, topology_, nodes, environment, std::move(store));
    const absl::Status status = task_->open(std::move(inputs));
    EXPECT_TRUE(status.ok()) << status;
  }
  ~BatchTask() {
    if (task_ != nullptr) task_->close();
  }
  BatchTask(const BatchTask&) = delete;
  BatchTask& operator=(const BatchTask&) = delete;

  template <class K, class V>
  void add(const std::string& topic, const K& key, const V& value, Timestamp time, Partition partition = 0,
           Headers headers = {}) {
    Bytes key_bytes;
    Bytes value_bytes;
    OwnedRecord record{.key = copy_of(encode_nullable(key, key_bytes)),
                       .value = copy_of(encode_nullable(value, value_bytes)),
                       .timestamp = time,
                       .headers = std::move(headers),
                       .offset = next_[{topic, partition}]++};
    task_->add({topic, partition}, to_raw(std::move(record)));
  }

  // Returns the failure that stopped it.
  absl::Status work() {
    for (;;) {
      const auto more = task_->process_next();
      if (!more.ok()) return more.status();
      if (!*more) return absl::OkStatus();
    }
  }

  absl::Status commit() {
    if (absl::Status prepared = task_->prepare_commit(); !prepared.ok()) return prepared;
    return task_->apply();
  }

  // Takes what was written, with the topics' names.
  std::vector<std::pair<std::string, OwnedRecord>> written_all() {
    std::vector<std::pair<std::string, OwnedRecord>> records;
    for (CapturingProducer::Captured& captured : producer_.take())
      records.emplace_back(producer_.name_of(captured.topic), std::move(captured.record));
    return records;
  }
  // The same of one topic; what went elsewhere is forgotten.
  std::vector<OwnedRecord> written(const std::string& topic) {
    std::vector<OwnedRecord> records;
    for (auto& [name, record] : written_all()) {
      if (name == topic) records.push_back(std::move(record));
    }
    return records;
  }

  Task& task() { return *task_; }

  ManualClock clock;

 private:
  Topology topology_;
  const std::map<std::string, Partition> partition_counts_{{"out", 1}, {"aside", 1}};
  RecordRetries retries_;
  CapturingProducer producer_;
  std::map<TopicPartition, Offset> next_;
  std::unique_ptr<Task> task_;  // uses all of the above
};

}  // namespace weir
