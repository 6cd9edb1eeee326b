#include <weir/ml/anomaly/sample.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace weir::ml {

bool usable(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::abs(value) <= kLargestValue; });
}

absl::Status undecodable_state(std::string_view what) {
  return absl::DataLossError(fmt::format("the state of {} does not decode", what));
}

}  // namespace weir::ml
