#include <weir/ml/features/feature_window.h>

#include <array>
#include <utility>

namespace weir::ml {

std::string duration_text(Duration duration) {
  static constexpr std::array<std::pair<std::int64_t, const char*>, 4> kUnits = {
      {{86'400'000, "d"}, {3'600'000, "h"}, {60'000, "min"}, {1'000, "s"}}};
  for (const auto& [unit, name] : kUnits) {
    if (duration.count() > 0 && duration.count() % unit == 0)
      return std::to_string(duration.count() / unit) + name;
  }
  return std::to_string(duration.count()) + "ms";
}

std::string FeatureWindow::name() const {
  std::string text;
  switch (kind) {
    case WindowKind::kAsView:
    case WindowKind::kSawtooth:
      text = duration_text(length);
      break;
    case WindowKind::kExact:
      text = "exact" + duration_text(length);
      break;
    case WindowKind::kTumbling:
      text = "tumbling" + duration_text(length);
      break;
    case WindowKind::kLifetime:
      break;
    case WindowKind::kLast:
      text = "last" + std::to_string(rows);
      break;
    case WindowKind::kSession:
      text = "session" + duration_text(length);
      break;
  }
  if (delay.count() > 0) text += "_delay" + duration_text(delay);
  return text;
}

}  // namespace weir::ml
