// The weighted sums.
#include <weir/ml/linear_booster.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <weir/ml/forest.h>

namespace weir::ml {

LinearBooster::LinearBooster(ModelIdentity identity, ModelSchema schema, std::vector<float> weights,
                             std::vector<float> base_margins, Link link)
    : Model(std::move(identity), std::move(schema)),
      weights_(std::move(weights)),
      base_margins_(std::move(base_margins)),
      link_(link) {}

void LinearBooster::add_up(std::span<const float> row, std::span<float> margins) const {
  const float* const bias = weights_.data() + row.size() * margins.size();
  for (std::size_t output = 0; output < margins.size(); ++output)
    margins[output] = bias[output] + base_margins_[output];
  const float* weight = weights_.data();
  for (const float value : row) {
    if (!std::isnan(value)) {
      for (std::size_t output = 0; output < margins.size(); ++output)
        margins[output] += value * weight[output];
    }
    weight += margins.size();
  }
}

void LinearBooster::evaluate(const RowBatch& rows, std::span<float> scores) const {
  std::array<float, kMostForestOutputs> on_stack;
  const std::span<float> margins = std::span(on_stack).first(base_margins_.size());
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    add_up(rows.row(i), margins);
    if (link_ == Link::kArgmax) {
      scores[i] = static_cast<float>(argmax(margins));
      continue;
    }
    apply_link(link_, margins);
    std::ranges::copy(margins, scores.begin() + static_cast<std::ptrdiff_t>(i * margins.size()));
  }
}

}  // namespace weir::ml
