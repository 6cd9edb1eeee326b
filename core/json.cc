#include <weir/core/json.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace weir {
namespace {

constexpr std::size_t kShownBytesMax = 40;  // of a foreign string or number in a message

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Returns the length of the valid UTF-8 sequence at `at`, 0 if there is none. Requires at < end.
std::size_t utf8_length(const char* at, const char* end) {
  const auto byte = [at](std::size_t i) { return static_cast<unsigned char>(at[i]); };
  const auto left = static_cast<std::size_t>(end - at);
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;  // a continuation, or an overlong form
  if (lead < 0xe0) return left >= 2 && continues(1) ? 2 : 0;
  if (lead < 0xf0) {
    if (left < 3 || !continues(1) || !continues(2)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;   // overlong
    if (lead == 0xed && byte(1) >= 0xa0) return 0;  // a surrogate
    return 3;
  }
  if (lead > 0xf4 || left < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;   // overlong
  if (lead == 0xf4 && byte(1) >= 0x90) return 0;  // beyond U+10FFFF
  return 4;
}

void append_utf8(std::uint32_t code, std::string& out) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

void append_quoted(std::string_view text, std::string& out) {
  out.push_back('"');
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    const char* const run = at;
    while (at != end && static_cast<unsigned char>(*at) >= 0x20 && static_cast<unsigned char>(*at) < 0x80 &&
           *at != '"' && *at != '\\') {
      ++at;
    }
    out.append(run, at);
    if (at == end) break;
    const char c = *at;
    if (static_cast<unsigned char>(c) >= 0x80) {
      const std::size_t length = utf8_length(at, end);
      if (length == 0) {
        out.append("\xef\xbf\xbd");
        ++at;
      } else {
        out.append(at, length);
        at += length;
      }
      continue;
    }
    ++at;
    switch (c) {
      case '"': out.append("\\\""); break;
      case '\\': out.append("\\\\"); break;
      case '\n': out.append("\\n"); break;
      case '\r': out.append("\\r"); break;
      case '\t': out.append("\\t"); break;
      case '\b': out.append("\\b"); break;
      case '\f': out.append("\\f"); break;
      default: {
        constexpr char kHex[] = "0123456789abcdef";
        const char escape[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 0xf]};
        out.append(escape, sizeof escape);
      }
    }
  }
  out.push_back('"');
}

// Returns the text in quotes, cut to a length fit for a message.
std::string shown(std::string_view text) {
  std::size_t length = text.size();
  if (length > kShownBytesMax) {
    length = kShownBytesMax;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  }
  std::string quoted;
  append_quoted(text.substr(0, length), quoted);
  if (length < text.size()) quoted.append("...");
  return quoted;
}

std::string shown_number(std::string_view token) {
  if (token.size() <= kShownBytesMax) return std::string(token);
  return std::string(token.substr(0, kShownBytesMax)) + "...";
}

std::string shown_byte(char c) {
  if (c > 0x20 && c < 0x7f) return fmt::format("'{}'", c);
  return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(c));
}

// Returns whether a number token that from_chars found out of range is a small one: then it rounds to zero.
bool is_tiny(std::string_view token) {
  constexpr std::int64_t kFar = 1'000'000'000;
  std::int64_t exponent = 0;
  const std::size_t e = token.find_first_of("eE");
  if (e != std::string_view::npos) {
    std::string_view digits = token.substr(e + 1);
    const bool negative = digits.front() == '-';
    if (negative || digits.front() == '+') digits.remove_prefix(1);
    for (const char digit : digits) exponent = exponent > kFar ? exponent : exponent * 10 + (digit - '0');
    if (negative) exponent = -exponent;
    token = token.substr(0, e);
  }
  if (token.front() == '-') token.remove_prefix(1);
  std::int64_t before_point = 0;
  std::int64_t leading_zeros = 0;
  bool point = false;
  bool significant = false;
  for (const char c : token) {
    if (c == '.') {
      point = true;
      continue;
    }
    significant = significant || c != '0';
    if (!significant) ++leading_zeros;
    if (!point) ++before_point;
  }
  return !significant || before_point - leading_zeros + exponent < 0;
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || name.size() > kShownBytesMax || is_digit(name.front())) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !is_digit(c) && c != '_') return false;
  }
  return true;
}

}  // namespace

// ---------------------------------------------------------------------------------------------------- reader

JsonReader::JsonReader(BytesView text, JsonLimits limits)
    : begin_(text.data()), end_(text.data() + text.size()), depth_max_(limits.depth), at_(begin_) {
  if (text.size() > limits.bytes) {
    fail(fmt::format("{} bytes where at most {} are read", text.size(), limits.bytes));
  }
}

