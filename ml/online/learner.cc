#include <weir/ml/online/learner.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace weir::ml {
namespace {

class LearnerModel final : public Model {
 public:
  LearnerModel(std::unique_ptr<const Learner> learner, ModelIdentity identity)
      : Model(std::move(identity), learner->schema()), learner_(std::move(learner)) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    const std::size_t outputs = learner_->schema().outputs.size();
    for (std::size_t i = 0; i < rows.rows(); ++i)
      learner_->predict(rows.row(i), scores.subspan(i * outputs, outputs));
  }

  const std::unique_ptr<const Learner> learner_;
};

}  // namespace

void Learner::forget_touched() {
  for (const std::size_t part : touched_) is_touched_[part] = false;
  touched_.clear();
}

void Learner::touch(std::size_t part) {
  if (part >= is_touched_.size()) is_touched_.resize(part + 1);
  if (is_touched_[part]) return;
  is_touched_[part] = true;
  touched_.push_back(part);
}

bool Learner::is_label(float label) const {
  if (task_ == LearningTask::kWithoutLabels) return true;
  return task_ == LearningTask::kBinary ? label == 0 || label == 1 : std::isfinite(label);
}

double Learner::loss(std::span<const float> scores, float label) const {
  constexpr double kLeast = 1e-15;
  if (task_ == LearningTask::kWithoutLabels) return 0;
  const double score = scores.front();
  if (task_ == LearningTask::kRegression) return (score - label) * (score - label);
  // What is not a number stays one.
  const double hit = label == 1 ? score : 1 - score;
  return hit < kLeast ? -std::log(kLeast) : -std::log(hit);
}

std::unique_ptr<const Model> as_model(const Learner& learner, ModelIdentity identity) {
  return std::make_unique<LearnerModel>(learner.clone(), std::move(identity));
}

}  // namespace weir::ml
