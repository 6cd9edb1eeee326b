#include <weir/ml/sketches/sketch_codec.h>

#include <algorithm>

#include <fmt/format.h>

namespace weir::ml {

bool SketchReader::refuse(std::string_view what) {
  if (fault_.empty()) fault_ = what;
  left_ = BytesView();
  return false;
}

unsigned char SketchReader::byte() {
  if (left_.empty()) {
    refuse("it ends too soon");
    return 0;
  }
  const auto first = static_cast<unsigned char>(left_.front());
  left_.remove_prefix(1);
  return first;
}

std::uint64_t SketchReader::whole() {
  std::uint64_t number = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const unsigned char next = byte();
    const std::uint64_t part = next & 0x7f;
    if (shift == 63 && part > 1) break;
    number |= part << shift;
    if ((next & 0x80) != 0) continue;
    if (next == 0 && shift > 0) break;
    return number;
  }
  refuse("a number is not as it is written");
  return 0;
}

std::int64_t SketchReader::zigzag() {
  const std::uint64_t number = whole();
  return static_cast<std::int64_t>(number >> 1 ^ (~(number & 1) + 1));
}

double SketchReader::number() {
  const BytesView read = bytes(sizeof(double));
  return read.empty() ? 0 : std::bit_cast<double>(get_big_endian<std::uint64_t>(read.data()));
}

BytesView SketchReader::bytes(std::size_t size) {
  if (size > left_.size()) {
    refuse("it ends too soon");
    return {};
  }
  const BytesView read = left_.substr(0, size);
  left_.remove_prefix(size);
  return read;
}

std::size_t SketchReader::count(std::size_t bytes_each, std::size_t most) {
  const std::uint64_t count = whole();
  if (count > most || count > left_.size() / std::max<std::size_t>(bytes_each, 1)) {
    refuse("it has more parts than it may");
    return 0;
  }
  return static_cast<std::size_t>(count);
}

absl::Status SketchReader::finish(std::string_view name) {
  if (fault_.empty() && !left_.empty()) refuse("there are bytes after it");
  if (fault_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("{}: {}", name, fault_));
}

}  // namespace weir::ml
