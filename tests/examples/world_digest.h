// Adds up what a world says, bit by bit, so that two worlds can be compared across machines.
#pragma once

#include <cstdint>
#include <cstring>

#include <weir/ml/seeded_random.h>

namespace generators {

class Digest {
 public:
  void add(double value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    sum_ = weir::ml::mixed(sum_ ^ bits);
  }
  void add(std::int64_t value) { sum_ = weir::ml::mixed(sum_ ^ static_cast<std::uint64_t>(value)); }
  [[nodiscard]] std::uint64_t sum() const { return sum_; }

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace generators
