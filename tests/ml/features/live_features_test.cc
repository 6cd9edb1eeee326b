// Can a running program ask for features, from other threads, and is it answered by whoever has the key?
#include <weir/ml/features/live_features.h>

#include <array>
#include <limits>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>

#include "ml/features/card_payments.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

std::function<void(StreamBuilder&)> asked(const std::shared_ptr<LiveFeatures>& live) {
  return [live](StreamBuilder& builder) {
    builder.stream<std::string, CardPayment>("payments")
        .apply(features<CardPayment>("card", 1)
                   .agg(count(), {1h})
                   .agg(sum("amount", &CardPayment::amount), {1h})
                   .store({.persistent = false})
                   .live(live))
        .map_values(kRowOf)
        .to("rows");
  };
}

TEST(LiveFeatures, AreAnsweredByADriverThatIsMovedOn) {
  const auto live = std::make_shared<LiveFeatures>(10ms);
  CardRun run(asked(live));
  run.pipe("a", 5, 1'000'000);
  auto first = live->ask("a", 1'000'001);
  auto second = live->ask("a", 1'000'000 + 7'200'000);
  auto unknown = live->ask("b", 1'000'001);
  ASSERT_TRUE(run.driver->advance_wall_clock(10ms).ok());
  const auto answer = first.get();
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->values, (std::vector<double>{1, 5}));
  EXPECT_EQ(answer->newest, 1'000'000);
  const auto later = second.get();
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(later->values[0], 0);
  EXPECT_EQ(unknown.get().status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(live->counters().records, 1u);
  EXPECT_EQ(live->counters().keys_in_memory, 1u + 1u) << "who was asked for is looked up";
  // A question that waits is answered before the next record.
  auto before = live->ask("a", 1'000'001);
  run.pipe("a", 6, 1'000'002);
  EXPECT_EQ(before.get()->values, (std::vector<double>{1, 5}));
  EXPECT_EQ(run.rows(), "a: 0 -@1000000\na: 1 5@1000002\n");
}

TEST(LiveFeatures, CountRowsThatTellOfABound) {
  const auto live = std::make_shared<LiveFeatures>(10ms);
  CardRun run([&](StreamBuilder& builder) {
    builder.stream<std::string, CardPayment>("payments")
        .apply(features<CardPayment>("card", 1)
                   .agg(count(), {1h, 24h})
                   .agg(distinct_count("shop", &CardPayment::shop, 2), {1h})
                   .agg(distinct_overflowed("shop", &CardPayment::shop, 2), {1h})
                   .agg(overflow_count("shop", &CardPayment::shop, 3))
                   .live(live))
        .map_values(kRowOf)
        .to("rows");
  });
  int time = 1'000'000;
  for (const char* shop : {"a", "b", "c", "d", "e"}) run.pipe("k", 1, ++time, shop);
  ASSERT_TRUE(run.driver->advance_wall_clock(10ms).ok());
  // Before d there were three, before e four.
  EXPECT_EQ(run.rows(),
            "k: 0 0 0 0 0@1000001\nk: 1 1 1 0 0@1000002\nk: 2 2 2 0 0@1000003\n"
            "k: 3 3 2 1 0@1000004\nk: 4 4 2 1 1@1000005\n");
  const FeatureCounters counters = live->counters();
  EXPECT_EQ(counters.overflowed, 2u);
  EXPECT_EQ(counters.tiles_per_key(), static_cast<double>(counters.tiles_in_memory));
  EXPECT_GT(counters.bytes_per_key(), 0);
  // Any time may be asked for.
  for (const Timestamp when :
       {std::numeric_limits<Timestamp>::min(), std::numeric_limits<Timestamp>::max()}) {
    auto answer = live->ask("k", when);
    ASSERT_TRUE(run.driver->advance_wall_clock(10ms).ok());
    EXPECT_TRUE(answer.get().ok());
  }
}

