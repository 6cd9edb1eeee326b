// Do two feature logs say the same? Of serving and training, of a view and its replay, of weir and another program.
//
//   const auto served = read_feature_log(*transport, {.topic = "card-features"});
//   const auto offline = read_feature_csv(file);
//   const FeatureComparison comparison = compare_features(*served, *offline);
//   if (!comparison.equal()) std::cout << comparison.text();
//
// Rows are paired by the id of their prediction if all rows of both tables have one, else by key and time, the first with the
// first where there are several. Features are paired by name, or by place if one of the tables does not know the names.
//
// Of each feature, over the pairs of rows:
//   mismatches   both have a value, and these differ by more than the tolerance, relative to the larger one
//   missing      the left table has a value, the right one has not;  extra: the other way round
//   SMAPE        the mean of 2 |l - r| / (|l| + |r|) where both have one: from 0, equal, to 2
//   quantiles    of |l - r| where both have one: half, 0.9 and 0.99 of them are not above; and the largest
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weir/ml/features/feature_log_table.h>

namespace weir::ml {

enum class PairRows {
  kByIdIfKnown,
  kById,  // rows without one stay alone
  kByKeyAndTime,
};

struct ComparisonOptions {
  PairRows pair = PairRows::kByIdIfKnown;
  double tolerance = 0;  // >= 0; 0: the same number
};

struct FeatureDifference {
  std::string name;
  std::uint64_t pairs = 0;  // of rows
  std::uint64_t both = 0;   // that have a value
  std::uint64_t mismatches = 0;
  std::uint64_t missing = 0;
  std::uint64_t extra = 0;
  double smape = 0;
  double half = 0;
  double q90 = 0;
  double q99 = 0;
  double largest = 0;

  [[nodiscard]] std::uint64_t differing() const { return mismatches + missing + extra; }
  // Of the pairs; 0 without any.
  [[nodiscard]] double mismatch_rate() const {
    return pairs == 0 ? 0 : static_cast<double>(differing()) / static_cast<double>(pairs);
  }
};

struct FeatureComparison {
  std::uint64_t pairs = 0;
  std::uint64_t missing_rows = 0;  // in the left table alone
  std::uint64_t extra_rows = 0;    // in the right one alone
  std::vector<FeatureDifference> features;
  std::vector<std::string> missing_features;  // of the left table alone
  std::vector<std::string> extra_features;

  [[nodiscard]] bool equal() const;
  // A line for the rows, and one for each feature.
  [[nodiscard]] std::string text() const;
};

[[nodiscard]] FeatureComparison compare_features(const FeatureLogTable& left, const FeatureLogTable& right,
                                                 const ComparisonOptions& options = {});

}  // namespace weir::ml
