// What a run of a test is told from outside.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace weir {

// Returns a number from the environment, or `otherwise`.
inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

}  // namespace weir
