#include <weir/ml/async/scripted_scorer.h>

#include <algorithm>

namespace weir::ml {

void ScriptedScorer::submit(const ScoreRequest& request, Done done) {
  Reply reply = script_(request);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (!reply.comes) return;
    if (reply.after.count() > 0) {
      due_.emplace(now_ + reply.after, Due{std::move(done), std::move(reply.answer)});
      return;
    }
  }
  done(std::move(reply.answer));
}

void ScriptedScorer::poll(Duration now) {
  std::vector<Due> answers;
  {
    const std::lock_guard lock(mutex_);
    now_ = std::max(now_, now);
    const auto end = due_.upper_bound(now_);
    for (auto due = due_.begin(); due != end; ++due) answers.push_back(std::move(due->second));
    due_.erase(due_.begin(), end);
  }
  for (Due& due : answers) due.done(std::move(due.answer));
}

std::optional<Duration> ScriptedScorer::next_poll(Duration now) {
  const std::lock_guard lock(mutex_);
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first - now;
}

std::vector<ScoreRequest> ScriptedScorer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

}  // namespace weir::ml
