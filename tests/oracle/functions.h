// The functions that the catalogue's topologies are made of. Nulls are empty optionals.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/time.h>

namespace weir::oracle {

using Text = std::optional<std::string>;
using Long = std::optional<std::int64_t>;

// Decimal number, or the text itself, or "null".
[[nodiscard]] std::string show(const Text& text);
[[nodiscard]] std::string show(const Long& number);
[[nodiscard]] inline std::string show(const std::string& text) { return text; }
[[nodiscard]] inline std::string show(const char* text) { return text; }
[[nodiscard]] inline std::string show(std::int64_t number) { return std::to_string(number); }

template <class K, class V>
[[nodiscard]] std::string kv(const K& key, const V& value) {
  return show(key) + "=" + show(value);
}

template <class L, class R>
[[nodiscard]] std::string pair(const L& left, const R& right) {
  return show(left) + "+" + show(right);
}

template <class K, class L, class R>
[[nodiscard]] std::string pair_key(const K& key, const L& left, const R& right) {
  return show(key) + ":" + pair(left, right);
}

// The joiners as values, for verbs that join. Sides that may be missing are optionals.
inline constexpr auto kPair = [](const auto& left, const auto& right) { return pair(left, right); };

[[nodiscard]] bool even(const Long& number);
[[nodiscard]] std::string parity(const Long& number);  // "none", "even" or "odd"
[[nodiscard]] bool starts_with(const Text& text, const std::string& prefix);
[[nodiscard]] Text first_char(const Text& text);  // null for null and for the empty text
[[nodiscard]] Text upper(const Text& text);
[[nodiscard]] Text suffix(const Text& text, const std::string& end);
[[nodiscard]] std::vector<std::string> tokens(const Text& text);  // split at ",", without empty parts

// The last 48 characters.
[[nodiscard]] std::string tail(const std::string& text);
template <class V>
[[nodiscard]] std::string append(const std::string& aggregate, const V& value) {
  return tail(aggregate.empty() ? show(value) : aggregate + "," + show(value));
}
template <class V>
[[nodiscard]] std::string plus(const std::string& aggregate, const V& value) {
  return tail(aggregate + "+" + show(value));
}
template <class V>
[[nodiscard]] std::string minus(const std::string& aggregate, const V& value) {
  return tail(aggregate + "-" + show(value));
}
template <class A, class B>
[[nodiscard]] std::string concat(const A& a, const B& b) {
  return tail(show(a) + "," + show(b));
}
[[nodiscard]] std::string merge_sessions(const std::string& a, const std::string& b);

// Null counts as 0. Wrap around, as Java's long does.
[[nodiscard]] std::int64_t sum(const Long& a, const Long& b);
[[nodiscard]] std::int64_t diff(const Long& a, const Long& b);

// The part before "|"; null when there is none, or it is empty.
[[nodiscard]] Text fk(const Text& value);
// The number before "@", else -1.
[[nodiscard]] Timestamp embedded_ts(const Text& value);

}  // namespace weir::oracle
