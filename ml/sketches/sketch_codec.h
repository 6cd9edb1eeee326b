// How sketches are written and read: a byte that says which, a byte for the version of its layout, then fields. Whole numbers
// take as many bytes as they need, seven bits each, the lowest first; floats are eight bytes, big-endian.
//
// Each state has one spelling: what could be written shorter is refused, so that equal bytes are equal sketches.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>

namespace weir::ml {

// The first byte of a sketch.
enum class SketchKind : unsigned char {
  kHyperLogLog = 'H',
  kDdSketch = 'D',
  kKll = 'K',
  kTDigest = 'T',
  kSpaceSaving = 'S',
  // Of ml/feedback:
  kBinaryMetrics = 'B',
  kRegressionMetrics = 'R',
  kBinCounts = 'C',
  kAdwin = 'A',
  kPageHinkley = 'P',
};

inline constexpr unsigned char kSketchVersion = 1;

inline void put_sketch_header(SketchKind kind, Bytes& out) {
  out.push_back(static_cast<char>(kind));
  out.push_back(static_cast<char>(kSketchVersion));
}

inline void put_whole(std::uint64_t number, Bytes& out) {
  for (; number >= 0x80; number >>= 7) out.push_back(static_cast<char>(number | 0x80));
  out.push_back(static_cast<char>(number));
}

// Numbers close to zero on either side are short.
inline void put_zigzag(std::int64_t number, Bytes& out) {
  put_whole(static_cast<std::uint64_t>(number) << 1 ^ static_cast<std::uint64_t>(number >> 63), out);
}

inline void put_float(double number, Bytes& out) {
  put_big_endian(std::bit_cast<std::uint64_t>(number), out);
}

// Never reads beyond the end. After a failure every further read gives zero, so that a parser may ask once, at the end;
// what it allocates meanwhile must be bounded by left().
class SketchReader {
 public:
  SketchReader(BytesView bytes, SketchKind kind) : left_(bytes) {
    if (byte() != static_cast<unsigned char>(kind)) refuse("it is no sketch of this kind");
    if (byte() != kSketchVersion) refuse("its version is not known");
  }

  [[nodiscard]] unsigned char byte();
  [[nodiscard]] std::uint64_t whole();
  [[nodiscard]] std::int64_t zigzag();
  [[nodiscard]] double number();
  [[nodiscard]] BytesView bytes(std::size_t size);

  // Reads how many things follow that take at least `bytes_each`.
  [[nodiscard]] std::size_t count(std::size_t bytes_each, std::size_t most);

  // Notes what is wrong, if it is the first thing. Gives false.
  bool refuse(std::string_view what);

  [[nodiscard]] bool ok() const { return fault_.empty(); }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

  // InvalidArgument "DDSketch: its counts do not follow each other", also if something is left; or OK.
  [[nodiscard]] absl::Status finish(std::string_view name);

 private:
  BytesView left_;
  std::string fault_;
};

}  // namespace weir::ml
