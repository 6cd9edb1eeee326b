// When is a scorer asked, again, and no more, and in which order are its answers used?
#include <weir/ml/async/inquiries.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/async/scripted_scorer.h>

namespace weir::ml {
namespace {

using std::chrono_literals::operator""ms;

// Keeps what it is asked; answers when told to.
class HandScorer final : public AsyncScorer {
 public:
  HandScorer() : AsyncScorer({"hand", "1"}) {}
  void submit(const ScoreRequest& request, Done done) override {
    asked.emplace_back(request, std::move(done));
  }
  void answer(std::size_t nth, float score) { asked[nth].second(ScoreAnswer{{score}, ""}); }
  void fail(std::size_t nth, absl::Status status = absl::UnavailableError("busy")) {
    asked[nth].second(std::move(status));
  }

  std::vector<std::pair<ScoreRequest, Done>> asked;
};

struct Desk {
  explicit Desk(const AsyncOptions& with = {}) : options(with) {
    options.scorer = scorer;
    inquiries = std::make_unique<Inquiries>(options, std::make_shared<WakeUp>());
  }

  Inquiries::Id add(const std::string& chain = "") {
    ScoreRequest request;
    request.row = {1};
    return inquiries->add(std::move(request), chain, now);
  }
  void pass(Duration by = 0ms) {
    now += by;
    inquiries->advance(now);
  }
  // "<id>=<score>" or "<id>!<message>", in order.
  std::string take() {
    std::string text;
    while (const auto settled = inquiries->take()) {
      if (!text.empty()) text += ' ';
      text += std::to_string(settled->id);
      text += settled->answer.ok() ? "=" + std::to_string(static_cast<int>(settled->answer->scores[0]))
                                   : "!" + std::string(settled->answer.status().message());
    }
    return text;
  }

