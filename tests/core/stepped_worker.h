// A worker stepped by hand on the embedded broker: one thread, and a clock that stands still unless the test moves it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/partition_plan.h>
#include <weir/core/topology_builder.h>
#include <weir/core/worker.h>

#include "support/raw_nodes.h"

namespace weir::test {

using RawRecordView = Record<BytesView, BytesView>;

// Does with a record what the test says; what it passes on goes to the sink below.
class ScriptedNode final : public UnaryNode<BytesView, BytesView, BytesView, BytesView> {
 public:
  using Script = std::function<void(ScriptedNode&, const RawRecordView&)>;
  explicit ScriptedNode(Script script) : script_(std::move(script)) {}

  void accept(const RawRecordView& record) override {
    std::ignore = guarded([&] { script_(*this, record); });
  }
  void pass(const RawRecordView& record) const { emit(record); }
  using Node::context;

 private:
  const Script script_;
};

class SteppedWorkerTest : public testing::Test {
 protected:
  static std::source_location here() { return std::source_location::current(); }

  SteppedWorkerTest() {
    options_.application_id = "copy";
    options_.client_id = "worker";
    options_.transactional_id = "copy-0";
    options_.log = [this](LogLevel, std::string_view line) { log_.emplace_back(line); };
  }

  // in (2 partitions) → script → out (1).
  TopologyBuilder scripted(ScriptedNode::Script script, ErrorPolicy on_error = ErrorPolicy::kInherit,
                           std::vector<std::string> stores = {},
                           ErrorPolicy sink_on_error = ErrorPolicy::kInherit) {
    TopologyBuilder builder;
    const auto source = builder.add_source(
        "source", {{"in", false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); },
        here());
    const auto node = builder.add_processor(
        "script", {source}, std::move(stores), on_error,
        [script = std::move(script)] { return std::make_unique<ScriptedNode>(script); }, here());
    builder.add_sink(
        "sink", node, {{"out", false}}, [] { return std::make_unique<RawSink>("out"); }, here(),
        sink_on_error);
    return builder;
  }

  void start(const TopologyBuilder& builder) {
    auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    topology_ = *std::move(topology);
    ASSERT_TRUE(broker_->create_topic("in", 2).ok());
    ASSERT_TRUE(broker_->create_topic("out", 1).ok());
    ASSERT_TRUE(broker_->create_topic("aside", 1).ok());
    auto plan = plan_partitions(topology_, "copy", {{"in", 2}, {"out", 1}, {"aside", 1}});
    ASSERT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
    for (const NewTopic& topic : plan_.internal_topics)
      ASSERT_TRUE(broker_->create_topic(topic.name, topic.partitions, topic.config).ok());
    ASSERT_TRUE(broker_->create_topic(tasks_topic("copy"), static_cast<Partition>(plan_.tasks.size())).ok());
    worker_ = std::make_unique<Worker>(topology_, plan_, *transport_, clock_, options_);
    ASSERT_TRUE(step_until([this] { return worker_->state() == WorkerState::kRunning; }));
  }

  void step(int times = 20) {
    for (int i = 0; i < times; ++i) std::ignore = worker_->run_once();
  }

  // Steps, with the clock going on by a millisecond each time; at most ten thousand of them.
  bool step_until(const std::function<bool()>& holds) {
    for (int i = 0; i < 10'000; ++i) {
      if (holds()) return true;
      std::ignore = worker_->run_once();
      clock_.advance(Duration{1});
    }
    return holds();
  }

  void write(Partition partition, const std::string& value) {
    ASSERT_TRUE(broker_->append("in", partition, {.key = value, .value = value, .timestamp = 1}).ok());
  }

  // What a consumer of committed records sees.
  std::vector<std::string> output(const std::string& topic = "out") {
    std::vector<std::string> values;
    for (const BrokerRecord& record : broker_->read(topic, 0)) values.push_back(record.value.value_or(""));
    return values;
  }

  Offset committed(Partition partition) {
    const auto position = broker_->committed("copy", {"in", partition});
    return position ? position->offset : kNoOffset;
  }

  bool logged(const std::string& part) const {
    for (const std::string& line : log_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  ManualClock clock_;
  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>(clock_);
  std::shared_ptr<Transport> transport_ = make_embedded_transport(broker_);
  WorkerOptions options_;
  Topology topology_;
  PartitionPlan plan_;
  std::vector<std::string> log_;
  std::unique_ptr<Worker> worker_;
};

// For what holds under both guarantees.
class GuaranteedWorkerTest : public SteppedWorkerTest, public testing::WithParamInterface<Guarantee> {
 protected:
  GuaranteedWorkerTest() {
    options_.guarantee = GetParam();
    options_.commit_interval = Duration{100};
  }
};

inline std::string name_of_guarantee(const testing::TestParamInfo<Guarantee>& parameter) {
  return parameter.param == Guarantee::kAtLeastOnce ? "AtLeastOnce" : "ExactlyOnce";
}

}  // namespace weir::test
