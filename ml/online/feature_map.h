// From a row of columns to the few weights it meets: one per column, or hashed slots where columns are categories or are
// looked at in pairs (the hashing trick: Weinberger et al., ICML 2009). Several features may share a slot; nothing is kept about
// them, so categories need not be known beforehand and memory is bounded.
//
// Thread safety: const.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weir/ml/seeded_random.h>

namespace weir::ml {

class FeatureMap {
 public:
  struct Pair {
    std::size_t first = 0;
    std::size_t second = 0;
  };

  // `bits` 0: each column has a slot of its own, and there are no categories and no pairs.
  FeatureMap(std::size_t columns, unsigned bits, const std::vector<std::size_t>& categories,
             std::vector<Pair> pairs);

  // How many slots there are; the last one is that of the constant 1.
  [[nodiscard]] std::size_t slots() const { return slots_; }

  // Calls visit(slot, value) for each feature of the row; scaled(column) is a column that is a number. A missing number is no
  // feature; a missing category is a category like others.
  template <class Scaled, class F>
  void visit(std::span<const float> row, Scaled&& scaled, F&& visit) const {
    for (std::size_t column = 0; column < is_category_.size(); ++column) {
      if (is_category_[column]) {
        visit(slot_of(token(row, column)), 1.0);
      } else if (!std::isnan(row[column])) {
        visit(bits_ == 0 ? column : slot_of(mixed(column + 1)), scaled(column));
      }
    }
    for (const Pair& pair : pairs_) {
      // Of a pair that is not of two categories, the numbers' product is the value.
      double value = 1;
      std::uint64_t name = mixed(0x7061697273ULL);
      for (const std::size_t column : {pair.first, pair.second}) {
        name = mixed(name ^ (is_category_[column] ? token(row, column) : mixed(column + 1)));
        if (!is_category_[column]) value *= std::isnan(row[column]) ? 0 : scaled(column);
      }
      if (value != 0) visit(slot_of(name), value);
    }
    visit(slots_ - 1, 1.0);
  }

  [[nodiscard]] bool is_category(std::size_t column) const { return is_category_[column]; }

 private:
  [[nodiscard]] std::size_t slot_of(std::uint64_t name) const {
    return name & ((std::uint64_t{1} << bits_) - 1);
  }
  [[nodiscard]] static std::uint64_t token(std::span<const float> row, std::size_t column) {
    const float value = row[column] == 0 ? 0.0F : row[column];  // one zero
    const std::uint32_t bits = std::isnan(value) ? 0x7fc00000U : std::bit_cast<std::uint32_t>(value);
    return mixed(mixed(column + 1) ^ (std::uint64_t{bits} << 8 | 1));
  }

  unsigned bits_;
  std::size_t slots_;
  std::vector<bool> is_category_;
  std::vector<Pair> pairs_;
};

}  // namespace weir::ml
