#include <weir/core/partitioner.h>

namespace weir {
namespace {

constexpr std::uint32_t kSeed = 0x9747b28cU;
constexpr std::uint32_t kMultiplier = 0x5bd1e995U;
constexpr int kShift = 24;

std::uint32_t byte_at(BytesView bytes, std::size_t index) { return static_cast<unsigned char>(bytes[index]); }

}  // namespace

std::uint32_t murmur2(BytesView key) {
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(key.size());
  const std::size_t whole = key.size() & ~std::size_t{3};
  for (std::size_t at = 0; at < whole; at += 4) {
    // Little endian by definition of the hash, whatever the machine is.
    std::uint32_t word = byte_at(key, at) | byte_at(key, at + 1) << 8 | byte_at(key, at + 2) << 16 |
                         byte_at(key, at + 3) << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash *= kMultiplier;
    hash ^= word;
  }
  const std::size_t rest = key.size() - whole;
  if (rest >= 3) hash ^= byte_at(key, whole + 2) << 16;
  if (rest >= 2) hash ^= byte_at(key, whole + 1) << 8;
  if (rest >= 1) {
    hash ^= byte_at(key, whole);
    hash *= kMultiplier;
  }
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

}  // namespace weir
