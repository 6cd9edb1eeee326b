#include "oracle/functions.h"

#include <charconv>

namespace weir::oracle {
namespace {

constexpr std::size_t kTail = 48;

std::int64_t wrapped(std::uint64_t number) { return static_cast<std::int64_t>(number); }
std::uint64_t bits(const Long& number) { return static_cast<std::uint64_t>(number.value_or(0)); }

}  // namespace

std::string show(const Text& text) { return text ? *text : "null"; }
std::string show(const Long& number) { return number ? std::to_string(*number) : "null"; }

bool even(const Long& number) { return number && *number % 2 == 0; }

std::string parity(const Long& number) {
  if (!number) return "none";
  return even(number) ? "even" : "odd";
}

bool starts_with(const Text& text, const std::string& prefix) { return text && text->starts_with(prefix); }

Text first_char(const Text& text) { return text && !text->empty() ? Text(text->substr(0, 1)) : std::nullopt; }

Text upper(const Text& text) {
  if (!text) return std::nullopt;
  std::string result = *text;
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

Text suffix(const Text& text, const std::string& end) { return text ? Text(*text + end) : std::nullopt; }

std::vector<std::string> tokens(const Text& text) {
  std::vector<std::string> parts;
  if (!text) return parts;
  for (std::size_t from = 0; from <= text->size();) {
    const std::size_t to = std::min(text->find(',', from), text->size());
    if (to > from) parts.push_back(text->substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::string tail(const std::string& text) {
  return text.size() <= kTail ? text : text.substr(text.size() - kTail);
}

std::string merge_sessions(const std::string& a, const std::string& b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return tail(a + "|" + b);
}

std::int64_t sum(const Long& a, const Long& b) { return wrapped(bits(a) + bits(b)); }
std::int64_t diff(const Long& a, const Long& b) { return wrapped(bits(a) - bits(b)); }

Text fk(const Text& value) {
  if (!value) return std::nullopt;
  const std::size_t bar = value->find('|');
  return bar == std::string::npos || bar == 0 ? std::nullopt : Text(value->substr(0, bar));
}

Timestamp embedded_ts(const Text& value) {
  if (!value) return -1;
  const std::size_t at = value->find('@');
  if (at == std::string::npos) return -1;
  Timestamp number = -1;
  const auto [end, error] = std::from_chars(value->data(), value->data() + at, number);
  return error == std::errc() && end == value->data() + at ? number : -1;
}

}  // namespace weir::oracle
