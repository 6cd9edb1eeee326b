// A generator of chance whose whole state is one number, so that what uses it can be written down and go on as if nothing
// had happened: SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014). The same on
// every machine, which the distributions of the standard library are not.
#pragma once

#include <cmath>
#include <cstdint>

namespace weir::ml {

// Spreads a number's bits over all 64.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  return bits ^ (bits >> 31);
}

class SeededRandom {
 public:
  explicit SeededRandom(std::uint64_t state = 0) : state_(state) {}

  [[nodiscard]] std::uint64_t next() { return mixed(state_ += 0x9e3779b97f4a7c15ULL); }

  // Returns a number in [0, 1).
  [[nodiscard]] double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  // Returns a number in [0, count); count > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t count) { return next() % count; }

  // Returns a number of the Poisson distribution, by multiplying (Knuth): for small means.
  [[nodiscard]] unsigned poisson(double mean) {
    const double end = std::exp(-mean);
    unsigned count = 0;
    for (double product = uniform(); product > end; product *= uniform()) ++count;
    return count;
  }

  [[nodiscard]] std::uint64_t state() const { return state_; }

 private:
  std::uint64_t state_;
};

}  // namespace weir::ml
