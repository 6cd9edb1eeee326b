// Numbers of several shapes, the same for a seed, and exact answers about them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace weir::ml::testing {

struct Sample {
  std::string name;
  std::vector<double> values;
};

// Does not lean on std::normal_distribution and the like, which libraries make differently.
inline std::vector<Sample> samples(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 chance(seed);
  const auto unit = [&] { return (static_cast<double>(chance() >> 11) + 0.5) * 0x1p-53; };
  std::vector<Sample> all = {{"uniform", {}},    {"exponential", {}}, {"heavy tail", {}}, {"both signs", {}},
                             {"few values", {}}, {"ascending", {}},   {"descending", {}}};
  for (std::size_t i = 0; i < count; ++i) {
    all[0].values.push_back(unit());
    all[1].values.push_back(-std::log(unit()));
    all[2].values.push_back(std::pow(unit(), -2.0));
    all[3].values.push_back((unit() - 0.3) * std::pow(10.0, 6 * unit() - 3));
    all[4].values.push_back(std::floor(5 * unit()));
    all[5].values.push_back(static_cast<double>(i));
    all[6].values.push_back(static_cast<double>(count - i));
  }
  return all;
}

// Returns how far the share `q` is from those shares that `value` is the quantile of.
inline double rank_error(const std::vector<double>& sorted, double value, double q) {
  const auto all = static_cast<double>(sorted.size());
  const double below = static_cast<double>(std::ranges::lower_bound(sorted, value) - sorted.begin()) / all;
  const double up_to = static_cast<double>(std::ranges::upper_bound(sorted, value) - sorted.begin()) / all;
  return std::max({0.0, below - q, q - up_to});
}

}  // namespace weir::ml::testing
