// ForestModel: where margins become scores.
#include <weir/ml/forest_model.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace weir::ml {
namespace {

// Room on the stack for the margins of the rows whose largest is looked for.
constexpr std::size_t kMarginFloats = Forest::kMostOutputs;

}  // namespace

ForestModel::ForestModel(ModelIdentity identity, ModelSchema schema, Forest forest, Link link)
    : Model(std::move(identity), std::move(schema)), forest_(std::move(forest)), link_(link) {}

void ForestModel::evaluate(const RowBatch& rows, std::span<float> scores) const {
  if (link_ == Link::kArgmax) return evaluate_argmax(rows, scores);
  forest_.margins(rows, scores);
  if (link_ == Link::kSoftmax) {
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      apply_link(link_, scores.subspan(row * forest_.outputs(), forest_.outputs()));
    }
  } else {
    apply_link(link_, scores);
  }
}

void ForestModel::evaluate_argmax(const RowBatch& rows, std::span<float> scores) const {
  std::array<float, kMarginFloats> margins;
  const std::size_t outputs = forest_.outputs();
  const std::size_t block = margins.size() / outputs;
  for (std::size_t first = 0; first < rows.rows(); first += block) {
    const std::size_t count = std::min(block, rows.rows() - first);
    forest_.margins(rows.slice(first, count), std::span(margins).first(count * outputs));
    for (std::size_t row = 0; row < count; ++row) {
      scores[first + row] =
          static_cast<float>(argmax(std::span<const float>(margins).subspan(row * outputs, outputs)));
    }
  }
}

}  // namespace weir::ml
