// How rare a value is among those seen before it: counts in buckets whose width grows with the value, so that any quantile
// is known within a relative error and the memory is bounded (DDSketch: Masson, Rim, Lee, VLDB 2019). The order in which
// values came does not matter.
//
// Rarity is in decades: surprise(v) = log10((n + 1) / (m + 1)) where m of the n values seen are at least v: 3 is one in a
// thousand. A value above all that was seen gets on top the decades by which it exceeds the largest; that is what tells a
// spike from a record that is broken now and then.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

class TailSketch {
 public:
  // Most buckets kept; beyond it those of the smallest values are put together, and the upper tail stays as exact as it is.
  static constexpr std::size_t kMostBuckets = 4096;
  static constexpr double kRelativeError = 0.01;

  // Values below this count as zero, and nothing is surprising about zero.
  static constexpr double kZero = 1e-12;

  // `value` >= 0 and finite, as in all of these.
  void add(double value);

  [[nodiscard]] double surprise(double value) const;

  // Returns a value that is within the relative error of one that a share `q` of the values do not exceed; 0 if there is
  // none.
  [[nodiscard]] double quantile(double q) const;

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double largest() const { return largest_; }

  void encode(Bytes& out) const;
  [[nodiscard]] absl::Status restore(ByteReader& reader);

 private:
  struct Bucket {
    std::int32_t index = 0;
    std::uint64_t count = 0;
  };

  [[nodiscard]] static std::int32_t bucket_of(double value);
  // Returns the first bucket whose index is not less.
  [[nodiscard]] std::vector<Bucket>::const_iterator bucket_from(std::int32_t index) const;

  std::uint64_t count_ = 0;
  std::uint64_t zeros_ = 0;
  double largest_ = 0;
  std::vector<Bucket> buckets_;  // by index
};

}  // namespace weir::ml
