#include <weir/operators/murmur3.h>

#include <bit>

namespace weir {
namespace {

constexpr std::uint64_t kSeed = 104729;
constexpr std::uint64_t kFirst = 0x87c37b91114253d5;
constexpr std::uint64_t kSecond = 0x4cf5ad432745937f;
constexpr std::size_t kBlock = 16;

// Reads up to eight bytes, the lowest first.
std::uint64_t little_endian(BytesView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::uint64_t mixed_first(std::uint64_t part) { return std::rotl(part * kFirst, 31) * kSecond; }
std::uint64_t mixed_second(std::uint64_t part) { return std::rotl(part * kSecond, 33) * kFirst; }

std::uint64_t finished(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

}  // namespace

Hash128 murmur3(BytesView bytes) {
  std::uint64_t first = kSeed;
  std::uint64_t second = kSeed;
  BytesView rest = bytes;
  for (; rest.size() >= kBlock; rest.remove_prefix(kBlock)) {
    first ^= mixed_first(little_endian(rest.substr(0, 8)));
    first = (std::rotl(first, 27) + second) * 5 + 0x52dce729;
    second ^= mixed_second(little_endian(rest.substr(8, 8)));
    second = (std::rotl(second, 31) + first) * 5 + 0x38495ab5;
  }
  if (rest.size() > 8) second ^= mixed_second(little_endian(rest.substr(8)));
  first ^= mixed_first(little_endian(rest.substr(0, 8)));
  first ^= bytes.size();
  second ^= bytes.size();
  first += second;
  second += first;
  first = finished(first);
  second = finished(second);
  first += second;
  second += first;
  return {first, second};
}

}  // namespace weir
