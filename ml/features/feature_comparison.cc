#include <weir/ml/features/feature_comparison.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <iterator>
#include <utility>

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <weir/core/serde.h>

namespace weir::ml {
namespace {

using RowPair = std::pair<const LoggedRow*, const LoggedRow*>;

bool all_have_ids(const FeatureLogTable& table) {
  return std::none_of(table.rows.begin(), table.rows.end(),
                      [](const LoggedRow& row) { return row.id.empty(); });
}

std::string pairing_key(const LoggedRow& row, bool by_id) {
  if (by_id) return row.id;
  Bytes key;
  put_big_endian(row.time, key);
  return key + row.key;
}

std::vector<RowPair> pair_rows(const FeatureLogTable& left, const FeatureLogTable& right, PairRows how) {
  const bool by_id =
      how == PairRows::kById || (how == PairRows::kByIdIfKnown && all_have_ids(left) && all_have_ids(right));
  absl::flat_hash_map<std::string, std::deque<const LoggedRow*>> waiting;
  for (const LoggedRow& row : left.rows) {
    if (!by_id || !row.id.empty()) waiting[pairing_key(row, by_id)].push_back(&row);
  }
  std::vector<RowPair> pairs;
  for (const LoggedRow& row : right.rows) {
    if (by_id && row.id.empty()) continue;
    const auto found = waiting.find(pairing_key(row, by_id));
    if (found == waiting.end() || found->second.empty()) continue;
    pairs.emplace_back(found->second.front(), &row);
    found->second.pop_front();
  }
  return pairs;
}

struct FeaturePlaces {
  std::string name;
  std::size_t left = 0;
  std::size_t right = 0;
};

std::vector<FeaturePlaces> pair_features(const FeatureLogTable& left, const FeatureLogTable& right,
                                         FeatureComparison& comparison) {
  std::vector<FeaturePlaces> places;
  if ((!left.named || !right.named) && left.columns.size() == right.columns.size()) {
    const std::vector<std::string>& names = left.named ? left.columns : right.columns;
    for (std::size_t i = 0; i < names.size(); ++i) places.push_back({names[i], i, i});
    return places;
  }
  for (std::size_t i = 0; i < left.columns.size(); ++i) {
    const auto found = std::find(right.columns.begin(), right.columns.end(), left.columns[i]);
    if (found == right.columns.end()) {
      comparison.missing_features.push_back(left.columns[i]);
    } else {
      places.push_back({left.columns[i], i, static_cast<std::size_t>(found - right.columns.begin())});
    }
  }
  std::copy_if(right.columns.begin(), right.columns.end(), std::back_inserter(comparison.extra_features),
               [&](const std::string& name) {
                 return std::find(left.columns.begin(), left.columns.end(), name) == left.columns.end();
               });
  return places;
}

double relative_difference(double left, double right) {
  const double size = std::abs(left) + std::abs(right);
  // Equal infinities too, whose difference is none.
  if (left == right) return 0;
  return std::isinf(size) ? 2 : 2 * std::abs(left - right) / size;
}

FeatureDifference difference_of(const FeaturePlaces& places, const std::vector<RowPair>& pairs,
                                double tolerance) {
  FeatureDifference difference;
  difference.name = places.name;
  difference.pairs = pairs.size();
  std::vector<double> differences;
  for (const auto& [left_row, right_row] : pairs) {
    const double left = left_row->values[places.left];
    const double right = right_row->values[places.right];
    if (std::isnan(left) || std::isnan(right)) {
      if (!std::isnan(left)) ++difference.missing;
      if (!std::isnan(right)) ++difference.extra;
      continue;
    }
    ++difference.both;
    const double apart = left == right ? 0 : std::abs(left - right);
    const double larger = std::max(std::abs(left), std::abs(right));
    if (left != right && !(apart <= tolerance * larger && std::isfinite(apart))) ++difference.mismatches;
    difference.smape += relative_difference(left, right);
    differences.push_back(apart);
  }
  if (differences.empty()) return difference;
  const auto count = static_cast<double>(differences.size());
  difference.smape /= count;
  std::sort(differences.begin(), differences.end());
  const auto quantile = [&](double q) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * count));
    return differences[std::max<std::size_t>(rank, 1) - 1];
  };
  difference.half = quantile(0.5);
  difference.q90 = quantile(0.9);
  difference.q99 = quantile(0.99);
  difference.largest = differences.back();
  return difference;
}

}  // namespace

bool FeatureComparison::equal() const {
  return missing_rows == 0 && extra_rows == 0 && missing_features.empty() && extra_features.empty() &&
         std::all_of(features.begin(), features.end(),
                     [](const FeatureDifference& feature) { return feature.differing() == 0; });
}

std::string FeatureComparison::text() const {
  std::string text = fmt::format("rows: {} pairs, {} missing, {} extra\n", pairs, missing_rows, extra_rows);
  for (const std::string& name : missing_features) text += fmt::format("missing feature: {}\n", name);
  for (const std::string& name : extra_features) text += fmt::format("extra feature: {}\n", name);
  std::size_t width = 7;
  for (const FeatureDifference& feature : features) width = std::max(width, feature.name.size());
  text += fmt::format("{:<{}}  {:>9}  {:>10}  {:>8}  {:>8}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}\n", "feature",
                      width, "rate", "mismatches", "missing", "extra", "smape", "q0.5", "q0.9", "q0.99",
                      "largest");
  for (const FeatureDifference& feature : features) {
    text += fmt::format(
        "{:<{}}  {:>9.4g}  {:>10}  {:>8}  {:>8}  {:>9.4g}  {:>9.4g}  {:>9.4g}  {:>9.4g}  {:>9.4g}\n",
        feature.name, width, feature.mismatch_rate(), feature.mismatches, feature.missing, feature.extra,
        feature.smape, feature.half, feature.q90, feature.q99, feature.largest);
  }
  return text;
}

FeatureComparison compare_features(const FeatureLogTable& left, const FeatureLogTable& right,
                                   const ComparisonOptions& options) {
  FeatureComparison comparison;
  const std::vector<RowPair> pairs = pair_rows(left, right, options.pair);
  comparison.pairs = pairs.size();
  comparison.missing_rows = left.rows.size() - pairs.size();
  comparison.extra_rows = right.rows.size() - pairs.size();
  for (const FeaturePlaces& places : pair_features(left, right, comparison)) {
    comparison.features.push_back(difference_of(places, pairs, options.tolerance));
  }
  return comparison;
}

}  // namespace weir::ml
