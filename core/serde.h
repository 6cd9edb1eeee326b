// How a type becomes bytes and comes back: the Serde<T> trait.
//
// A type is sent to a topic or kept in a store as its Serde says. To teach weir a type of your own, specialise it:
//
//   template <>
//   struct weir::Serde<Order> {
//     static constexpr std::string_view kFormat = "order-v1";
//     static constexpr bool kCanonical = true;
//     static void encode(const Order& order, weir::Bytes& out);
//     static absl::Status decode(weir::BytesView bytes, Order& order);
//   };
//
// For protobuf messages include <weir/core/protobuf_serde.h>, for JSON of a struct <weir/core/json_serde.h>.
//
//   kFormat     names the byte format; it is part of a store's fingerprint, so change it when the bytes change
//   kCanonical  whether equal values always have equal bytes and decode(bytes) gives back exactly these bytes; a key's
//               incoming bytes are then used again instead of encoding it
//   encode      appends to `out`, which may hold something already; cannot fail
//   decode      overwrites `out`; may reuse its memory; a failure says what is wrong with the bytes
//
// The formats of the built-in types are those of Kafka's own serializers: integers and floats big-endian, strings as
// they are, UUIDs as text left to the user.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>

namespace weir {

template <class T>
struct Serde;

// A type that has a Serde. If a program stops here, specialise weir::Serde for the named type.
template <class T>
concept Serializable = requires(const T& value, T& target, Bytes& out, BytesView bytes) {
  { Serde<T>::kFormat } -> std::convertible_to<std::string_view>;
  { Serde<T>::kCanonical } -> std::convertible_to<bool>;
  Serde<T>::encode(value, out);
  { Serde<T>::decode(bytes, target) } -> std::same_as<absl::Status>;
};

// Returns InvalidArgument: "expected 8 bytes, got 3".
[[nodiscard]] absl::Status wrong_size(std::size_t expected, std::size_t got);

// Writes and reads integers in network order.
template <std::integral T>
void put_big_endian(T value, Bytes& out) {
  char bytes[sizeof(T)];
  auto rest = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = sizeof(T); i-- > 0;) {
    bytes[i] = static_cast<char>(rest & 0xff);
    if constexpr (sizeof(T) > 1) rest >>= 8;
  }
  out.append(bytes, sizeof(T));
}

// Requires at least sizeof(T) bytes.
template <std::integral T>
[[nodiscard]] T get_big_endian(const char* bytes) {
  std::make_unsigned_t<T> value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    if constexpr (sizeof(T) > 1) value <<= 8;
    value = static_cast<std::make_unsigned_t<T>>(value | static_cast<unsigned char>(bytes[i]));
  }
  return static_cast<T>(value);
}

template <class T>
  requires(std::integral<T> && !std::same_as<T, bool> && (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8))
struct Serde<T> {
  static constexpr std::string_view kFormat = sizeof(T) == 2 ? "int16" : sizeof(T) == 4 ? "int32" : "int64";
  static constexpr bool kCanonical = true;
  static void encode(T value, Bytes& out) { put_big_endian(value, out); }
  static absl::Status decode(BytesView bytes, T& out) {
    if (bytes.size() != sizeof(T)) return wrong_size(sizeof(T), bytes.size());
    out = get_big_endian<T>(bytes.data());
    return absl::OkStatus();
  }
};

template <class T>
  requires(std::same_as<T, float> || std::same_as<T, double>)
struct Serde<T> {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  static constexpr std::string_view kFormat = sizeof(T) == 4 ? "float" : "double";
  static constexpr bool kCanonical = true;
  static void encode(T value, Bytes& out) { put_big_endian(std::bit_cast<Bits>(value), out); }
  static absl::Status decode(BytesView bytes, T& out) {
    if (bytes.size() != sizeof(T)) return wrong_size(sizeof(T), bytes.size());
    out = std::bit_cast<T>(get_big_endian<Bits>(bytes.data()));
    return absl::OkStatus();
  }
};

