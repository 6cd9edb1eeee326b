// The 64-bit hashes that sketches of distinct things are fed with. The same on every platform and in every version: they are
// part of the state.
#pragma once

#include <cstdint>

#include <weir/core/bytes.h>

namespace weir::ml {

[[nodiscard]] std::uint64_t hash_of_bytes(BytesView bytes);

// Every bit of the number changes every bit of the hash; no two numbers have the same.
[[nodiscard]] std::uint64_t hash_of_integer(std::int64_t number);

// Zeros of both signs are one number, NaNs are one.
[[nodiscard]] std::uint64_t hash_of_number(double number);

}  // namespace weir::ml
