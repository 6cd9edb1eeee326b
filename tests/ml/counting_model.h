// A model that notes how many rows it is given at a time.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weir/ml/model.h>

namespace weir::ml {

// A multiple of its one input. Throws for -7, has no score for -8. For tests without threads.
class CountingModel final : public Model {
 public:
  CountingModel(ModelIdentity identity, float factor)
      : Model(std::move(identity), {{"x"}, {"y"}}), factor_(factor) {}
  [[nodiscard]] std::vector<std::size_t> calls() const { return calls_; }

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    calls_.push_back(rows.rows());
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const float x = rows.row(i)[0];
      if (x == -7) throw std::runtime_error("seven is not served");
      scores[i] = x == -8 ? std::nanf("") : x * factor_;
    }
  }

  const float factor_;
  mutable std::vector<std::size_t> calls_;
};

}  // namespace weir::ml