template <>
struct Serde<bool> {
  static constexpr std::string_view kFormat = "bool";
  static constexpr bool kCanonical = true;
  static void encode(bool value, Bytes& out) { out.push_back(value ? '\1' : '\0'); }
  static absl::Status decode(BytesView bytes, bool& out);
};

// Text or bytes, as they are. (Whether text is UTF-8 is between those who write and read it.)
template <>
struct Serde<std::string> {
  static constexpr std::string_view kFormat = "string";
  static constexpr bool kCanonical = true;
  static void encode(const std::string& value, Bytes& out) { out.append(value); }
  static absl::Status decode(BytesView bytes, std::string& out) {
    out.assign(bytes);
    return absl::OkStatus();
  }
};

// A view of the record's own bytes: no copy, for stateless verbs. Stores and anything that keeps a value ask for an owning
// type.
template <>
struct Serde<std::string_view> {
  static constexpr std::string_view kFormat = "string";
  static constexpr bool kCanonical = true;
  static void encode(std::string_view value, Bytes& out) { out.append(value); }
  static absl::Status decode(BytesView bytes, std::string_view& out) {
    out = bytes;
    return absl::OkStatus();
  }
};

template <>
struct Serde<std::vector<std::byte>> {
  static constexpr std::string_view kFormat = "bytes";
  static constexpr bool kCanonical = true;
  static void encode(const std::vector<std::byte>& value, Bytes& out) {
    out.append(reinterpret_cast<const char*>(value.data()), value.size());
  }
  static absl::Status decode(BytesView bytes, std::vector<std::byte>& out) {
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
    out.assign(first, first + bytes.size());
    return absl::OkStatus();
  }
};

// ------------------------------------------------------------------------------------------------------- nulls

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

namespace detail {
template <class T>
struct NonNullOf {
  using type = T;
};
template <class T>
struct NonNullOf<std::optional<T>> {
  using type = T;
};
}  // namespace detail

// T without its std::optional.
template <class T>
using NonNull = typename detail::NonNullOf<T>::type;

// A type that can be read from and written to a topic: serializable, or an optional of that (null is then a value).
template <class T>
concept Transportable = Serializable<NonNull<T>>;

// A type that owns its memory, so that a store may keep it.
template <class T>
concept Owning = !std::same_as<NonNull<T>, std::string_view>;

// Returns whether a value is null; a T that is not optional never is.
template <class T>
[[nodiscard]] constexpr bool is_null(const T& value) {
  if constexpr (kIsOptional<T>) {
    return !value.has_value();
  } else {
    return false;
  }
}

// Returns the value inside. Requires that it is not null.
template <class T>
[[nodiscard]] constexpr const NonNull<T>& non_null(const T& value) {
  if constexpr (kIsOptional<T>) {
    return *value;
  } else {
    return value;
  }
}

// Encodes a value that may be null into `buffer` and returns a view of it, or null.
template <Transportable T>
[[nodiscard]] NullableBytes encode_nullable(const T& value, Bytes& buffer) {
  if (is_null(value)) return std::nullopt;
  buffer.clear();
  Serde<NonNull<T>>::encode(non_null(value), buffer);
  return BytesView(buffer);
}

[[nodiscard]] absl::Status null_refused();

// Decodes bytes that may be null. A null where T has none is an error.
template <Transportable T>
[[nodiscard]] absl::Status decode_nullable(const NullableBytes& bytes, T& out) {
  if constexpr (kIsOptional<T>) {
    if (!bytes) {
      out.reset();
      return absl::OkStatus();
    }
    if (!out) out.emplace();
    return Serde<NonNull<T>>::decode(*bytes, *out);
  } else {
    if (!bytes) return null_refused();
    return Serde<T>::decode(*bytes, out);
  }
}

}  // namespace weir
