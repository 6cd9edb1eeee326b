// A LinearBooster is what XGBoost's gblinear trains: for each output a weighted sum of the features, then the
// link of the objective. Missing values add nothing.
#pragma once

#include <vector>

#include <weir/ml/link.h>
#include <weir/ml/model.h>

namespace weir::ml {

class LinearBooster final : public Model {
 public:
  // `weights` holds those of the first feature for each output, then of the second, ..., then the bias of each
  // output. There are at most kMostForestOutputs outputs, one per element of `base_margins`; `schema` names
  // the inputs and outputs_of(link, base_margins.size()) outputs. Loaders see to all that.
  LinearBooster(ModelIdentity identity, ModelSchema schema, std::vector<float> weights,
                std::vector<float> base_margins, Link link);

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override;

  // Adds up in the trainer's own order, in float: margins equal its own bit for bit.
  void add_up(std::span<const float> row, std::span<float> margins) const;

  const std::vector<float> weights_;
  const std::vector<float> base_margins_;
  const Link link_;
};

}  // namespace weir::ml
