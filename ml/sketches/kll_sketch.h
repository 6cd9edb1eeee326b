// KLL answers quantiles of numbers within an error of rank: what it gives as the median is between the 48.7th and the 51.3rd
// percentile, with k = 200. It says nothing of how far values are, and takes any distribution.
//
//   KllSketch amounts(200, seed_of_the_key);
//   amounts.add(12.5);
//   std::optional<double> median = amounts.quantile(0.5);
//
// The error of a rank, as a share of all, is below 2.296 / k^0.9723 for 99 of 100 queries: 1.3 % at k = 200, 2.6 % at 100,
// 0.7 % at 400. It keeps about 3 k numbers at most, whatever their count.
//
// It throws away by chance. The chance comes from the seed and is part of the state, so equal seeds and equal sequences of
// calls give equal bytes, across restarts too; another order of the same numbers gives another sketch, as good. Where the
// result must not depend on the order, use DdSketch.
//
// After Karnin, Lang and Liberty, "Optimal Quantile Approximation in Streams" (2016), with the capacities (two thirds of the
// level above, eight at least) for which the error above is published.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir::ml {

class KllSketch {
 public:
  static constexpr std::string_view kFormat = "kll-1";
  static constexpr std::uint32_t kSizeMin = 8;
  static constexpr std::uint32_t kSizeMax = 32'768;
  static constexpr std::uint32_t kSizeDefault = 200;

  // A k beyond the limits is taken as the nearest within.
  explicit KllSketch(std::uint32_t k = kSizeDefault, std::uint64_t seed = 0);

  // Returns false and leaves the number out if it is not finite.
  bool add(double value);

  // Adds all numbers of the other. Fails, and changes nothing, if k differs.
  [[nodiscard]] absl::Status merge(const KllSketch& other);

  // Returns about the least number that a share `q` of all is not above; q is from 0 to 1. Nothing if there are no numbers.
  // The least and the largest are exact.
  [[nodiscard]] std::optional<double> quantile(double q) const;

  // Returns about which share of the numbers is not above `value`. Nothing if there are none, or `value` is NaN.
  [[nodiscard]] std::optional<double> share_up_to(double value) const;

  // The error of rank that 99 of 100 queries keep.
  [[nodiscard]] double rank_error() const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::optional<double> min() const;
  [[nodiscard]] std::optional<double> max() const;
  [[nodiscard]] std::uint32_t k() const { return k_; }
  [[nodiscard]] std::size_t heap_bytes() const;

  // Appends the sketch, and reads it back. Bytes that serialise() would not write are refused.
  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<KllSketch> parse(BytesView bytes);

  bool operator==(const KllSketch&) const = default;

 private:
  // How many numbers a level may hold before it is halved.
  [[nodiscard]] std::size_t capacity_of(std::size_t level) const;
  [[nodiscard]] std::size_t capacity() const;
  [[nodiscard]] std::size_t kept() const;
  void shrink();
  void halve(std::size_t level);
  [[nodiscard]] bool toss();
  // The numbers kept, ascending, each with how many it stands for.
  [[nodiscard]] std::vector<std::pair<double, std::uint64_t>> weighed() const;

  std::uint32_t k_;
  std::uint64_t chance_;
  std::uint64_t count_ = 0;
  double min_ = 0;  // if there are numbers
  double max_ = 0;
  // A number of level i stands for 2^i. Those of level 0 are as they came, the others ascend.
  std::vector<std::vector<double>> levels_{1};
  std::size_t room_;  // for so many more before they are halved
};

}  // namespace weir::ml
