// A RowBatch is a borrowed table of floats, row after row without gaps: what a model is asked to score. A
// missing value is a NaN. It owns nothing; the floats must outlive it.
#pragma once

#include <cstddef>
#include <span>

namespace weir::ml {

class RowBatch {
 public:
  // Views `values` as rows of `columns` floats. A length that is no multiple of `columns` is not refused here
  // but by Model::predict, which reports it as a status; see is_rectangular().
  RowBatch(std::span<const float> values, std::size_t columns) : values_(values), columns_(columns) {}

  // Views `row` as a batch of one.
  static RowBatch single(std::span<const float> row) { return RowBatch(row, row.size()); }

  std::size_t rows() const { return columns_ == 0 ? 0 : values_.size() / columns_; }
  std::size_t columns() const { return columns_; }
  std::span<const float> values() const { return values_; }
  bool is_rectangular() const { return rows() * columns_ == values_.size(); }

  // Returns row `index`, which must be less than rows().
  std::span<const float> row(std::size_t index) const { return values_.subspan(index * columns_, columns_); }

  // Returns `count` rows beginning with row `first`; the caller keeps first + count within rows().
  RowBatch slice(std::size_t first, std::size_t count) const {
    return RowBatch(values_.subspan(first * columns_, count * columns_), columns_);
  }

 private:
  std::span<const float> values_;
  std::size_t columns_;
};

}  // namespace weir::ml
