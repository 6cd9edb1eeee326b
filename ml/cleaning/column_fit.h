// What a plan's parameters are fitted from: one pass over the values of a column.
//
//   weir::ml::NumberFit amounts;
//   for (const Payment& payment : history) amounts.add(payment.amount);
//   const weir::ml::Step step = weir::ml::standardise(amounts.mean(), amounts.deviation());
//
// Missing numbers (NaN) and infinities are left out, but counted. Values, not more: they can be kept in an aggregate's state
// beside other things, or be filled by a program that reads a file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/ml/sketches/dd_sketch.h>
#include <weir/ml/sketches/space_saving.h>

namespace weir::ml {

class NumberFit {
 public:
  void add(double number);

  [[nodiscard]] std::uint64_t count() const { return count_; }  // of finite numbers
  [[nodiscard]] std::uint64_t left_out() const { return left_out_; }
  // Zero if there are no numbers. The deviation is of all, not of a sample; mean and it are by Welford's method.
  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] double deviation() const;
  [[nodiscard]] double least() const { return values_.min().value_or(0); }
  [[nodiscard]] double largest() const { return values_.max().value_or(0); }
  // Within 1 %, see DdSketch.
  [[nodiscard]] double median() const { return values_.quantile(0.5).value_or(0); }
  [[nodiscard]] double quartile_distance() const;

 private:
  std::uint64_t count_ = 0;
  std::uint64_t left_out_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // of the distances from the mean
  DdSketch values_;
};

class CategoryFit {
 public:
  // Keeps the `most` categories that come most often; exactly, as long as there are no more of them.
  explicit CategoryFit(std::size_t most) : counts_(most) {}

  void add(std::string_view category) { counts_.add(category); }

  // Returns them in the order of the alphabet, so that the plan does not depend on who came first.
  [[nodiscard]] std::vector<std::string> categories() const;

 private:
  SpaceSaving counts_;
};

}  // namespace weir::ml
