#include <weir/ml/cascade.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace weir::ml {
namespace {

class CascadeModel final : public Model {
 public:
  CascadeModel(ModelIdentity identity, ModelSchema schema, std::shared_ptr<const Model> small_model,
               std::shared_ptr<const Model> large_model, Unsure unsure)
      : Model(std::move(identity), std::move(schema)),
        small_(std::move(small_model)),
        large_(std::move(large_model)),
        unsure_(std::move(unsure)) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    const std::size_t outputs = this->outputs().size();
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      const std::span<float> said = scores.subspan(row * outputs, outputs - 1);
      float& stage = scores[row * outputs + outputs - 1];
      stage = 0;
      ask(*small_, rows.row(row), said);
      const bool missing =
          std::any_of(said.begin(), said.end(), [](float score) { return std::isnan(score); });
      if (!missing && !unsure_(said)) continue;
      stage = 1;
      ask(*large_, rows.row(row), said);
    }
  }

  // The shapes were compared when the cascade was made.
  static void ask(const Model& model, std::span<const float> row, std::span<float> scores) {
    if (!model.predict_row(row, scores).ok()) std::fill(scores.begin(), scores.end(), std::nanf(""));
  }

  const std::shared_ptr<const Model> small_;
  const std::shared_ptr<const Model> large_;
  const Unsure unsure_;
};

}  // namespace

Unsure unsure_between(float low, float high) {
  return [low, high](std::span<const float> scores) { return scores[0] > low && scores[0] < high; };
}

Unsure unsure_below(float confidence) {
  return [confidence](std::span<const float> scores) {
    return *std::max_element(scores.begin(), scores.end()) < confidence;
  };
}

absl::StatusOr<std::shared_ptr<const Model>> cascade(ModelIdentity identity,
                                                     std::shared_ptr<const Model> small_model,
                                                     std::shared_ptr<const Model> large_model,
                                                     Unsure unsure) {
  if (small_model == nullptr || large_model == nullptr || !unsure) {
    return absl::InvalidArgumentError(
        fmt::format("cascade {}: it takes two models and what to ask between them", identity.name));
  }
  const auto small_inputs = small_model->inputs();
  const auto large_inputs = large_model->inputs();
  if (!std::equal(small_inputs.begin(), small_inputs.end(), large_inputs.begin(), large_inputs.end()) ||
      small_model->outputs().size() != large_model->outputs().size() || small_model->outputs().empty()) {
    return absl::InvalidArgumentError(
        fmt::format("cascade {}: {} and {} do not take the same inputs, or not to as many outputs",
                    identity.name, small_model->name(), large_model->name()));
  }
  ModelSchema schema{{small_inputs.begin(), small_inputs.end()},
                     {small_model->outputs().begin(), small_model->outputs().end()}};
  schema.outputs.emplace_back("stage");
  return std::make_shared<CascadeModel>(std::move(identity), std::move(schema), std::move(small_model),
                                        std::move(large_model), std::move(unsure));
}

}  // namespace weir::ml
