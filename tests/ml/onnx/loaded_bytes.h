// What the bytes of a model give, or why they are refused.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/load_model.h>

namespace weir::ml::testing {

inline std::vector<float> scores_of(const std::string& bytes, const std::vector<float>& row) {
  const auto loaded = load_model(bytes);
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  if (!loaded.ok()) return {};
  std::vector<float> scores((*loaded)->outputs().size());
  EXPECT_TRUE((*loaded)->predict_row(row, scores).ok());
  return scores;
}

inline std::string refusal_of(const std::string& bytes) {
  const absl::Status status = load_model(bytes).status();
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

}  // namespace weir::ml::testing
