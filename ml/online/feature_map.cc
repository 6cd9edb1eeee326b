#include <weir/ml/online/feature_map.h>

namespace weir::ml {

FeatureMap::FeatureMap(std::size_t columns, unsigned bits, const std::vector<std::size_t>& categories,
                       std::vector<Pair> pairs)
    : bits_(bits),
      slots_((bits == 0 ? columns : std::size_t{1} << bits) + 1),
      is_category_(columns),
      pairs_(std::move(pairs)) {
  for (const std::size_t column : categories) is_category_[column] = true;
}

}  // namespace weir::ml
