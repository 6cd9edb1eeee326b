// The library of ONNX Runtime out of the wheel that ./dev test installs, and a model that only it scores.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "onnx/onnx_graph.h"

namespace weir::ml::testing {

// The library of the wheel, or nothing.
inline std::string library_of_wheel() {
  const std::filesystem::path folder = WEIR_ONNX_RUNTIME_WHEEL;
  if (!std::filesystem::exists(folder)) return "";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("libonnxruntime.so")) return entry.path().string();
  }
  return "";
}

// A convolution, which is not among the native operators: sums of neighbours.
inline std::string convolution_model() {
  return model(constant("one", {1}, std::vector<std::int64_t>{1}) +
                   constant("W", {1, 1, 2}, std::vector<float>{1, 1}) +
                   node("Unsqueeze", {"X", "one"}, {"a"}, "", "", "n1") +
                   node("Conv", {"a", "W"}, {"b"}, "", "", "n2") +
                   node("Squeeze", {"b", "one"}, {"Y"}, "", "", "n3"),
               3, {"Y"});
}

}  // namespace weir::ml::testing
