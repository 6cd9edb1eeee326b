// A BasicRowBatch is a borrowed table of numbers, row after row without gaps: what a model is asked to score. A
// missing value is a NaN. It owns nothing; the numbers must outlive it. Rows are of floats as a rule, and of
// doubles where a model's trainer tells doubles apart (see Model::precision).
#pragma once

#include <cstddef>
#include <span>

namespace weir::ml {

template <class Number>
class BasicRowBatch {
 public:
  // Views `values` as rows of `columns` numbers. A length that is no multiple of `columns` is not refused here
  // but by Model::predict, which reports it as a status; see is_rectangular().
  BasicRowBatch(std::span<const Number> values, std::size_t columns) : values_(values), columns_(columns) {}

  // Views `row` as a batch of one.
  static BasicRowBatch single(std::span<const Number> row) { return BasicRowBatch(row, row.size()); }

  std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::size_t columns() const { return columns_; }
  std::span<const Number> values() const { return values_; }
  bool is_rectangular() const { return rows() * columns_ == values_.size(); }

  // Returns row `index`, which must be less than rows().
  std::span<const Number> row(std::size_t index) const { return values_.subspan(index * columns_, columns_); }

  // Returns `count` rows beginning with row `first`; the caller keeps first + count within rows().
  BasicRowBatch slice(std::size_t first, std::size_t count) const {
    return BasicRowBatch(values_.subspan(first * columns_, count * columns_), columns_);
  }

 private:
  std::span<const Number> values_;
  std::size_t columns_;
};

using RowBatch = BasicRowBatch<float>;
using DoubleRowBatch = BasicRowBatch<double>;

}  // namespace weir::ml
