// What tests of all loaders do with a model.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/model.h>
#include <weir/ml/row_batch.h>

namespace weir::ml::testing {

// For bytes that a test has damaged.
inline constexpr LoadLimits kSmallLimits{
    .bytes = 1 << 20, .trees = 1'000, .nodes = 100'000, .depth = 64, .features = 1'000};

// Whether it was loaded. If so some rows are scored with it; if not there is a reason.
inline bool can_be_asked(const absl::StatusOr<std::unique_ptr<const Model>>& model) {
  if (!model.ok()) {
    EXPECT_FALSE(model.status().message().empty());
    return false;
  }
  const std::size_t columns = (*model)->inputs().size();
  for (const std::size_t rows : {1, 5}) {
    std::vector<float> values(columns * rows);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3.0f;
    std::vector<float> scores(rows * (*model)->outputs().size());
    EXPECT_TRUE((*model)->predict(RowBatch(values, columns), scores).ok());
    const std::vector<double> wide(values.begin(), values.end());
    std::vector<double> wide_scores(scores.size());
    EXPECT_TRUE((*model)->predict(DoubleRowBatch(wide, columns), wide_scores).ok());
  }
  return true;
}

// Scores all rows at once, and again a few at a time, which must not matter. What is no number is a score too.
template <class Number>
std::vector<Number> scores_of(const Model& model, const std::vector<Number>& values) {
  const BasicRowBatch<Number> rows(values, model.inputs().size());
  const std::size_t outputs = model.outputs().size();
  std::vector<Number> scores(rows.rows() * outputs);
  EXPECT_TRUE(model.predict(rows, scores).ok());
  std::vector<Number> pieces(scores.size());
  for (std::size_t first = 0, size = 1; first < rows.rows(); first += size, size = size % 19 + 1) {
    const std::size_t count = std::min(size, rows.rows() - first);
    EXPECT_TRUE(
        model.predict(rows.slice(first, count), std::span(pieces).subspan(first * outputs, count * outputs))
            .ok());
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(pieces[i]) && std::isnan(scores[i])) continue;
    EXPECT_EQ(pieces[i], scores[i]) << "at " << i;
  }
  return scores;
}

}  // namespace weir::ml::testing
