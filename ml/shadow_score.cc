#include <weir/ml/shadow_score.h>

#include <algorithm>
#include <cmath>

namespace weir::ml {
namespace {

constexpr double kBinsPerDecade = 4;
constexpr double kFirstDecade = -8;

std::size_t bin_of(double difference) {
  if (!(difference >= 1e-8)) return 0;
  const double bin = 1 + std::floor((std::log10(difference) - kFirstDecade) * kBinsPerDecade);
  return static_cast<std::size_t>(std::clamp(bin, 1.0, static_cast<double>(ShadowComparison::kBins - 1)));
}

double end_of(std::size_t bin) {
  return std::pow(10, kFirstDecade + static_cast<double>(bin) / kBinsPerDecade);
}

}  // namespace

ShadowComparison ShadowComparison::with(const ShadowScore& score, float threshold) const {
  ShadowComparison result = *this;
  if (!score.shadow_fault.empty() || score.scores.empty() ||
      score.scores.size() != score.shadow_scores.size()) {
    ++result.faults;
    return result;
  }
  const float used = score.scores.front();
  const float shadow = score.shadow_scores.front();
  const double difference = std::abs(static_cast<double>(used) - static_cast<double>(shadow));
  ++result.compared;
  if ((used >= threshold) == (shadow >= threshold)) ++result.agreed;
  result.largest = std::max(result.largest, difference);
  result.bins.resize(kBins, 0);
  ++result.bins[bin_of(difference)];
  return result;
}

ShadowComparison ShadowComparison::merged(const ShadowComparison& other) const {
  ShadowComparison result = *this;
  result.compared += other.compared;
  result.faults += other.faults;
  result.agreed += other.agreed;
  result.largest = std::max(result.largest, other.largest);
  result.bins.resize(kBins, 0);
  for (std::size_t i = 0; i < std::min(kBins, other.bins.size()); ++i) result.bins[i] += other.bins[i];
  return result;
}

double ShadowComparison::agreement() const {
  return compared == 0 ? 1 : static_cast<double>(agreed) / static_cast<double>(compared);
}

double ShadowComparison::difference_quantile(double q) const {
  const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(compared);
  double seen = 0;
  for (std::size_t i = 0; i < bins.size() && compared > 0; ++i) {
    seen += static_cast<double>(bins[i]);
    if (seen >= wanted && seen > 0) return i + 1 == kBins ? largest : std::min(largest, end_of(i));
  }
  return 0;
}

}  // namespace weir::ml