bool JsonReader::fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
  return false;
}

bool JsonReader::fail_at(const char* where, const std::string& complaint) {
  return fail(fmt::format("not JSON: {} at byte {}", complaint, where - begin_));
}

bool JsonReader::fail_unexpected() {
  if (at_ == end_) return fail_at(at_, "unexpected end");
  return fail_at(at_, "unexpected " + shown_byte(*at_));
}

// Says what came instead; if that is not even JSON, says so.
bool JsonReader::fail_expected(const std::string& what) {
  if (failed()) return false;
  std::string got;
  const char next = peek();
  if (next == '"') {
    std::string_view value;
    std::string buffer;
    if (!take_string(value, buffer)) return false;
    got = shown(value);
  } else if (next == '-' || is_digit(next)) {
    std::string_view token;
    if (!take_number(token)) return false;
    got = shown_number(token);
  } else if (next == '{') {
    got = "an object";
  } else if (next == '[') {
    got = "an array";
  } else {
    got = next == 't' ? "true" : next == 'f' ? "false" : "null";
    if (!take_literal(got)) return fail_unexpected();
  }
  return fail(fmt::format("expected {}, got {}", what, got));
}

bool JsonReader::in_member(std::string_view name) {
  if (is_plain_name(name)) {
    path_.insert(0, fmt::format(".{}", name));
  } else {
    path_.insert(0, fmt::format("[{}]", shown(name)));
  }
  return false;
}

bool JsonReader::in_element(std::size_t index) {
  path_.insert(0, fmt::format("[{}]", index));
  return false;
}

absl::Status JsonReader::finish() {
  if (!failed()) {
    skip_space();
    if (at_ == end_) return absl::OkStatus();
    fail_unexpected();
  }
  return absl::InvalidArgumentError(fmt::format("${}: {}", path_, error_));
}

void JsonReader::skip_space() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
}

bool JsonReader::take_literal(std::string_view literal) {
  if (static_cast<std::size_t>(end_ - at_) < literal.size()) return false;
  if (std::string_view(at_, literal.size()) != literal) return false;
  at_ += literal.size();
  return true;
}

bool JsonReader::take_number(std::string_view& token) {
  const char* const start = at_;
  const auto take_digits = [this] {
    if (at_ == end_ || !is_digit(*at_)) return fail_unexpected();
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return true;
  };
  if (at_ != end_ && *at_ == '-') ++at_;
  if (at_ != end_ && *at_ == '0') {
    ++at_;
  } else if (!take_digits()) {
    return false;
  }
  if (at_ != end_ && *at_ == '.') {
    ++at_;
    if (!take_digits()) return false;
  }
  if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (!take_digits()) return false;
  }
  token = std::string_view(start, static_cast<std::size_t>(at_ - start));
  return true;
}

// Takes a string, as a view of the text if it has no escapes, else of `buffer`. Requires a quote at `at_`.
bool JsonReader::take_string(std::string_view& value, std::string& buffer) {
  ++at_;
  const char* run = at_;
  bool escaped = false;
  while (true) {
    if (at_ == end_) return fail_unexpected();
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') break;
    if (c == '\\') {
      if (!escaped) buffer.clear();
      escaped = true;
      buffer.append(run, at_);
      ++at_;
      if (!take_escape(buffer)) return false;
      run = at_;
    } else if (c < 0x20) {
      return fail_unexpected();
    } else if (c < 0x80) {
      ++at_;
    } else {
      const std::size_t length = utf8_length(at_, end_);
      if (length == 0) return fail_at(at_, "invalid UTF-8");
      at_ += length;
    }
  }
  if (escaped) {
    buffer.append(run, at_);
    value = buffer;
  } else {
    value = std::string_view(run, static_cast<std::size_t>(at_ - run));
  }
  ++at_;
  return true;
}

