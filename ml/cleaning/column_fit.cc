#include <weir/ml/cleaning/column_fit.h>

#include <algorithm>
#include <cmath>

namespace weir::ml {

void NumberFit::add(double number) {
  if (!values_.add(number)) {
    ++left_out_;
    return;
  }
  ++count_;
  const double before = number - mean_;
  mean_ += before / static_cast<double>(count_);
  squares_ += before * (number - mean_);
}

double NumberFit::deviation() const {
  return count_ == 0 ? 0 : std::sqrt(squares_ / static_cast<double>(count_));
}

double NumberFit::quartile_distance() const {
  return values_.quantile(0.75).value_or(0) - values_.quantile(0.25).value_or(0);
}

std::vector<std::string> CategoryFit::categories() const {
  std::vector<std::string> all;
  for (const SpaceSaving::Counted& counted : counts_.top(counts_.counters())) all.push_back(counted.item);
  std::ranges::sort(all);
  return all;
}

}  // namespace weir::ml
