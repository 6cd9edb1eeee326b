#include <weir/ml/features/key_sample.h>

#include <cmath>

#include <weir/ml/sketches/sketch_hash.h>

namespace weir::ml {

bool KeySample::has(BytesView key) const {
  if (share >= 1) return true;
  constexpr int kHashBits = 53;  // what a double holds
  // Mixed twice: salts next to each other choose independently.
  const auto salted = hash_of_bytes(key) ^ hash_of_integer(static_cast<std::int64_t>(salt));
  const std::uint64_t hash = hash_of_integer(static_cast<std::int64_t>(salted));
  return std::ldexp(static_cast<double>(hash >> (64 - kHashBits)), -kHashBits) < share;
}

}  // namespace weir::ml
