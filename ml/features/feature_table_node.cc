#include <weir/ml/features/feature_table_node.h>

#include <weir/ml/features/key_state.h>

namespace weir::ml {

std::vector<double> values_of_nothing(const FeaturePlan& plan) {
  Workspace workspace(plan);
  const std::vector<Value> no_values(plan.spec().columns.size());
  std::vector<double> row(plan.outputs().size());
  KeyState(plan).evaluate({0, 0, no_values}, false, workspace, row.data());
  return row;
}

}  // namespace weir::ml