bool JsonReader::take_escape(std::string& buffer) {
  if (at_ == end_) return fail_unexpected();
  switch (*at_) {
    case '"': buffer.push_back('"'); break;
    case '\\': buffer.push_back('\\'); break;
    case '/': buffer.push_back('/'); break;
    case 'b': buffer.push_back('\b'); break;
    case 'f': buffer.push_back('\f'); break;
    case 'n': buffer.push_back('\n'); break;
    case 'r': buffer.push_back('\r'); break;
    case 't': buffer.push_back('\t'); break;
    case 'u': {
      const char* const escape = at_ - 1;
      ++at_;
      std::uint32_t code = 0;
      if (!take_four_hex_digits(code)) return false;
      if (code >= 0xd800 && code < 0xdc00) {
        std::uint32_t low = 0;
        if (!take_literal("\\u")) return fail_at(escape, "half a surrogate pair");
        if (!take_four_hex_digits(low)) return false;
        if (low < 0xdc00 || low > 0xdfff) return fail_at(escape, "half a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      } else if (code >= 0xdc00 && code <= 0xdfff) {
        return fail_at(escape, "half a surrogate pair");
      }
      append_utf8(code, buffer);
      return true;
    }
    default: return fail_unexpected();
  }
  ++at_;
  return true;
}

bool JsonReader::take_four_hex_digits(std::uint32_t& value) {
  value = 0;
  for (int i = 0; i < 4; ++i) {
    if (at_ == end_) return fail_unexpected();
    const char c = *at_;
    std::uint32_t digit = 0;
    if (is_digit(c)) {
      digit = static_cast<std::uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<std::uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<std::uint32_t>(c - 'A' + 10);
    } else {
      return fail_unexpected();
    }
    value = value << 4 | digit;
    ++at_;
  }
  return true;
}

bool JsonReader::take_null() {
  if (failed()) return false;
  skip_space();
  return take_literal("null");
}

char JsonReader::peek() {
  skip_space();
  return at_ == end_ ? '\0' : *at_;
}

bool JsonReader::next_is_number() {
  const char next = peek();
  return next == '-' || is_digit(next);
}

bool JsonReader::read_bool(bool& out) {
  if (failed()) return false;
  skip_space();
  if (take_literal("true")) {
    out = true;
  } else if (take_literal("false")) {
    out = false;
  } else {
    return fail_expected("true or false");
  }
  return true;
}

bool JsonReader::read_string(std::string& out) {
  if (failed()) return false;
  if (peek() != '"') return fail_expected("a string");
  std::string_view value;
  if (!take_string(value, out)) return false;
  if (value.data() != out.data()) out.assign(value);
  return true;
}

template <class T>
bool JsonReader::read_floating(T& out, const char* what) {
  if (failed()) return false;
  if (!next_is_number()) return fail_expected("a number");
  std::string_view token;
  if (!take_number(token)) return false;
  T value = 0;
  const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
  if (result.ec == std::errc::result_out_of_range || !std::isfinite(value)) {
    if (!is_tiny(token)) {
      return fail(fmt::format("expected a number that fits {}, got {}", what, shown_number(token)));
    }
    value = token.front() == '-' ? -T{0} : T{0};
  }
  out = value;
  return true;
}

bool JsonReader::read_float(float& out) { return read_floating(out, "a float"); }

bool JsonReader::read_double(double& out) { return read_floating(out, "a double"); }

bool JsonReader::read_signed(std::int64_t min, std::int64_t max, std::int64_t& out) {
  if (failed()) return false;
  if (!next_is_number()) return fail_expected("an integer");
  std::string_view token;
  if (!take_number(token)) return false;
  const char* const end = token.data() + token.size();
  const auto result = std::from_chars(token.data(), end, out);
  if (result.ec == std::errc() && result.ptr == end && out >= min && out <= max) return true;
  return fail(fmt::format("expected an integer from {} to {}, got {}", min, max, shown_number(token)));
}

bool JsonReader::read_unsigned(std::uint64_t max, std::uint64_t& out) {
  if (failed()) return false;
  if (!next_is_number()) return fail_expected("an integer");
  std::string_view token;
  if (!take_number(token)) return false;
  const char* const end = token.data() + token.size();
  const auto result = std::from_chars(token.data(), end, out);
  if (result.ec == std::errc() && result.ptr == end && out <= max) return true;
  return fail(fmt::format("expected an integer from 0 to {}, got {}", max, shown_number(token)));
}

bool JsonReader::read_choice(const std::string_view* names, std::size_t count, std::size_t& choice) {
  if (failed()) return false;
  const auto expected = [&] {
    std::string list = "one of";
    for (std::size_t i = 0; i < count; ++i) list += (i == 0 ? " " : ", ") + shown(names[i]);
    return list;
  };
  if (peek() != '"') return fail_expected(expected());
  std::string_view value;
  std::string buffer;
  if (!take_string(value, buffer)) return false;
  for (choice = 0; choice < count; ++choice) {
    if (names[choice] == value) return true;
  }
  return fail(fmt::format("expected {}, got {}", expected(), shown(value)));
}

bool JsonReader::enter() {
  if (depth_ == depth_max_) return fail(fmt::format("nested deeper than {}", depth_max_));
  ++depth_;
  ++at_;
  first_ = true;
  return true;
}

bool JsonReader::begin_object() {
  if (failed()) return false;
  if (peek() != '{') return fail_expected("an object");
  return enter();
}

bool JsonReader::next_member(std::string_view& name) {
  if (failed()) return false;
  skip_space();
  if (at_ != end_ && *at_ == '}') {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_) {
    if (!take_literal(",")) return fail_unexpected();
    skip_space();
  }
  first_ = false;
  if (at_ == end_ || *at_ != '"') return fail_unexpected();
  if (!take_string(name, name_)) return false;
  skip_space();
  if (!take_literal(":")) return fail_unexpected();
  return true;
}

bool JsonReader::begin_array() {
  if (failed()) return false;
  if (peek() != '[') return fail_expected("an array");
  return enter();
}

bool JsonReader::next_element() {
  if (failed()) return false;
  skip_space();
  if (at_ != end_ && *at_ == ']') {
    ++at_;
    --depth_;
    first_ = false;
    return false;
  }
  if (!first_ && !take_literal(",")) return fail_unexpected();
  first_ = false;
  return true;
}

bool JsonReader::skip_value() {
  if (failed()) return false;
  const char next = peek();
  std::string_view view;
  if (next == '{') {
    if (!enter()) return false;
    while (next_member(view)) {
      if (!skip_value()) return false;
    }
    return !failed();
  }
  if (next == '[') {
    if (!enter()) return false;
    while (next_element()) {
      if (!skip_value()) return false;
    }
    return !failed();
  }
  if (next == '"') return take_string(view, name_);
  if (next == '-' || is_digit(next)) return take_number(view);
  if (take_literal("null") || take_literal("true") || take_literal("false")) return true;
  return fail_unexpected();
}

// ---------------------------------------------------------------------------------------------------- writer

void JsonWriter::before_value() {
  if (comma_due_) out_.push_back(',');
  comma_due_ = true;
}

void JsonWriter::write_null() {
  before_value();
  out_.append("null");
}

void JsonWriter::write_bool(bool value) {
  before_value();
  out_.append(value ? "true" : "false");
}

void JsonWriter::write_string(std::string_view value) {
  before_value();
  append_quoted(value, out_);
}

namespace {

// The longest are shortest-form doubles such as -1.7976931348623157e+308 (24 bytes).
template <class T>
void append_number(T value, std::string& out) {
  std::array<char, 32> digits;
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), result.ptr);
}

}  // namespace

