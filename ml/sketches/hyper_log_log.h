// HyperLogLog++ counts distinct things in a few hundred bytes: about how many different hashes it was given.
//
//   HyperLogLog merchants(12);
//   merchants.add(hash_of_bytes("corner shop"));
//   double about = merchants.estimate();
//
// A sketch of precision p has m = 2^p registers of six bits; the standard error of its estimate is 1.04 / sqrt(m):
//
//   p          4     6     8     10    12    14    16
//   error      26 %  13 %  6.5 % 3.3 % 1.6 % 0.8 % 0.4 %
//   bytes max  12    48    192   768   3 K   12 K  48 K
//
// While it holds few hashes it keeps them as a list, as if its precision were 25, and estimates almost exactly; it becomes
// dense when the list would be larger than the registers. Nothing is lost by that, so a sketch depends on the set of hashes
// alone: not on their order, nor on how often each came, nor on how the parts of a merge were cut. Equal sets give equal
// bytes.
//
// After Heule, Nunkesser and Hall, "HyperLogLog in Practice" (2013); the estimate is Ertl's improved raw estimator ("New
// cardinality estimation algorithms for HyperLogLog sketches", 2017), which needs no tables of corrections.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir::ml {

class HyperLogLog {
 public:
  static constexpr std::string_view kFormat = "hyper-log-log-1";
  static constexpr int kPrecisionMin = 4;
  static constexpr int kPrecisionMax = 16;
  static constexpr int kPrecisionDefault = 12;

  // A precision beyond the limits is taken as the nearest within.
  explicit HyperLogLog(int precision = kPrecisionDefault);

  // The hash must be good in all its bits, as those of sketch_hash.h are.
  void add(std::uint64_t hash);

  // Afterwards this is the sketch of both sets. Fails, and changes nothing, if the precisions differ.
  [[nodiscard]] absl::Status merge(const HyperLogLog& other);

  [[nodiscard]] double estimate() const;

  // The standard deviation of estimate() / truth of a dense sketch. Two of three estimates are closer.
  [[nodiscard]] double standard_error() const;

  [[nodiscard]] int precision() const { return precision_; }
  [[nodiscard]] bool is_sparse() const { return registers_.empty(); }
  // What the sketch takes beyond its own size.
  [[nodiscard]] std::size_t heap_bytes() const;

  // Appends the sketch, and reads it back. Bytes that serialise() would not write are refused.
  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<HyperLogLog> parse(BytesView bytes);

  bool operator==(const HyperLogLog&) const = default;

 private:
  void add_listed(std::uint32_t entry);
  void raise(std::uint32_t entry);
  void make_dense_if_long();
  void make_dense();

  int precision_;
  // While sparse. Ascending; an entry is the first 25 bits of a hash, then in six bits the place of the first one in the
  // rest. Of equal beginnings the entry with the highest place stays.
  std::vector<std::uint32_t> listed_;
  // While dense.
  std::vector<std::uint8_t> registers_;
};

}  // namespace weir::ml