TEST(LiveFeatures, AreNotFoundWhereNoTaskIs) {
  const auto live = std::make_shared<LiveFeatures>();
  EXPECT_EQ(live->row(std::string("a"), 5, 1ms).status().code(), absl::StatusCode::kNotFound);
  std::future<LiveFeatures::Answer> orphan;
  {
    CardRun run(asked(live));
    EXPECT_EQ(live->tasks().size(), 1u);
    EXPECT_EQ(live->row(std::string("a"), 5, 1ms).status().code(), absl::StatusCode::kDeadlineExceeded);
    orphan = live->ask("a", 5);
  }
  EXPECT_EQ(orphan.get().status().code(), absl::StatusCode::kNotFound) << "who left has no answer";
  EXPECT_TRUE(live->tasks().empty());
}

TEST(LiveFeatures, RefuseMoreQuestionsThanMayWait) {
  const auto live = std::make_shared<LiveFeatures>();
  const auto seat = live->take_seat("0_0");
  std::vector<std::future<LiveFeatures::Answer>> answers;
  for (std::size_t i = 0; i < LiveFeatures::kWaitingMax; ++i) answers.push_back(live->ask("a", 5));
  EXPECT_EQ(live->ask("a", 5).get().status().code(), absl::StatusCode::kResourceExhausted);
  seat->answer([](BytesView, Timestamp, std::vector<double>& values) {
    values = {1};
    return std::optional<Timestamp>(3);
  });
  EXPECT_TRUE(answers.back().get().ok());
}

TEST(LiveFeatures, LeaveNobodyWaitingWhenATaskFails) {
  const auto live = std::make_shared<LiveFeatures>();
  const auto seat = live->take_seat("0_0");
  auto first = live->ask("a", 5);
  auto second = live->ask("b", 5);
  const auto fail = [](BytesView, Timestamp, std::vector<double>&) -> std::optional<Timestamp> {
    throw ProcessingFailure{absl::DataLossError("a tile does not decode")};
  };
  EXPECT_THROW(seat->answer(fail), ProcessingFailure);
  EXPECT_EQ(first.get().status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(second.get().status().code(), absl::StatusCode::kNotFound);
}

TEST(LiveFeatures, AreAnsweredByTheTaskThatHasTheKeyWhileTheApplicationRuns) {
  constexpr int kKeys = 40;
  const auto broker = std::make_shared<EmbeddedBroker>();
  ASSERT_TRUE(broker->create_topic("payments", 4).ok());
  ASSERT_TRUE(broker->create_topic("rows", 1).ok());
  const auto live = std::make_shared<LiveFeatures>(5ms);
  StreamBuilder builder;
  asked(live)(builder);
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  auto app = App::create(*topology, {.application_id = "live",
                                     .transport = make_embedded_transport(broker),
                                     .workers = 2,
                                     .commit_interval = 20ms});
  ASSERT_TRUE(app.ok()) << app.status();
  ASSERT_TRUE((*app)->start().ok());
  ASSERT_TRUE((*app)->wait_for(AppState::kRunning, 30s)) << (*app)->failure();
  Bytes value;
  Serde<CardPayment>::encode({5, "x"}, value);
  const auto pay = [&](int key) {
    ASSERT_TRUE(broker
                    ->append("payments", kAnyPartition,
                             {.key = fmt::format("card-{}", key), .value = value, .timestamp = 1'000'000})
                    .ok());
  };
  for (int i = 0; i < 3 * kKeys; ++i) pay(i % kKeys);
  // Two threads ask, until all payments are seen.
  std::array<std::set<std::string>, 2> tasks;
  const auto ask = [&](int who) {
    for (int key = who; key < kKeys; key += 2) {
      for (int attempt = 0; attempt < 5'000; ++attempt) {
        const auto row = live->row(fmt::format("card-{}", key), 1'000'001, 30s);
        if (row.ok() && row->values[0] == 3) {
          EXPECT_EQ(row->values[1], 15);
          tasks[static_cast<std::size_t>(who)].insert(row->task);
          break;
        }
        std::this_thread::sleep_for(1ms);
      }
    }
  };
  std::thread other(ask, 1);
  ask(0);
  other.join();
  std::set<std::string> answered = tasks[0];
  answered.insert(tasks[1].begin(), tasks[1].end());
  EXPECT_EQ(answered.size(), 4u) << "each of the four tasks has some of the keys";
  EXPECT_TRUE((*app)->close(30s).ok());
  EXPECT_EQ(live->row(std::string("card-1"), 5, 1ms).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace weir::ml
