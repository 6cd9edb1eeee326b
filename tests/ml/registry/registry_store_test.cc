// How far behind its topic is what an instance knows of a registry?
#include <weir/ml/registry/registry_store.h>

#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/global_updater.h>
#include <weir/core/partition_plan.h>
#include <weir/ml/registry/model_table.h>
#include <weir/operators/weir.h>

#include "ml/registry/scale_model.h"

namespace weir::ml {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

// An instance's copy of the registry "models", read in steps of a clock that is moved by hand.
class RegistryStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(broker_->create_topic("in", 1).ok());
    ASSERT_TRUE(broker_->create_topic("models", 1, {{"cleanup.policy", "compact"}}).ok());
    ASSERT_TRUE(broker_->create_topic("artifacts", 1, {{"cleanup.policy", "compact"}}).ok());
    StreamBuilder builder;
    const ModelTable models(builder, {.registry = "models", .artifacts = "artifacts", .persistent = false});
    builder.stream<std::string, std::string>("in").for_each([](const std::string&) {});
    auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    topology_.emplace(*std::move(topology));
    auto plan = plan_partitions(*topology_, "app", {{"in", 1}, {"models", 1}, {"artifacts", 1}});
    ASSERT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
    WorkerOptions options;
    options.application_id = "app";
    options.client_id = "app-global";
    options.guarantee = Guarantee::kExactlyOnce;
    options.resources = *topology_->engine->make_resources({});
    updater_.emplace(*topology_, plan_, *transport_, clock_, options);
  }
  void TearDown() override { view_.reset(); }

  void publish(const std::string& version) {
    ASSERT_TRUE(broker_
                    ->append("models", 0,
                             {.key = registry_key("m", version),
                              .value = text_of(scale_manifest(version, "2", 0)),
                              .timestamp = 1})
                    .ok());
  }
  void pass(Duration time) {
    for (const Duration end = clock_.steady() + time; clock_.steady() < end; clock_.advance(10ms))
      std::ignore = updater_->run_once();
    if (view_ == nullptr && updater_->complete()) view_ = updater_->store()->open_view("models-registry");
  }
  RegistryView& view() { return dynamic_cast<RegistryView&>(*view_); }
  // How long ago nothing was missing.
  std::optional<Duration> age() {
    const auto as_of = known_as_of(view());
    if (!as_of) return std::nullopt;
    return clock_.steady() - *as_of;
  }

  ManualClock clock_;
  const std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>(clock_);
  const std::shared_ptr<Transport> transport_ = make_embedded_transport(broker_);
  std::optional<Topology> topology_;
  PartitionPlan plan_;
  std::optional<GlobalUpdater> updater_;  // uses all of the above
  std::unique_ptr<StateStore> view_;      // of the updater's store
};

TEST_F(RegistryStoreTest, KnowsThatNothingIsMissingBeforeAnythingBegins) {
  publish("1");
  for (int step = 0; step < 100 && !updater_->complete(); ++step) {
    std::ignore = updater_->run_once();
    clock_.advance(10ms);
  }
  ASSERT_TRUE(updater_->complete());
  view_ = updater_->store()->open_view("models-registry");
  EXPECT_TRUE(age().has_value());
  EXPECT_EQ(entries_of(view(), "m").size(), 1u);
}

TEST_F(RegistryStoreTest, GoesOnKnowingWhileNothingComes) {
  publish("1");
  pass(10s);
  ASSERT_TRUE(age().has_value());
  EXPECT_LE(*age(), 500ms);
}

TEST_F(RegistryStoreTest, IsAsOldAsWhatCannotBeRead) {
  publish("1");
  pass(1s);
  ASSERT_TRUE(broker_->stop_reading({"models", 0}, 5s).ok());
  publish("2");
  pass(4s);
  EXPECT_GE(*age(), 4s);
  EXPECT_EQ(entries_of(view(), "m").size(), 1u);
  pass(2s);
  EXPECT_LE(*age(), 500ms);
  EXPECT_EQ(entries_of(view(), "m").size(), 2u);
}

TEST_F(RegistryStoreTest, WaitsForTransactionsThatWereOpenWhenItAsked) {
  publish("1");
  pass(1s);
  ASSERT_TRUE(broker_->pin_stable_end({"models", 0}, 5s).ok());
  publish("2");
  pass(4s);
  EXPECT_GE(*age(), 4s);
  pass(2s);
  EXPECT_LE(*age(), 500ms);
  EXPECT_EQ(entries_of(view(), "m").size(), 2u);
}

}  // namespace
}  // namespace weir::ml
