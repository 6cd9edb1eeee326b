// A scorer that does what a script says, by the clock of those that ask: for tests of programs, in the TopologyDriver and in the
// simulator, where nothing may depend on threads.
//
//   const auto scorer = std::make_shared<weir::ml::ScriptedScorer>([](const weir::ml::ScoreRequest& request) {
//     if (request.attempt == 1) return weir::ml::ScriptedScorer::error(5ms, absl::UnavailableError("busy"));
//     return weir::ml::ScriptedScorer::scores(20ms, {request.row[0] * 2});
//   });
//   // ... score_async({.scorer = scorer}, ...) in a topology with a driver, then:
//   EXPECT_TRUE(driver.advance_wall_clock(100ms).ok());
//   EXPECT_EQ(scorer->requests().size(), 2);
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <weir/ml/async/async_scorer.h>

namespace weir::ml {

// Thread safety: any thread.
class ScriptedScorer final : public AsyncScorer {
 public:
  struct Reply {
    Duration after{0};  // 0: at once, inside submit
    absl::StatusOr<ScoreAnswer> answer;
    bool comes = true;
  };
  using Script = std::function<Reply(const ScoreRequest&)>;

  [[nodiscard]] static Reply scores(Duration after, std::vector<float> scores) {
    return {after, ScoreAnswer{std::move(scores), ""}};
  }
  [[nodiscard]] static Reply error(Duration after, absl::Status status) { return {after, std::move(status)}; }
  [[nodiscard]] static Reply silence() { return {Duration{0}, ScoreAnswer{}, false}; }

  explicit ScriptedScorer(Script script, ModelIdentity identity = {.name = "scripted", .version = "1"})
      : AsyncScorer(std::move(identity)), script_(std::move(script)) {}

  void submit(const ScoreRequest& request, Done done) override;
  void poll(Duration now) override;
  [[nodiscard]] std::optional<Duration> next_poll(Duration now) override;

  // What it was asked, in that order.
  [[nodiscard]] std::vector<ScoreRequest> requests() const;

 private:
  struct Due {
    Done done;
    absl::StatusOr<ScoreAnswer> answer;
  };

  const Script script_;
  mutable std::mutex mutex_;  // of all that follow
  Duration now_{0};
  std::multimap<Duration, Due> due_;
  std::vector<ScoreRequest> requests_;
};

}  // namespace weir::ml
