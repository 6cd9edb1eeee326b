// A DoubleForestModel is a DoubleForest seen as a Model: margins in double, then a link in double, and at the
// very end a float where floats are asked for.
#pragma once

#include <weir/ml/forest.h>
#include <weir/ml/model.h>

namespace weir::ml {

// What LightGBM makes of margins. All are computed per row.
enum class DoubleLink {
  kIdentity,
  kSigmoid,       // 1 / (1 + exp(-scale * margin)), each output for itself
  kSoftmax,       // exp(margin) over the sum of them, across the outputs of a row
  kExp,           // exp(margin)
  kLogOfExp,      // log(1 + exp(margin))
  kSignedSquare,  // margin * |margin|
};

struct DoubleTransform {
  DoubleLink link = DoubleLink::kIdentity;
  double scale = 1.0;    // of kSigmoid
  double divisor = 1.0;  // margins are divided by it before the link: the iterations of a random forest
};

class DoubleForestModel final : public Model {
 public:
  // `schema` must name forest.features() inputs and forest.outputs() outputs; loaders see to it.
  DoubleForestModel(ModelIdentity identity, ModelSchema schema, DoubleForest forest,
                    DoubleTransform transform);

  const DoubleForest& forest() const { return forest_; }

  Precision precision() const override { return Precision::kDouble; }

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override;
  void evaluate_double(const DoubleRowBatch& rows, std::span<double> scores) const override;
  void transform(std::span<double> scores) const;

  const DoubleForest forest_;
  const DoubleTransform transform_;
};

}  // namespace weir::ml
