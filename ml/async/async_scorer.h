// Something that scores rows and takes its time: a service, a model on other threads. What is asked now is answered later, by
// whichever thread has the answer.
//
//   class RiskService final : public weir::ml::AsyncScorer {
//    public:
//     explicit RiskService(HttpClient& http) : AsyncScorer({.name = "risk", .version = "2"}), http_(http) {}
//     void submit(const ScoreRequest& request, Done done) override {
//       http_.post("/score", json_of(request.row), {{"Idempotency-Key", request.id}}, request.time_left,
//                  [done](const Response& response) { done(answer_of(response)); });
//     }
//   };
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/time.h>
#include <weir/ml/model.h>

namespace weir::ml {

struct ScoreRequest {
  // "<topic>-<partition>-<offset>" of the record, "#<n>" behind it for its further rows. The same row has the same id whoever
  // asks and however often, also after a crash: a service that keeps a while what it answered need not work twice, and one that
  // has effects must not. Empty for what was read from nowhere.
  std::string id = {};
  Bytes key = {};  // the record's, in bytes
  std::vector<float> row = {};
  Timestamp timestamp = 0;
  int attempt = 1;
  Duration time_left{0};  // for this attempt; nobody waits for an answer after that
};

struct ScoreAnswer {
  std::vector<float> scores = {};
  // Of the model that scored, if the scorer knows better than its identity says.
  std::string version = {};
};

// Thread safety: submit and the others may be called from any number of threads at the same time.
class AsyncScorer {
 public:
  // Takes the answer. May be called from any thread, from inside submit too, also when nobody waits any more: what comes late or
  // twice is ignored. Never blocks for long.
  //
  // What an error means: kInvalidArgument, kOutOfRange, kFailedPrecondition, kNotFound, kPermissionDenied, kUnauthenticated and
  // kUnimplemented are answers, and will be the same next time; any other is tried again.
  using Done = std::function<void(absl::StatusOr<ScoreAnswer>)>;

  AsyncScorer(const AsyncScorer&) = delete;
  AsyncScorer& operator=(const AsyncScorer&) = delete;
  virtual ~AsyncScorer() = default;

  // Begins to score a row. Never waits. What it throws is an error of kind kInternal.
  virtual void submit(const ScoreRequest& request, Done done) = 0;

  // For scorers without a thread of their own: called often by those that wait for answers, the place to look for some. `now`
  // is their steady clock.
  virtual void poll(Duration /*now*/) {}
  // When to call poll again though nothing else happens; nothing: no need.
  [[nodiscard]] virtual std::optional<Duration> next_poll(Duration /*now*/) { return std::nullopt; }

  // What the headers of a scored record say.
  [[nodiscard]] const ModelIdentity& identity() const { return identity_; }

 protected:
  explicit AsyncScorer(ModelIdentity identity) : identity_(std::move(identity)) {}

 private:
  const ModelIdentity identity_;
};

}  // namespace weir::ml
