#include <weir/ml/async/score_async.h>

#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir::ml {

void AsyncNodeBase::open_inquiries(TaskContext& context, const Node& node) {
  clock_ = &context.clock();
  inquiries_ = std::make_unique<Inquiries>(options_, desk_->wake_up());
  if (options_.metrics != nullptr)
    metrics_.emplace(*options_.metrics, context, node, options_.scorer->identity().name);
}

void AsyncNodeBase::advance() {
  inquiries_->advance(now());
  if (metrics_) metrics_->publish(*inquiries_);
}

Inquiries::Id AsyncNodeBase::ask(BytesView key, Timestamp time, std::span<const float> row,
                                 const Origin& origin, Asked& asked) {
  asked.timestamp = time;
  asked.where = {std::string(origin.topic), origin.partition};
  asked.offset = origin.offset;
  const bool again = asked.offset == last_offset_ && asked.where == last_where_;
  last_nth_ = again ? last_nth_ + 1 : 0;
  last_where_ = asked.where;
  last_offset_ = asked.offset;
  append_prediction_id(origin, last_nth_, asked.id);

  ScoreRequest request;
  request.id = asked.id;
  request.key = key;
  request.row.assign(row.begin(), row.end());
  request.timestamp = time;
  // Chains of different kinds never meet: an operator has one order. What has no chain must not have an empty one.
  std::string chain;
  if (options_.order == AsyncOrder::kKey) {
    chain = fmt::format("k{}", key);
  } else if (options_.order == AsyncOrder::kPartition) {
    chain = fmt::format("p{}/{}", asked.where.topic, asked.where.partition);
  }
  asked.flight = desk_->depart();
  return inquiries_->add(std::move(request), std::move(chain), now());
}

AsyncNodeBase::Outcome AsyncNodeBase::outcome(const Inquiries::Settled& settled) const {
  Outcome outcome;
  if (settled.answer.ok()) {
    outcome.scores = settled.answer->scores;
    outcome.fault = outcome.scores.empty() ? "the answer has no scores" : fault_in(outcome.scores);
  } else {
    outcome.fault =
        fmt::format("no score after {} attempts: {}", settled.attempts, message_of(settled.answer.status()));
  }
  if (outcome.fault.empty()) return outcome;
  if (!options_.fallback.empty()) return {options_.fallback, "", true};
  outcome.fault = fmt::format("model {}: {}", options_.scorer->identity().name, outcome.fault);
  return outcome;
}

void AsyncNodeBase::stamp(const Headers& own, const Inquiries::Settled& settled, const Outcome& outcome,
                          const Asked& asked, Headers& headers) const {
  const ModelIdentity& identity = options_.scorer->identity();
  const bool knows_better = settled.answer.ok() && !settled.answer->version.empty();
  const Headers stamps = model_stamps(
      identity.name, knows_better ? settled.answer->version : identity.version,
      knows_better ? "" : identity.digest, outcome.fallback ? "fallback" : "", options_.feature_view);
  headers = own;
  for (const Header& header : stamps) headers.add(header.name, header.value);
  if (!asked.id.empty()) headers.add(kPredictionHeader, asked.id);
}

void check_score_async(const GraphPoint& stream, const AsyncOptions& options, Location where) {
  if (const std::string problem = problem_with(options); !problem.empty())
    stream.problem("score_async: " + problem, where);
}

}  // namespace weir::ml
