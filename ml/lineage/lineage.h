// Which predictions something was made of: a set of marks, one for each prediction, that can be joined with others and written
// into headers.
//
// A mark is text: model;version;digest;branch;features;prediction, as the headers of score have them, without what is missing.
// A ';', a '%' and what is no visible ASCII character are written as %XX.
//
//   header                | value
//   weir.lineage          | a mark; as often as there are marks, in ascending order
//   weir.lineage.digest   | instead of marks, once these would be larger than the limit: "<count>:<32 hexadecimal digits>",
//                         | how many there are and the sum of their hashes (MurmurHash3, two sums of 64 bits)
//
// A set does not depend on the order in which it was made. While it is a list a mark counts once however often it is
// added; once it is a digest everything that is added counts. A digest says whether two sets are the same, to those who mean
// no harm.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/headers.h>
#include <weir/core/serde.h>

namespace weir::ml {

inline constexpr char kLineageHeader[] = "weir.lineage";
inline constexpr char kLineageDigestHeader[] = "weir.lineage.digest";

// What the marks of a set may have together, in bytes, unless something else is said.
inline constexpr std::size_t kLineageBytes = 2048;

// A prediction as score names it in its headers. Empty: it did not say.
struct PredictionMark {
  std::string model;
  std::string version;
  std::string digest;
  std::string branch;
  std::string features;
  std::string prediction;

  bool operator==(const PredictionMark&) const = default;
};

[[nodiscard]] std::string text_of(const PredictionMark& mark);
// InvalidArgument for a text that is no mark.
[[nodiscard]] absl::Status parse_mark(std::string_view text, PredictionMark& mark);

class Lineage {
 public:
  // What the headers of a record say: the predictions that score stamped it with, and lineage that came along. A header that
  // cannot be read counts as a mark of its own.
  [[nodiscard]] static Lineage of(const Headers& headers, std::size_t bytes_max = kLineageBytes);

  void add(std::string mark, std::size_t bytes_max = kLineageBytes);
  void merge(const Lineage& other, std::size_t bytes_max = kLineageBytes);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Ascending; none if there is only a digest.
  [[nodiscard]] const std::vector<std::string>& marks() const { return marks_; }
  [[nodiscard]] bool is_digest() const { return count_ != marks_.size(); }
  // 32 hexadecimal digits; of a list as well.
  [[nodiscard]] std::string digest() const;

  // Replaces what the headers say of lineage.
  void write_to(Headers& headers) const;

  bool operator==(const Lineage&) const = default;

 private:
  friend struct weir::Serde<Lineage>;

  void limit(std::size_t bytes_max);

  std::vector<std::string> marks_;  // ascending, each once
  std::uint64_t count_ = 0;
  // Of a digest.
  std::uint64_t first_ = 0;
  std::uint64_t second_ = 0;
};

}  // namespace weir::ml

namespace weir {

// How many marks (4 bytes) and each of them: its size (4 bytes) and its bytes. Or four bytes of 0xff, the count and the two sums
// (8 bytes each). Big-endian.
template <>
struct Serde<ml::Lineage> {
  static constexpr std::string_view kFormat = "lineage-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::Lineage& lineage, Bytes& out);
  static absl::Status decode(BytesView bytes, ml::Lineage& out);
};

}  // namespace weir
