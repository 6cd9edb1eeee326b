// Constants of an ONNX graph: plain numbers or texts with a shape. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace weir::ml::onnx::wire {
class Tensor;
}

namespace weir::ml::onnx {

// What a value is made of. Whatever it is, it is held in doubles: a float, a bool and an integer up to 2^53 fit, and a
// text is held as its number in a list of texts that is known when the model is loaded.
enum class Element { kFloat, kDouble, kInteger, kBool, kText };

using Shape = std::vector<std::int64_t>;

struct Tensor {
  Element element = Element::kFloat;
  Shape shape;
  std::vector<double> numbers;     // of a kText: 0, 1, 2, ...
  std::vector<std::string> texts;  // of a kText
};

// Returns the element that ONNX has this number for, or UNIMPLEMENTED.
[[nodiscard]] absl::StatusOr<Element> element_from(std::int64_t number);

// Returns a tensor with as many elements as its shape says; INVALID_ARGUMENT if it has others, or integers beyond 2^53,
// UNIMPLEMENTED for other elements and for tensors outside of the file.
[[nodiscard]] absl::StatusOr<Tensor> read_tensor(const wire::Tensor& tensor);

// Returns how many elements a shape has, all of whose dimensions are known.
[[nodiscard]] std::size_t elements_of(const Shape& shape);

}  // namespace weir::ml::onnx