  AsyncOptions options;
  std::shared_ptr<HandScorer> scorer = std::make_shared<HandScorer>();
  std::unique_ptr<Inquiries> inquiries;
  Duration now{1000};
};

TEST(Inquiries, AnswersComeAsTheyComeWithoutAChainAndInOrderInOne) {
  Desk desk;
  desk.add("a");
  desk.add("b");
  desk.add("a");
  desk.add("");
  desk.pass();
  ASSERT_EQ(desk.scorer->asked.size(), 4u);
  desk.scorer->answer(2, 12);
  desk.scorer->answer(3, 13);
  desk.scorer->answer(1, 11);
  desk.pass();
  EXPECT_EQ(desk.take(), "3=13 1=11");
  desk.scorer->fail(0, absl::InvalidArgumentError("no"));
  desk.pass();
  EXPECT_EQ(desk.take(), "0!no 2=12") << "a failure has its turn, too";
  EXPECT_TRUE(desk.inquiries->empty());
}

TEST(Inquiries, AsksNoMoreAtATimeThanItsCapacity) {
  Desk desk({.capacity = 2});
  for (int i = 0; i < 3; ++i) desk.add();
  desk.pass();
  EXPECT_EQ(desk.scorer->asked.size(), 2u);
  EXPECT_TRUE(desk.inquiries->full(desk.now));
  desk.scorer->answer(1, 1);
  desk.pass();
  EXPECT_EQ(desk.scorer->asked.size(), 3u);
  EXPECT_EQ(desk.take(), "1=1");
  desk.scorer->answer(0, 0);
  desk.pass();
  EXPECT_EQ(desk.take(), "0=0");
  EXPECT_FALSE(desk.inquiries->full(desk.now));
}

TEST(Inquiries, WhatFailsForNowIsAskedAgainAfterPausesThatDouble) {
  Desk desk({.timeout = 10'000ms, .attempts = 3, .pause = {10ms, 1000ms}});
  desk.add();
  desk.pass();
  desk.scorer->fail(0);
  desk.pass();
  EXPECT_EQ(desk.inquiries->due_in(desk.now), 10ms);
  desk.pass(9ms);
  EXPECT_EQ(desk.scorer->asked.size(), 1u);
  desk.pass(1ms);
  ASSERT_EQ(desk.scorer->asked.size(), 2u);
  EXPECT_EQ(desk.scorer->asked[1].first.attempt, 2);
  desk.scorer->fail(1);
  desk.pass();
  EXPECT_EQ(desk.inquiries->due_in(desk.now), 20ms);
  desk.pass(20ms);
  ASSERT_EQ(desk.scorer->asked.size(), 3u);
  desk.scorer->fail(2, absl::UnavailableError("still busy"));
  desk.pass();
  EXPECT_EQ(desk.take(), "0!still busy");
  EXPECT_EQ(desk.inquiries->counters().retries, 2u);
  EXPECT_EQ(desk.inquiries->counters().failures, 1u);
}

TEST(Inquiries, AnAnswerThatIsFinalIsNotAskedForAgain) {
  Desk desk;
  desk.add();
  desk.pass();
  desk.scorer->fail(0, absl::InvalidArgumentError("3 columns"));
  desk.pass();
  EXPECT_EQ(desk.take(), "0!3 columns");
  EXPECT_EQ(desk.scorer->asked.size(), 1u);
}

TEST(Inquiries, AnAttemptWithoutAnAnswerEndsAndItsLateAnswerIsIgnored) {
  Desk desk({.timeout = 1'000ms, .attempt_timeout = 100ms, .attempts = 2, .pause = {10ms, 10ms}});
  desk.add();
  desk.pass();
  EXPECT_EQ(desk.scorer->asked[0].first.time_left, 100ms);
  EXPECT_EQ(desk.inquiries->due_in(desk.now), 100ms);
  desk.pass(100ms);
  EXPECT_EQ(desk.inquiries->counters().timeouts, 1u);
  desk.pass(10ms);
  ASSERT_EQ(desk.scorer->asked.size(), 2u);
  desk.scorer->answer(0, 1);
  desk.pass();
  EXPECT_EQ(desk.take(), "") << "the first attempt is over";
  desk.scorer->answer(1, 2);
  desk.scorer->answer(1, 3);
  desk.pass();
  EXPECT_EQ(desk.take(), "0=2");
  desk.scorer->answer(1, 4);
  desk.pass();
  EXPECT_EQ(desk.take(), "");
  EXPECT_TRUE(desk.inquiries->empty());
}

TEST(Inquiries, NothingTakesLongerThanTheTimeout) {
  Desk desk({.capacity = 1, .timeout = 100ms, .attempts = 100, .pause = {40ms, 40ms}});
  desk.add();
  desk.add();
  desk.pass();
  desk.scorer->fail(0);
  desk.pass();  // the second is asked while the first pauses
  ASSERT_EQ(desk.scorer->asked.size(), 2u);
  desk.pass(40ms);
  EXPECT_EQ(desk.scorer->asked.size(), 2u) << "no room";
  desk.pass(60ms);
  EXPECT_EQ(desk.take(), "0!it was not its turn in time to be asked 1!the scorer did not answer in time");
  EXPECT_TRUE(desk.inquiries->empty());
}

TEST(Inquiries, AScorerThatThrowsHasFailedForNow) {
  int calls = 0;
  Desk desk({.pause = {10ms, 10ms}});
  AsyncOptions options = desk.options;
  options.scorer = std::make_shared<ScriptedScorer>([&](const ScoreRequest&) -> ScriptedScorer::Reply {
    if (++calls == 1) throw std::runtime_error("no connection");
    return ScriptedScorer::scores(0ms, {5});
  });
  desk.inquiries = std::make_unique<Inquiries>(options, std::make_shared<WakeUp>());
  desk.add();
  desk.pass();
  EXPECT_EQ(desk.take(), "");
  desk.pass(10ms);
  EXPECT_EQ(desk.take(), "0=5");
}

TEST(Inquiries, ABreakerOpensTriesOnceAndClosesOrOpensAgain) {
  Desk desk({.timeout = 10'000ms,
             .attempts = 1,
             .breaker = {.failures = 2, .window = 3, .open_for = 100ms},
             .while_open = WhileOpen::kFail});
  const std::string open = "!the circuit breaker is open: the scorer failed too often of late";
  using State = CircuitBreaker::State;
  for (int i = 0; i < 3; ++i) desk.add();
  desk.pass();
  desk.scorer->fail(0);
  desk.scorer->fail(1);
  desk.pass();
  EXPECT_EQ(desk.inquiries->breaker().state(), State::kOpen);
  EXPECT_EQ(desk.take(), "0!busy 1!busy");
  desk.add();
  desk.pass();
  EXPECT_EQ(desk.take(), "3" + open);
  desk.scorer->answer(2, 7);
  desk.pass();
  EXPECT_EQ(desk.take(), "2=7") << "what was under way is answered";
  EXPECT_EQ(desk.inquiries->breaker().state(), State::kOpen) << "and says nothing of now";

  desk.pass(100ms);
  desk.add();
  desk.add();
  desk.pass();
  EXPECT_EQ(desk.inquiries->breaker().state(), State::kHalfOpen);
  EXPECT_EQ(desk.scorer->asked.size(), 4u) << "one at a time";
  desk.scorer->fail(3);
  desk.pass();
  EXPECT_EQ(desk.inquiries->breaker().state(), State::kOpen);
  EXPECT_EQ(desk.take(), "4!busy 5" + open);

  desk.pass(100ms);
  desk.add();
  desk.add();
  desk.pass();
  desk.scorer->answer(4, 8);
  desk.pass();
  EXPECT_EQ(desk.inquiries->breaker().state(), State::kClosed);
  EXPECT_EQ(desk.scorer->asked.size(), 6u) << "the next one is asked";
  EXPECT_EQ(desk.take(), "6=8");
}

TEST(Inquiries, AnOpenBreakerLetsNoFurtherQuestionInIfItPauses) {
  Desk desk({.timeout = 10'000ms,
             .attempts = 3,
             .pause = {10ms, 10ms},
             .breaker = {.failures = 1, .window = 1, .open_for = 100ms}});
  desk.add();
  desk.pass();
  desk.scorer->fail(0);
  desk.pass();
  EXPECT_TRUE(desk.inquiries->full(desk.now));
  desk.pass(50ms);
  EXPECT_EQ(desk.scorer->asked.size(), 1u);
  EXPECT_EQ(desk.inquiries->due_in(desk.now), 50ms);
  desk.pass(50ms);
  ASSERT_EQ(desk.scorer->asked.size(), 2u) << "the one that waits is the one that tries";
  EXPECT_TRUE(desk.inquiries->full(desk.now));
  desk.scorer->answer(1, 9);
  desk.pass();
  EXPECT_EQ(desk.take(), "0=9");
  EXPECT_FALSE(desk.inquiries->full(desk.now));
}

TEST(Inquiries, AnswersFromOtherThreadsRingAndThoseToNobodyAreDropped) {
  int rings = 0;
  const auto bell = std::make_shared<WakeUp>();
  bell->hang([&] { ++rings; });
  Desk desk;
  desk.inquiries = std::make_unique<Inquiries>(desk.options, bell);
  desk.add();
  desk.add();
  desk.pass();
  std::thread([&] { desk.scorer->answer(1, 1); }).join();
  EXPECT_EQ(rings, 1);
  desk.pass();
  EXPECT_EQ(desk.take(), "1=1");
  desk.inquiries.reset();
  std::thread([&] { desk.scorer->answer(0, 0); }).join();
  EXPECT_EQ(rings, 1);
}

}  // namespace
}  // namespace weir::ml
