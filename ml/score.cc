#include <weir/ml/score.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace weir::ml {

std::string problem_with(const ScoreOptions& options) {
  if (options.model == nullptr && options.models == nullptr)
    return "neither options.model nor options.models is set";
  if (options.model != nullptr && options.models != nullptr)
    return "options.model and options.models are both set";
  if (options.max_batch == 0) return "options.max_batch is 0";
  if (options.max_wait.count() < 0) return "options.max_wait is negative";
  if (options.budget.count() < 0) return "options.budget is negative";
  if (options.budget.count() > 0 && options.max_wait > options.budget) {
    return fmt::format("options.max_wait ({} ms) is longer than options.budget ({} ms)",
                       options.max_wait.count(), options.budget.count());
  }
  if (options.on_overrun == Overrun::kFallback) {
    if (options.budget.count() == 0) return "options.on_overrun says what options.budget would need";
    if (options.fallback.empty()) return "options.fallback is empty";
    if (!std::all_of(options.fallback.begin(), options.fallback.end(),
                     [](float value) { return std::isfinite(value); }))
      return "options.fallback is not finite";
    if (options.model != nullptr && options.model->outputs().size() != options.fallback.size()) {
      return fmt::format("options.fallback has {} scores, the model '{}' gives {}", options.fallback.size(),
                         options.model->name(), options.model->outputs().size());
    }
  }
  return "";
}

std::shared_ptr<const ModelSource> models_of(const ScoreOptions& options) {
  return options.models != nullptr ? options.models : fixed_model(options.model);
}

void check_score(const GraphPoint& stream, const ScoreOptions& options, std::size_t columns, Location where) {
  if (const std::string problem = problem_with(options); !problem.empty())
    return stream.problem("score: " + problem, where);
  if (columns > 0 && options.model != nullptr && options.model->inputs().size() != columns) {
    stream.problem(fmt::format("score: the model '{}' takes rows of {} columns, these have {}",
                               options.model->name(), options.model->inputs().size(), columns),
                   where);
  }
}

void ScoreNodeBase::attach(HoldDesk& desk, bool may_hold) {
  desk_ = &desk;
  may_hold_ = may_hold;
}

void ScoreNodeBase::open_models(TaskContext& context, const Node& node) {
  clock_ = &context.clock();
  choice_ = models_of(options_)->open(context, node, options_.feature_view);
  metrics_.emplace(options_.metrics, context, node);
}

void ScoreNodeBase::score_batch() {
  batch_.score(options_.max_batch, *metrics_);
  if (metrics_->measures()) scored_at_ = clock_->wall();
}

// A record begins. It may be one that failed here before and is tried again: nothing of that time counts.
bool ScoreNodeBase::admits(Timestamp time) {
  last_origin_ = Origin();
  if (held_ == 0) batch_.clear();
  return choice_->admits(time);
}

Duration ScoreNodeBase::now() const { return clock_->steady(); }

Duration ScoreNodeBase::due_in() const {
  if (options_.max_wait.count() == 0) return Duration{0};
  return options_.max_wait - (now() - first_since_);
}

void ScoreNodeBase::note_held(Duration since) {
  if (held_++ == 0) first_since_ = since;
}

std::string ScoreNodeBase::put(BytesView key, Timestamp time, const RawRow& row, const Origin& origin,
                               Waiting& waiting) {
  const bool again = origin.offset == last_origin_.offset && origin.partition == last_origin_.partition &&
                     origin.topic == last_origin_.topic;
  last_nth_ = again ? last_nth_ + 1 : 0;
  last_origin_ = origin;
  waiting.nth = last_nth_;
  const ModelChoice::Chosen& chosen = choice_->choose(key, time);
  waiting.time = time;
  metrics_->chosen(chosen.model);
  if (chosen.model == nullptr) {
    metrics_->failed("no model");
    return std::string(chosen.problem);
  }
  if (std::string fault = batch_.add(chosen.model, row, waiting.main); !fault.empty()) {
    metrics_->failed("row");
    return fault;
  }
  // A shadow that takes other rows is none: the registry says so in the model's status.
  if (chosen.shadow == nullptr || chosen.shadow->inputs().size() != width_of(row)) return "";
  if (std::string fault = batch_.add(chosen.shadow, row, waiting.shadow); !fault.empty())
    waiting.shadow = batch_.refuse(chosen.shadow, std::move(fault));
  return "";
}

ScoreNodeBase::Outcome ScoreNodeBase::outcome(const Waiting& waiting, Duration now) {
  Outcome outcome;
  outcome.scores = batch_.scores(waiting.main);
  const Duration waited = now - waiting.since;
  if (options_.budget.count() > 0 && waited > options_.budget) {
    if (options_.on_overrun == Overrun::kFallback) {
      outcome.scores = options_.fallback;
      outcome.fallback = true;
      metrics_->fell_back();
      return outcome;
    }
    if (options_.on_overrun == Overrun::kError) {
      metrics_->failed("overrun");
      outcome.fault = fmt::format("the score came after {} ms, the budget is {} ms", waited.count(),
                                  options_.budget.count());
      return outcome;
    }
  }
  outcome.fault = batch_.fault(waiting.main);
  if (!outcome.fault.empty()) {
    metrics_->failed("model");
  } else if (metrics_->measures()) {
    metrics_->passed_on(batch_.model(waiting.main), Duration{scored_at_ - waiting.time});
  }
  return outcome;
}

void ScoreNodeBase::stamp(const Headers& own, const Waiting& waiting, const Outcome& outcome,
                          const Origin& origin, Headers& headers) const {
  const Headers& stamps = batch_.model(waiting.main).stamps;
  if (own.empty()) {
    headers = stamps;
  } else {
    headers = own;
    for (const Header& header : stamps) headers.add(header.name, header.value);
  }
  if (outcome.fallback) {
    headers.remove(kModelBranchHeader);
    headers.add(kModelBranchHeader, "fallback");
  }
  std::string id;
  append_prediction_id(origin, waiting.nth, id);
  if (!id.empty()) headers.add(kPredictionHeader, std::move(id));
}

ShadowScore ScoreNodeBase::shadow_score(const Waiting& waiting, const Outcome& outcome,
                                        const Origin& origin) const {
  ShadowScore score;
  append_prediction_id(origin, waiting.nth, score.prediction);
  const Model& model = *batch_.model(waiting.main).model;
  score.model = model.name();
  score.version = model.version();
  score.shadow_version = batch_.model(waiting.shadow).model->version();
  score.scores.assign(outcome.scores.begin(), outcome.scores.end());
  score.shadow_fault = batch_.fault(waiting.shadow);
  if (score.shadow_fault.empty()) {
    const std::span<const float> scores = batch_.scores(waiting.shadow);
    score.shadow_scores.assign(scores.begin(), scores.end());
  }
  return score;
}

}  // namespace weir::ml
