// Chance from a seed, the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <weir/ml/seeded_random.h>

#include "portable_math.h"

namespace generators {

class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(weir::ml::mixed(seed)) {}

  // Returns a number in [0, 1), or in [from, to).
  double uniform() { return bits_.uniform(); }
  double uniform(double from, double to) { return from + (to - from) * bits_.uniform(); }

  bool chance(double probability) { return bits_.uniform() < probability; }

  // Returns a number in [0, count); count > 0.
  int pick(int count) { return static_cast<int>(bits_.below(static_cast<std::uint64_t>(count))); }

  template <class T>
  const T& one_of(const std::vector<T>& some) {
    return some[bits_.below(some.size())];
  }

  double exponential(double mean) { return -mean * log_of(1 - bits_.uniform()); }

  // Marsaglia's polar method; the second number of each pair is thrown away, so the state stays one number.
  double normal(double mean, double deviation) {
    while (true) {
      const double x = uniform(-1, 1);
      const double y = uniform(-1, 1);
      const double square = x * x + y * y;
      if (square > 0 && square < 1) return mean + deviation * x * std::sqrt(-2 * log_of(square) / square);
    }
  }

  // For means up to some hundreds.
  int poisson(double mean) {
    const double end = exp_of(-mean);
    int count = 0;
    for (double product = uniform(); product > end; product *= uniform()) ++count;
    return count;
  }

 private:
  weir::ml::SeededRandom bits_;
};

// Picks from unequal shares.
class Shares {
 public:
  void add(double share) { sums_.push_back((sums_.empty() ? 0 : sums_.back()) + share); }

  // Returns the index of a share; requires one.
  [[nodiscard]] std::size_t pick(Random& random) const;

 private:
  std::vector<double> sums_;
};

}  // namespace generators
