// DDSketch answers quantiles of numbers within a promised relative error: with an accuracy of 0.01, what it gives as the 99th
// percentile is within 1 % of a number that is the 99th percentile.
//
//   DdSketch amounts(0.01);
//   amounts.add(12.5);
//   std::optional<double> median = amounts.quantile(0.5);
//
// Numbers go into buckets whose bounds grow by a factor, those below zero by themselves; about 700 buckets cover six decades
// at 1 %. If there would be more than `buckets_max` on a side, those of the smallest magnitude become one,
// and what falls into it is no longer promised: see has_collapsed().
//
// A sketch depends on the numbers alone, not on their order nor on how the parts of a merge were cut; equal numbers give equal
// bytes, on every platform. That makes it the choice for replays.
//
// After Masson, Rim and Lee, "DDSketch: A fast and fully-mergeable quantile sketch with relative-error guarantees" (2019).
// Bounds are by a cubic instead of the logarithm, as that paper's authors do, which costs one bucket in a hundred.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir::ml {

// The sorted buckets of one sign. For DdSketch.
class DdBuckets {
 public:
  struct Bucket {
    std::int32_t index;
    std::uint64_t count;

    bool operator==(const Bucket&) const = default;
  };

  // Returns whether something collapsed.
  bool add(std::int32_t index, std::uint64_t count, std::size_t most);
  bool merge(const DdBuckets& other, std::size_t most);

  [[nodiscard]] const std::vector<Bucket>& all() const { return buckets_; }
  [[nodiscard]] std::uint64_t total() const { return total_; }

  bool operator==(const DdBuckets&) const = default;

 private:
  bool collapse(std::size_t most);

  std::vector<Bucket> buckets_;  // ascending; no count is zero
  std::uint64_t total_ = 0;
};

class DdSketch {
 public:
  static constexpr std::string_view kFormat = "dd-sketch-1";
  static constexpr double kAccuracyMin = 0.0001;
  static constexpr double kAccuracyMax = 0.5;
  static constexpr double kAccuracyDefault = 0.01;
  static constexpr std::size_t kBucketsMin = 16;
  static constexpr std::size_t kBucketsMax = 65'536;
  static constexpr std::size_t kBucketsDefault = 2'048;

  // Values beyond the limits are taken as the nearest within; a NaN as the default.
  explicit DdSketch(double accuracy = kAccuracyDefault, std::size_t buckets_max = kBucketsDefault);

  // Adds a number so many times. Returns false and leaves it out if it is not finite.
  bool add(double value, std::uint64_t times = 1);

  // Afterwards this is the sketch of all numbers of both. Fails, and changes nothing, if accuracy or buckets_max differ.
  [[nodiscard]] absl::Status merge(const DdSketch& other);

  // Returns about the number that is at place floor(q (n - 1)) of all n, sorted, from zero; q is from 0 to 1. Nothing if
  // there are no numbers. The least and the largest are exact.
  [[nodiscard]] std::optional<double> quantile(double q) const;

  // Returns about which share of the numbers is not above `value`: exact but for those within the accuracy of it. Nothing if
  // there are no numbers, or `value` is NaN.
  [[nodiscard]] std::optional<double> share_up_to(double value) const;

  [[nodiscard]] std::uint64_t count() const { return below_.total() + zeros_ + above_.total(); }
  [[nodiscard]] std::optional<double> min() const;
  [[nodiscard]] std::optional<double> max() const;
  [[nodiscard]] double accuracy() const { return accuracy_; }
  // Whether some of the smallest magnitudes have lost the promise.
  [[nodiscard]] bool has_collapsed() const { return collapsed_; }
  [[nodiscard]] std::size_t heap_bytes() const;

  // Appends the sketch, and reads it back. Bytes that serialise() would not write are refused.
  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<DdSketch> parse(BytesView bytes);

  bool operator==(const DdSketch&) const = default;

 private:
  [[nodiscard]] std::int32_t index_of(double magnitude) const;
  // Returns the largest magnitude of a bucket.
  [[nodiscard]] double bound_of(std::int32_t index) const;
  // Returns the magnitude that is within the accuracy of all of a bucket.
  [[nodiscard]] double middle_of(std::int32_t index) const;
  [[nodiscard]] double at_place(std::uint64_t place) const;

  double accuracy_;
  std::size_t buckets_max_;
  double buckets_per_octave_;  // follows from the accuracy
  DdBuckets below_;            // of negative numbers, by magnitude
  DdBuckets above_;
  std::uint64_t zeros_ = 0;
  double min_ = 0;  // if there are numbers
  double max_ = 0;
  bool collapsed_ = false;
};

}  // namespace weir::ml
