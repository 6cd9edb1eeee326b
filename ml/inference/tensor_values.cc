#include <weir/ml/inference/tensor_values.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

namespace weir::ml {
namespace {

using Kind = DataType::Kind;
constexpr std::array kDataTypes{
    DataType{"BOOL", Kind::kBool, 1},       DataType{"UINT8", Kind::kUnsigned, 1},
    DataType{"UINT16", Kind::kUnsigned, 2}, DataType{"UINT32", Kind::kUnsigned, 4},
    DataType{"UINT64", Kind::kUnsigned, 8}, DataType{"INT8", Kind::kSigned, 1},
    DataType{"INT16", Kind::kSigned, 2},    DataType{"INT32", Kind::kSigned, 4},
    DataType{"INT64", Kind::kSigned, 8},    DataType{"FP16", Kind::kHalf, 2},
    DataType{"BF16", Kind::kBrain, 2},      DataType{"FP32", Kind::kFloat, 4},
    DataType{"FP64", Kind::kFloat, 8}};

std::uint64_t little_endian(BytesView bytes) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bits |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return bits;
}

// IEEE 754 binary16: a sign, five bits of exponent, ten of fraction.
double half(std::uint64_t bits) {
  const auto exponent = static_cast<int>(bits >> 10 & 0x1F);
  const auto fraction = static_cast<double>(bits & 0x3FF);
  double value = 0;
  if (exponent == 0x1F) {
    value = fraction == 0 ? HUGE_VAL : std::nan("");
  } else {
    value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

// To the nearest, ties to even; what is too large becomes an infinity.
std::uint64_t half_bits(double value) {
  const std::uint64_t sign = std::signbit(value) ? 0x8000 : 0;
  if (std::isnan(value)) return sign | 0x7E00;
  const double size = std::fabs(value);
  if (size >= 65520) return sign | 0x7C00;
  if (size < std::ldexp(1.0, -14))
    return sign | static_cast<std::uint64_t>(std::nearbyint(std::ldexp(size, 24)));
  int exponent = 0;
  const double fraction = std::frexp(size, &exponent);
  // A fraction that is rounded up to 2048 carries into the exponent by itself.
  const auto rounded = static_cast<std::uint64_t>(std::nearbyint(std::ldexp(fraction, 11)));
  return sign | ((static_cast<std::uint64_t>(exponent + 13) << 10) + rounded);
}

double value_of(const DataType& type, std::uint64_t bits) {
  switch (type.kind) {
    case Kind::kBool:
      return bits == 0 ? 0 : 1;
    case Kind::kUnsigned:
      return static_cast<double>(bits);
    case Kind::kSigned: {
      const std::size_t unused = 64 - 8 * type.bytes;
      return static_cast<double>(static_cast<std::int64_t>(bits << unused) >> unused);
    }
    case Kind::kHalf:
      return half(bits);
    case Kind::kBrain:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    case Kind::kFloat:
      return type.bytes == 4 ? std::bit_cast<float>(static_cast<std::uint32_t>(bits))
                             : std::bit_cast<double>(bits);
  }
  return 0;
}

std::uint64_t bits_of(const DataType& type, double value) {
  switch (type.kind) {
    case Kind::kBool:
      return value == 0 ? 0 : 1;
    case Kind::kUnsigned:
      return static_cast<std::uint64_t>(value);
    case Kind::kSigned:
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
    case Kind::kHalf:
      return half_bits(value);
    case Kind::kBrain: {
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
      if (std::isnan(value)) return bits >> 16 | 0x40;
      return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    }
    case Kind::kFloat:
      return type.bytes == 4 ? std::bit_cast<std::uint32_t>(static_cast<float>(value))
                             : std::bit_cast<std::uint64_t>(value);
  }
  return 0;
}

}  // namespace

const DataType* data_type(std::string_view name) {
  const auto* const found = std::find_if(kDataTypes.begin(), kDataTypes.end(),
                                         [name](const DataType& type) { return type.name == name; });
  return found == kDataTypes.end() ? nullptr : &*found;
}

absl::StatusOr<const DataType*> data_type_of(const InferenceTensor& tensor) {
  if (const DataType* type = data_type(tensor.datatype); type != nullptr) return type;
  return absl::InvalidArgumentError(
      fmt::format("tensor '{}': the datatype '{}' is {}", tensor.name, tensor.datatype,
                  tensor.datatype == "BYTES" ? "not one of numbers" : "unknown"));
}

absl::StatusOr<std::size_t> values_in(const InferenceTensor& tensor, const InferenceLimits& limits) {
  std::size_t values = 1;
  for (const std::int64_t size : tensor.shape) {
    if (size < 0)
      return absl::InvalidArgumentError(fmt::format("tensor '{}': a dimension of {}", tensor.name, size));
    const auto next = static_cast<std::size_t>(size);
    if (next != 0 && values > limits.values / next) {
      return absl::InvalidArgumentError(
          fmt::format("tensor '{}': its shape has more than {} values", tensor.name, limits.values));
    }
    values *= next;
  }
  if (tensor.shape.empty())
    return absl::InvalidArgumentError(fmt::format("tensor '{}': it has no shape", tensor.name));
  return values;
}

bool fits(const DataType& type, double value) {
  switch (type.kind) {
    case Kind::kBool:
      return value == 0 || value == 1;
    case Kind::kUnsigned:
      return value >= 0 && value < std::ldexp(1.0, static_cast<int>(8 * type.bytes)) &&
             std::trunc(value) == value;
    case Kind::kSigned: {
      const double end = std::ldexp(1.0, static_cast<int>(8 * type.bytes - 1));
      return value >= -end && value < end && std::trunc(value) == value;
    }
    default:
      return true;
  }
}

void read_values(const DataType& type, BytesView bytes, std::vector<double>& values) {
  values.reserve(values.size() + bytes.size() / type.bytes);
  for (std::size_t at = 0; at + type.bytes <= bytes.size(); at += type.bytes)
    values.push_back(value_of(type, little_endian(bytes.substr(at, type.bytes))));
}

void write_value(const DataType& type, double value, Bytes& out) {
  const std::uint64_t bits = bits_of(type, value);
  for (std::size_t i = 0; i < type.bytes; ++i) out.push_back(static_cast<char>(bits >> (8 * i) & 0xFF));
}

}  // namespace weir::ml
