#include <weir/operators/regroup.h>

#include <cstdint>

#include <absl/status/statusor.h>

namespace weir {
namespace {

enum Shape : unsigned char { kRemoval = 0, kAddition = 1, kBoth = 2 };
constexpr unsigned char kWithLatest = 3;  // more than the shape without it

// Zigzag varints, as Kafka's ByteUtils.
void append_varint(std::int32_t value, Bytes& out) {
  auto rest = (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
  while (rest >= 0x80) {
    out.push_back(static_cast<char>(rest | 0x80));
    rest >>= 7;
  }
  out.push_back(static_cast<char>(rest));
}

// Takes a varint off the front. Returns -1 if there is none, or it is negative.
std::int64_t take_varint(BytesView& bytes) {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 32 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return (value & 1) != 0 ? -1 : static_cast<std::int64_t>(value >> 1);
  }
  return -1;
}

absl::Status malformed(const char* what) { return absl::InvalidArgumentError(what); }

}  // namespace

void append_group_change(BytesView now, BytesView before, Bytes& out) {
  append_varint(static_cast<std::int32_t>(now.size()), out);
  out.append(now);
  out.append(before);
  out.push_back(static_cast<char>(kBoth));
}

absl::StatusOr<GroupChangeParts> split_group_change(BytesView bytes) {
  if (bytes.empty()) return malformed("a change of a table is empty");
  auto shape = static_cast<unsigned char>(bytes.back());
  bytes.remove_suffix(1);
  if (shape >= kWithLatest && shape <= kBoth + kWithLatest) {
    if (bytes.empty()) return malformed("a change of a table is cut short");
    shape = static_cast<unsigned char>(shape - kWithLatest);
    bytes.remove_suffix(1);
  }
  switch (shape) {
    case kRemoval:
      return GroupChangeParts{std::nullopt, bytes};
    case kAddition:
      return GroupChangeParts{bytes, std::nullopt};
    case kBoth: {
      const std::int64_t size = take_varint(bytes);
      if (size < 0 || static_cast<std::uint64_t>(size) > bytes.size())
        return malformed("a change of a table is cut short");
      const auto length = static_cast<std::size_t>(size);
      return GroupChangeParts{bytes.substr(0, length), bytes.substr(length)};
    }
    default:
      return malformed("a change of a table is of a shape that is not known");
  }
}

}  // namespace weir
