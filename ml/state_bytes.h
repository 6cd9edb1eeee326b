// How learners and detectors write what they know, bit for bit, and read it back: the numbers behind ByteReader's integers.
// Doubles go as their bits, so that what was read goes on exactly as what was written would have.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

inline void put_double(double value, Bytes& out) { put_big_endian(std::bit_cast<std::uint64_t>(value), out); }

// A count in 4 bytes, then the numbers.
inline void put_doubles(std::span<const double> values, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(values.size()), out);
  for (const double value : values) put_double(value, out);
}

[[nodiscard]] inline double read_double(ByteReader& reader) {
  return std::bit_cast<double>(reader.integer<std::uint64_t>());
}

[[nodiscard]] inline std::vector<double> read_doubles(ByteReader& reader) {
  std::vector<double> values(reader.count(sizeof(double)));
  for (double& value : values) value = read_double(reader);
  return values;
}

}  // namespace weir::ml
