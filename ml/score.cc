#include <weir/ml/score.h>

#include <cmath>

#include <fmt/format.h>

namespace weir::ml {
namespace {

constexpr std::size_t kDigestDigits = 12;

}  // namespace

void stamp(const Model& model, Headers& headers) {
  headers.add(kModelNameHeader, model.name());
  headers.add(kModelVersionHeader, model.version());
  if (!model.digest().empty()) headers.add(kModelDigestHeader, model.digest().substr(0, kDigestDigits));
}

std::string fault_in(std::span<const float> scores) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i])) return fmt::format("output {} is {}", i, scores[i]);
  }
  return "";
}

void refuse_width(const GraphPoint& stream, const Model& model, std::size_t columns, Location where) {
  stream.problem(fmt::format("score: the model '{}' takes rows of {} columns, these have {}", model.name(),
                             model.inputs().size(), columns),
                 where);
}

}  // namespace weir::ml
