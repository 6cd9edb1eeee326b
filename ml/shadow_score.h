// What a shadow model said of a row, beside what was used: as a record, and summed up by a comparator.
//
//   shadows.group_by({.name = "by-version"}, [](const weir::ml::ShadowScore& score) { return score.shadow_version; })
//       .aggregate({.store = "fraud-shadow-comparison"}, [] { return weir::ml::ShadowComparison(); },
//                  [](const weir::ml::ShadowScore& score, const weir::ml::ShadowComparison& so_far) {
//                    return so_far.with(score, /*threshold=*/0.5F);
//                  });
//
// Both have a Serde (JSON).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weir/core/json_serde.h>

namespace weir::ml {

struct ShadowScore {
  std::string prediction;  // as in the header weir.prediction
  std::string model;
  std::string version;  // whose scores were used
  std::string shadow_version;
  std::vector<float> scores;
  std::vector<float> shadow_scores;  // empty if there are none
  std::string shadow_fault;          // then: why

  bool operator==(const ShadowScore&) const = default;
};

// How far two models agree. Mergeable: the comparison of all is the merge of the comparisons of parts, in any order.
struct ShadowComparison {
  // Differences are counted by size: below 10^-8, then a bin for each quarter of a power of ten up to 10^4, then the rest.
  static constexpr std::size_t kBins = 50;

  std::uint64_t compared = 0;
  std::uint64_t faults = 0;  // rows that the shadow could not score
  std::uint64_t agreed = 0;  // rows on the same side of the threshold
  double largest = 0;        // of the absolute differences
  std::vector<std::uint64_t> bins = std::vector<std::uint64_t>(kBins, 0);

  // Returns this with one more row. Compared is the first output of both; a row that one of them gave other outputs than the
  // other counts as a fault.
  [[nodiscard]] ShadowComparison with(const ShadowScore& score, float threshold) const;
  [[nodiscard]] ShadowComparison merged(const ShadowComparison& other) const;

  // In 0..1; 1 if nothing was compared.
  [[nodiscard]] double agreement() const;
  // Returns an upper bound of the absolute difference below which the share `q` (0..1) of rows lies, within 78 %, the width
  // of a bin; 0 if nothing was compared.
  [[nodiscard]] double difference_quantile(double q) const;

  bool operator==(const ShadowComparison&) const = default;
};

}  // namespace weir::ml

template <>
struct weir::Serde<weir::ml::ShadowScore> : weir::JsonSerde<weir::ml::ShadowScore> {
  using T = weir::ml::ShadowScore;
  static constexpr auto kFields =
      fields(field("prediction", &T::prediction), field("model", &T::model), field("version", &T::version),
             field("shadow_version", &T::shadow_version), field("scores", &T::scores),
             field("shadow_scores", &T::shadow_scores), field("shadow_fault", &T::shadow_fault));
};

template <>
struct weir::Serde<weir::ml::ShadowComparison> : weir::JsonSerde<weir::ml::ShadowComparison> {
  using T = weir::ml::ShadowComparison;
  static constexpr auto kFields =
      fields(field("compared", &T::compared), field("faults", &T::faults), field("agreed", &T::agreed),
             field("largest", &T::largest), field("bins", &T::bins));
};
