// Floats as doubles and doubles as floats, many at a time. Internal to the room.
#pragma once

#include <cstddef>

namespace weir::ml::onnx {

// Converts `count` numbers. Those of a group, whose size compilers know, they convert by a few instructions.
template <class From, class To>
void convert(const From* from, std::size_t count, To* to) {
  constexpr std::size_t kGroup = 8;
  std::size_t i = 0;
  for (; i + kGroup <= count; i += kGroup) {
    To group[kGroup];
    for (std::size_t j = 0; j < kGroup; ++j) group[j] = static_cast<To>(from[i + j]);
    for (std::size_t j = 0; j < kGroup; ++j) to[i + j] = group[j];
  }
  for (; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

}  // namespace weir::ml::onnx
