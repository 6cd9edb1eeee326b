#include "random.h"

#include <algorithm>

namespace generators {

std::size_t Shares::pick(Random& random) const {
  const double place = random.uniform(0, sums_.back());
  const auto found = std::upper_bound(sums_.begin(), sums_.end(), place);
  return std::min(static_cast<std::size_t>(found - sums_.begin()), sums_.size() - 1);
}

}  // namespace generators
