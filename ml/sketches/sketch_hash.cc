#include <weir/ml/sketches/sketch_hash.h>

#include <bit>
#include <cmath>

#include <weir/operators/murmur3.h>

namespace weir::ml {
namespace {

constexpr std::uint64_t kOneNan = 0x7ff8000000000000;

}  // namespace

std::uint64_t hash_of_bytes(BytesView bytes) { return murmur3(bytes).first; }

// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
std::uint64_t hash_of_integer(std::int64_t number) {
  auto bits = static_cast<std::uint64_t>(number) + 0x9e3779b97f4a7c15;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
  return bits ^ bits >> 31;
}

std::uint64_t hash_of_number(double number) {
  if (std::isnan(number)) return hash_of_integer(static_cast<std::int64_t>(kOneNan));
  return hash_of_integer(std::bit_cast<std::int64_t>(number == 0 ? 0.0 : number));
}

}  // namespace weir::ml