void JsonWriter::write_float(float value) {
  if (!std::isfinite(value)) return write_null();
  before_value();
  append_number(value, out_);
}

void JsonWriter::write_double(double value) {
  if (!std::isfinite(value)) return write_null();
  before_value();
  append_number(value, out_);
}

void JsonWriter::write_signed(std::int64_t value) {
  before_value();
  append_number(value, out_);
}

void JsonWriter::write_unsigned(std::uint64_t value) {
  before_value();
  append_number(value, out_);
}

void JsonWriter::begin_object() {
  before_value();
  out_.push_back('{');
  comma_due_ = false;
}

void JsonWriter::member(std::string_view name) {
  before_value();
  append_quoted(name, out_);
  out_.push_back(':');
  comma_due_ = false;
}

void JsonWriter::end_object() {
  out_.push_back('}');
  comma_due_ = true;
}

void JsonWriter::begin_array() {
  before_value();
  out_.push_back('[');
  comma_due_ = false;
}

void JsonWriter::end_array() {
  out_.push_back(']');
  comma_due_ = true;
}

// --------------------------------------------------------------------------------------------------- objects

bool read_json_object(JsonReader& reader, void* object, const JsonMember* members, std::size_t count) {
  if (!reader.begin_object()) return false;
  std::array<bool, kJsonMembersMax> seen;
  std::fill_n(seen.begin(), count, false);
  std::size_t likely = 0;  // most writers keep the order of the fields
  std::string_view name;
  while (reader.next_member(name)) {
    std::size_t index = likely;
    if (index >= count || members[index].name != name) {
      index = 0;
      while (index < count && members[index].name != name) ++index;
    }
    if (index == count) {
      if (!reader.skip_value()) return false;
      continue;
    }
    const JsonMember& member = members[index];
    if (seen[index]) {
      reader.fail("the field is there twice");
      return reader.in_member(member.name);
    }
    seen[index] = true;
    likely = index + 1;
    if (!member.read(reader, object)) return reader.in_member(member.name);
  }
  if (reader.failed()) return false;
  for (std::size_t i = 0; i < count; ++i) {
    if (seen[i] || !members[i].required) continue;
    reader.fail("the field is missing");
    return reader.in_member(members[i].name);
  }
  return true;
}

void write_json_object(JsonWriter& writer, const void* object, const JsonMember* members, std::size_t count) {
  writer.begin_object();
  for (std::size_t i = 0; i < count; ++i) members[i].write(writer, members[i].name, object);
  writer.end_object();
}

}  // namespace weir
