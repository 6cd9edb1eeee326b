// Constants, and the ways in which the format writes them.
#include <weir/ml/onnx/tensor.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include <weir/ml/onnx/wire.pb.h>

namespace weir::ml::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "raw tensors are little-endian");

constexpr std::int64_t kMostElements = std::int64_t{1} << 31;
constexpr double kLargestInteger = 9007199254740992.0;

template <class Number>
bool read_raw(const std::string& raw, std::size_t count, std::vector<double>& numbers) {
  if (raw.size() != count * sizeof(Number)) return false;
  numbers.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    Number number;
    std::memcpy(&number, raw.data() + i * sizeof(Number), sizeof(Number));
    numbers[i] = static_cast<double>(number);
  }
  return true;
}

template <class Field>
bool read_field(const Field& field, std::size_t count, std::vector<double>& numbers) {
  if (static_cast<std::size_t>(field.size()) != count) return false;
  numbers.assign(field.begin(), field.end());
  return true;
}

bool read_numbers(const wire::Tensor& tensor, std::size_t count, std::vector<double>& numbers) {
  switch (tensor.element()) {
    case 1:
      return tensor.has_raw() ? read_raw<float>(tensor.raw(), count, numbers)
                              : read_field(tensor.floats(), count, numbers);
    case 6:
      return tensor.has_raw() ? read_raw<std::int32_t>(tensor.raw(), count, numbers)
                              : read_field(tensor.int32s(), count, numbers);
    case 7:
      return tensor.has_raw() ? read_raw<std::int64_t>(tensor.raw(), count, numbers)
                              : read_field(tensor.int64s(), count, numbers);
    case 2:  // bytes without a sign, and truth values
    case 9:
      return tensor.has_raw() ? read_raw<std::uint8_t>(tensor.raw(), count, numbers)
                              : read_field(tensor.int32s(), count, numbers);
    default:
      return tensor.has_raw() ? read_raw<double>(tensor.raw(), count, numbers)
                              : read_field(tensor.doubles(), count, numbers);
  }
}

}  // namespace

absl::StatusOr<Element> element_from(std::int64_t number) {
  switch (number) {
    case 1:
      return Element::kFloat;
    case 2:
    case 6:
    case 7:
      return Element::kInteger;
    case 8:
      return Element::kText;
    case 9:
      return Element::kBool;
    case 11:
      return Element::kDouble;
    default:
      return absl::UnimplementedError(
          fmt::format("elements of ONNX's type {} are not supported: float, double, int32, int64, bool and "
                      "string are",
                      number));
  }
}

std::size_t elements_of(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t dimension : shape) count *= static_cast<std::size_t>(dimension);
  return count;
}

absl::StatusOr<Tensor> read_tensor(const wire::Tensor& tensor) {
  if (tensor.external_size() > 0 || tensor.location() != 0) {
    return absl::UnimplementedError("a tensor outside of the file is not supported");
  }
  Tensor read;
  const absl::StatusOr<Element> element = element_from(tensor.element());
  if (!element.ok()) return element.status();
  read.element = *element;
  std::int64_t count = 1;
  for (const std::int64_t dimension : tensor.dimensions()) {
    if (dimension < 0 || dimension > kMostElements || count * dimension > kMostElements) {
      return absl::InvalidArgumentError(fmt::format("a tensor has a dimension of {}", dimension));
    }
    count *= dimension;
    read.shape.push_back(dimension);
  }
  const auto expected = static_cast<std::size_t>(count);
  const absl::Status wrong =
      absl::InvalidArgumentError(fmt::format("a tensor has not the {} elements of its shape", count));
  if (read.element == Element::kText) {
    if (static_cast<std::size_t>(tensor.texts_size()) != expected) return wrong;
    read.texts.assign(tensor.texts().begin(), tensor.texts().end());
    for (std::size_t i = 0; i < expected; ++i) read.numbers.push_back(static_cast<double>(i));
    return read;
  }
  if (!read_numbers(tensor, expected, read.numbers)) return wrong;
  if (read.element == Element::kInteger) {
    for (const double number : read.numbers) {
      if (std::abs(number) >= kLargestInteger) {
        return absl::InvalidArgumentError(fmt::format("the integer {} is not within 2^53", number));
      }
    }
  }
  return read;
}

}  // namespace weir::ml::onnx
