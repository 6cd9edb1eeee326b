// How a feature view reads a user's type: columns by name, each a member or a callable.
//
//   {"amount", &Payment::amount}          {"weekday", [](const Payment& payment) { return weekday_of(payment.time); }}
//
//   what the callable returns                            is, as a number        as a category
//   arithmetic, enum, bool                                itself                 its decimal text
//   std::string, string_view, const char*                 does not compile       itself
//   a contiguous range of float or double                 a vector               does not compile
//   std::optional of one of these                         missing when empty     missing when empty
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

#include <weir/core/serde.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/value.h>

namespace weir::ml {

// In place of a column that there is none of.
struct NoColumn {};

template <class F>
struct Column {
  std::string name;
  F read;
};
template <>
struct Column<NoColumn> {};

template <class F, class T>
using ReadBy = std::remove_cvref_t<std::invoke_result_t<const F&, const T&>>;

template <class R>
struct UnwrapRead {
  using Type = R;
};
template <class R>
struct UnwrapRead<std::optional<R>> {
  using Type = R;
};

template <class F, class T>
using ReadType = typename UnwrapRead<ReadBy<F, T>>::Type;

template <class R>
concept NumberLike = std::is_arithmetic_v<R> || std::is_enum_v<R>;
template <class R>
concept TextLike = std::convertible_to<const R&, std::string_view>;
template <class R>
concept VectorLike = !TextLike<R> && std::ranges::contiguous_range<const R> &&
                     std::floating_point<std::ranges::range_value_t<const R>>;

// A callable over T whose result can be a column of that kind.
template <class F, class T, ColumnKind kind>
concept ColumnOver =
    std::copy_constructible<F> && std::invocable<const F&, const T&> &&
    ((kind == ColumnKind::kNumber && NumberLike<ReadType<F, T>>) ||
     (kind == ColumnKind::kCategory && (NumberLike<ReadType<F, T>> || TextLike<ReadType<F, T>>)) ||
     (kind == ColumnKind::kVector && VectorLike<ReadType<F, T>>));

// What a value borrows where the record has it not.
struct ReadBuffer {
  std::string text;
  std::vector<double> numbers;
};

template <class T>
using ColumnReader = std::function<void(const T&, Value&, ReadBuffer&)>;

template <ColumnKind kind, class R>
void read_value(const R& result, bool lasting, Value& value, ReadBuffer& buffer) {
  value.null = false;
  if constexpr (kind == ColumnKind::kNumber) {
    value.number = static_cast<double>(result);
  } else if constexpr (kind == ColumnKind::kVector) {
    buffer.numbers.assign(std::ranges::begin(result), std::ranges::end(result));
    value.numbers = buffer.numbers;
  } else if constexpr (TextLike<R>) {
    const std::string_view text = result;
    if (!lasting) buffer.text.assign(text);
    value.text = lasting ? text : std::string_view(buffer.text);
  } else if constexpr (std::is_floating_point_v<R>) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof(digits), result).ptr;
    buffer.text.assign(digits, end);
    value.text = buffer.text;
    // For the view's policy about what is not finite.
    if (!std::isfinite(result)) value.number = static_cast<double>(result);
  } else {
    buffer.text = std::to_string(static_cast<long long>(result));
    value.text = buffer.text;
  }
}

template <class T, ColumnKind kind, class F>
  requires ColumnOver<F, T, kind>
[[nodiscard]] ColumnReader<T> column_reader(F read) {
  return [read = std::move(read)](const T& record, Value& value, ReadBuffer& buffer) {
    using Result = std::invoke_result_t<const F&, const T&>;
    // A reference leads into the record, which outlives the value.
    constexpr bool kLasting = std::is_reference_v<Result> || std::same_as<ReadType<F, T>, std::string_view>;
    Result&& result = std::invoke(read, record);
    value = {};
    if constexpr (!std::same_as<ReadBy<F, T>, ReadType<F, T>>) {
      if (result) read_value<kind>(*result, kLasting, value, buffer);
    } else {
      read_value<kind>(result, kLasting, value, buffer);
    }
  };
}

// Says whether two columns of one name are the same: the same callable, as far as one can tell.
template <class F>
[[nodiscard]] std::pair<std::type_index, std::string> identity_of(const F& read) {
  std::string bytes;
  if constexpr (std::is_member_pointer_v<F> || std::is_pointer_v<F>) {
    bytes.assign(reinterpret_cast<const char*>(&read), sizeof(read));
  }
  return {std::type_index(typeid(F)), std::move(bytes)};
}

}  // namespace weir::ml
