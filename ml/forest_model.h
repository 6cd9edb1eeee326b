// A ForestModel is a Forest seen as a Model: margins first, then the link of its objective.
#pragma once

#include <weir/ml/forest.h>
#include <weir/ml/link.h>
#include <weir/ml/model.h>

namespace weir::ml {

class ForestModel final : public Model {
 public:
  // `schema` must name forest.features() inputs and outputs_of(link, forest.outputs()) outputs; loaders see
  // to it.
  ForestModel(ModelIdentity identity, ModelSchema schema, Forest forest, Link link);

  const Forest& forest() const { return forest_; }
  Link link() const { return link_; }

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override;
  void evaluate_argmax(const RowBatch& rows, std::span<float> scores) const;

  const Forest forest_;
  const Link link_;
};

}  // namespace weir::ml
