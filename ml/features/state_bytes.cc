#include <weir/ml/features/state_bytes.h>

namespace weir::ml {
namespace {

constexpr unsigned kMore = 0x80;
constexpr int kLastShift = 63;

}  // namespace

void put_unsigned(std::uint64_t value, Bytes& out) {
  while (value >= kMore) {
    out.push_back(static_cast<char>((value & (kMore - 1)) | kMore));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

std::uint64_t StateReader::take_unsigned() {
  std::uint64_t value = 0;
  for (int shift = 0; shift <= kLastShift && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    if (shift == kLastShift && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & (kMore - 1)) << shift;
    if (byte < kMore) return value;
  }
  fail();
  return 0;
}

std::int64_t StateReader::take_signed() {
  const std::uint64_t value = take_unsigned();
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

double StateReader::take_double() {
  const BytesView bytes = take_bytes(sizeof(double));
  return ok_ ? std::bit_cast<double>(get_big_endian<std::uint64_t>(bytes.data())) : 0.0;
}

BytesView StateReader::take_text() { return take_bytes(take_count()); }

BytesView StateReader::take_bytes(std::size_t size) {
  if (size > rest_.size()) {
    fail();
    return {};
  }
  const BytesView bytes = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return bytes;
}

std::size_t StateReader::take_count(std::size_t bytes_each) {
  const std::uint64_t count = take_unsigned();
  if (count <= rest_.size() / bytes_each) return static_cast<std::size_t>(count);
  fail();
  return 0;
}

}  // namespace weir::ml
