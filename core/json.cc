#include <weir/core/json.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

#include <absl/strings/numbers.h>
#include <fmt/format.h>
#include <rapidjson/encodings.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/writer.h>

namespace weir {
namespace {

constexpr std::size_t kShownBytesMax = 40;                 // of a foreign string or number in a message
constexpr std::size_t kTextBytesMax = 0xffff'ffff;         // what RapidJSON's 32-bit lengths can count
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The text as RapidJSON reads it, and where it puts the strings it decodes: over themselves.
//
// It is shown only the first two digits of a run of them, outside strings. That is all its grammar looks at,
// and it refuses longer numbers that are beyond a double even when it is asked for their text alone. The text
// it then hands out is the whole.
class Source {
 public:
  using Ch = char;

  explicit Source(std::string& text) : begin_(text.data()), end_(begin_ + text.size()), at_(begin_) {}

  char Peek() const { return at_ == end_ ? '\0' : *at_; }
  char Take() {
    if (at_ == end_) return '\0';
    const char taken = *at_++;
    const bool in_string = put_ != nullptr;
    if (!in_string && is_digit(taken) && at_ - begin_ > 1 && is_digit(at_[-2])) {
      while (at_ != end_ && is_digit(*at_)) ++at_;
    }
    return taken;
  }
  std::size_t Tell() const { return static_cast<std::size_t>(at_ - begin_); }

  char* PutBegin() { return put_ = at_; }
  void Put(char c) {
    // A sequence of UTF-8 cut off by the end of the text is put with zeros for the rest, then refused.
    if (put_ != end_) *put_++ = c;
  }
  void Flush() {}
  std::size_t PutEnd(char* begin) { return static_cast<std::size_t>(std::exchange(put_, nullptr) - begin); }

 private:
  char* begin_;
  char* end_;
  char* at_;
  char* put_ = nullptr;
};

// Where RapidJSON writes.
class Sink {
 public:
  using Ch = char;

  explicit Sink(std::string& out) : out_(out) {}
  void Put(char c) { out_.push_back(c); }
  void Flush() {}

 private:
  std::string& out_;
};

// Returns whether decoded text holds half a surrogate pair. RapidJSON 1.1 lets an escaped second half stand
// alone; unescaped ones it refuses.
bool has_surrogate(std::string_view text) {
  for (std::size_t at = text.find('\xed'); at != std::string_view::npos; at = text.find('\xed', at + 1)) {
    if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0xa0) return true;
  }
  return false;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Returns the text with each byte that is no part of UTF-8 replaced.
std::string mended(std::string_view text) {
  std::string result;
  Sink sink(result);
  rapidjson::MemoryStream source(text.data(), text.size());
  while (source.Tell() < text.size()) {
    const rapidjson::MemoryStream before = source;
    const std::size_t length = result.size();
    if (rapidjson::UTF8<>::Validate(source, sink)) continue;
    result.replace(length, std::string::npos, kReplacement);
    source = before;
    source.Take();
  }
  return result;
}

// Returns the text in quotes, cut to a length fit for a message.
std::string shown(std::string_view text) {
  std::size_t length = text.size();
  if (length > kShownBytesMax) {
    length = kShownBytesMax;
    while (length > 0 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) --length;
  }
  std::string quoted;
  JsonWriter(quoted).write_string(text.substr(0, length));
  if (length < text.size()) quoted.append("...");
  return quoted;
}

std::string shown_number(std::string_view token) {
  if (token.size() <= kShownBytesMax) return std::string(token);
  return std::string(token.substr(0, kShownBytesMax)) + "...";
}

// Says what is wrong with the text at a byte of it, or with its end.
std::string unexpected_at(BytesView text, std::size_t offset) {
  if (offset == text.size()) return fmt::format("not JSON: unexpected end at byte {}", offset);
  const char c = text[offset];
  if (c > 0x20 && c < 0x7f) return fmt::format("not JSON: unexpected '{}' at byte {}", c, offset);
  return fmt::format("not JSON: unexpected byte 0x{:02x} at byte {}", static_cast<unsigned char>(c), offset);
}

std::string explained(const rapidjson::ParseResult& result, BytesView text) {
  const std::size_t offset = result.Offset();
  switch (result.Code()) {
    case rapidjson::kParseErrorStringInvalidEncoding:
      return fmt::format("not JSON: invalid UTF-8 at byte {}", offset);
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
      return fmt::format("not JSON: half a surrogate pair at byte {}", offset);
    case rapidjson::kParseErrorStringEscapeInvalid:
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
      // The first of them is also said of bytes that would have to be escaped.
      if (text[offset] != '\\') break;
      return fmt::format("not JSON: invalid escape at byte {}", offset);
    default:
      break;
  }
  return unexpected_at(text, offset);
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
}  // namespace weir

// While RapidJSON is in a string or number, it works on a copy of the source, which the compiler can keep in
// registers. It also relies on this to find where a number began.
template <>
struct rapidjson::StreamTraits<weir::Source> {
  enum { copyOptimization = 1 };
};

namespace weir {

// ---------------------------------------------------------------------------------------------------- reader

// Takes down what RapidJSON says. Returns false to stop it, after saying why.
class JsonReader::Recorder {
 public:
  Recorder(JsonReader& reader, std::size_t depth_max) : reader_(reader), depth_max_(depth_max) {}

  bool Null() { return add(Kind::kNull); }
  bool Bool(bool value) { return add(value ? Kind::kTrue : Kind::kFalse); }
  bool RawNumber(const char* text, unsigned length, bool) { return add(Kind::kNumber, text, length); }
  bool String(const char* text, unsigned length, bool) { return add_text(Kind::kString, text, length); }
  bool Key(const char* text, unsigned length, bool) { return add_text(Kind::kName, text, length); }
  bool StartObject() { return enter(Kind::kObject); }
  bool EndObject(unsigned) { return leave(Kind::kObjectEnd); }
  bool StartArray() { return enter(Kind::kArray); }
  bool EndArray(unsigned) { return leave(Kind::kArrayEnd); }

  // Numbers are asked for as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  bool add(Kind kind) {
    reader_.tokens_.push_back({kind, 0, 0});
    return true;
  }

  bool add(Kind kind, const char* text, unsigned length) {
    reader_.tokens_.push_back({kind, static_cast<std::uint32_t>(text - reader_.decoded_.data()), length});
    return true;
  }

  bool add_text(Kind kind, const char* text, unsigned length) {
    if (!has_surrogate({text, length})) return add(kind, text, length);
    reader_.end_complaint_ = fmt::format("not JSON: half a surrogate pair in the string at byte {}",
                                         text - reader_.decoded_.data() - 1);
    return false;
  }

  bool enter(Kind kind) {
    if (depth_ == depth_max_) {
      reader_.end_complaint_ = fmt::format("nested deeper than {}", depth_max_);
      return false;
    }
    ++depth_;
    return add(kind);
  }

  bool leave(Kind kind) {
    --depth_;
    return add(kind);
  }

  JsonReader& reader_;
  const std::size_t depth_max_;
  std::size_t depth_ = 0;
};

JsonReader::JsonReader(BytesView text, JsonLimits limits) {
  const std::size_t bytes_max = std::min(limits.bytes, kTextBytesMax);
  if (text.size() > bytes_max) {
    fail(fmt::format("{} bytes where at most {} are read", text.size(), bytes_max));
  } else {
    decoded_.assign(text);
    tokens_.reserve(std::min<std::size_t>(text.size() / 4 + 2, 64));  // enough for most, 768 bytes at most
    Source source(decoded_);
    Recorder recorder(*this, limits.depth);
    constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseValidateEncodingFlag |
                                rapidjson::kParseNumbersAsStringsFlag;
    const rapidjson::ParseResult result = rapidjson::Reader().Parse<kFlags>(source, recorder);
    // A zero byte behind the value is the end to RapidJSON.
    is_json_ = !result.IsError() && source.Tell() == text.size();
    ends_in_element_ =
        result.IsError() && result.Code() != rapidjson::kParseErrorArrayMissCommaOrSquareBracket;
    if (end_complaint_.empty()) {
      end_complaint_ = result.IsError() ? explained(result, text) : unexpected_at(text, source.Tell());
    }
  }
  tokens_.push_back({Kind::kEnd, 0, 0});
}

bool JsonReader::fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
  return false;
}

// Says what came instead.
bool JsonReader::fail_expected(const std::string& what) {
  const Token& token = tokens_[at_];
  switch (token.kind) {
    case Kind::kEnd:
      return fail_at_end();
    case Kind::kName:
    case Kind::kObjectEnd:
    case Kind::kArrayEnd:
      return fail_unread();
    case Kind::kNull:
      return fail(fmt::format("expected {}, got null", what));
    case Kind::kTrue:
      return fail(fmt::format("expected {}, got true", what));
    case Kind::kFalse:
      return fail(fmt::format("expected {}, got false", what));
    case Kind::kObject:
      return fail(fmt::format("expected {}, got an object", what));
    case Kind::kArray:
      return fail(fmt::format("expected {}, got an array", what));
    case Kind::kString:
      return fail(fmt::format("expected {}, got {}", what, shown(view_of(token))));
    case Kind::kNumber:
      break;
  }
  return fail(fmt::format("expected {}, got {}", what, shown_number(view_of(token))));
}

// A program, not a text, makes this happen: it reads past the end of an object or array, or stops before it.
bool JsonReader::fail_unread() {
  return fail("the type's own reading and the nesting of the text do not match");
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
    if (next() != Kind::kEnd) {
      fail_unread();
    } else if (is_json_) {
      return absl::OkStatus();
    } else {
      fail_at_end();
    }
  }
  return absl::InvalidArgumentError(fmt::format("${}: {}", path_, error_));
}

bool JsonReader::take_null() {
  if (failed() || next() != Kind::kNull) return false;
  ++at_;
  return true;
}

char JsonReader::peek() {
  if (next() == Kind::kNumber) return decoded_[tokens_[at_].begin];
  if (next() == Kind::kName) return '"';
  return static_cast<char>(next());
}

bool JsonReader::next_is_number() { return next() == Kind::kNumber; }

bool JsonReader::read_bool(bool& out) {
  if (failed()) return false;
  if (next() != Kind::kTrue && next() != Kind::kFalse) return fail_expected("true or false");
  out = tokens_[at_++].kind == Kind::kTrue;
  return true;
}

bool JsonReader::read_string(std::string& out) {
  if (failed()) return false;
  if (next() != Kind::kString) return fail_expected("a string");
  out.assign(view_of(tokens_[at_++]));
  return true;
}

template <class T>
bool JsonReader::read_floating(T& out, const char* what) {
  if (failed()) return false;
  if (next() != Kind::kNumber) return fail_expected("a number");
  const std::string_view token = view_of(tokens_[at_++]);
  const absl::string_view text(token.data(), token.size());
  T value = 0;
  if constexpr (std::is_same_v<T, float>) {
    static_cast<void>(absl::SimpleAtof(text, &value));  // the text is a number: it cannot fail
  } else {
    static_cast<void>(absl::SimpleAtod(text, &value));
  }
  if (!std::isfinite(value)) {
    return fail(fmt::format("expected a number that fits {}, got {}", what, shown_number(token)));
  }
  out = value;
  return true;
}

bool JsonReader::read_float(float& out) { return read_floating(out, "a float"); }

bool JsonReader::read_double(double& out) { return read_floating(out, "a double"); }

template <class T>
bool JsonReader::read_whole(T min, T max, T& out) {
  if (failed()) return false;
  if (next() != Kind::kNumber) return fail_expected("an integer");
  const std::string_view token = view_of(tokens_[at_++]);
  const char* const end = token.data() + token.size();
  const auto result = std::from_chars(token.data(), end, out);
  if (result.ec == std::errc() && result.ptr == end && out >= min && out <= max) return true;
  return fail(fmt::format("expected an integer from {} to {}, got {}", min, max, shown_number(token)));
}

bool JsonReader::read_signed(std::int64_t min, std::int64_t max, std::int64_t& out) {
  return read_whole(min, max, out);
}

bool JsonReader::read_unsigned(std::uint64_t max, std::uint64_t& out) {
  return read_whole(std::uint64_t{0}, max, out);
}

bool JsonReader::read_choice(const std::string_view* names, std::size_t count, std::size_t& choice) {
  if (failed()) return false;
  const auto expected = [&] {
    std::string list = "one of";
    for (std::size_t i = 0; i < count; ++i) list += (i == 0 ? " " : ", ") + shown(names[i]);
    return list;
  };
  if (next() != Kind::kString) return fail_expected(expected());
  const std::string_view value = view_of(tokens_[at_]);
  for (choice = 0; choice < count; ++choice) {
    if (names[choice] != value) continue;
    ++at_;
    return true;
  }
  return fail_expected(expected());
}

bool JsonReader::begin_object() {
  if (failed()) return false;
  if (next() != Kind::kObject) return fail_expected("an object");
  ++at_;
  return true;
}

bool JsonReader::next_member(std::string_view& name) {
  if (failed()) return false;
  if (next() == Kind::kEnd) return fail_at_end();
  const Token& token = tokens_[at_++];
  if (token.kind == Kind::kObjectEnd) return false;
  if (token.kind != Kind::kName) return fail_unread();
  name = view_of(token);
  return true;
}

bool JsonReader::begin_array() {
  if (failed()) return false;
  if (next() != Kind::kArray) return fail_expected("an array");
  ++at_;
  return true;
}

bool JsonReader::next_element() {
  if (failed()) return false;
  if (next() == Kind::kEnd && !ends_in_element_) return fail_at_end();
  if (next() == Kind::kArrayEnd) {
    ++at_;
    return false;
  }
  // Where it was before, its caller has not read the element and never would come to an end.
  if (at_ == element_) return fail_unread();
  element_ = at_;
  return true;
}

bool JsonReader::skip_value() {
  if (failed()) return false;
  std::size_t depth = 0;
  do {
    switch (next()) {
      case Kind::kEnd:
        return fail_at_end();
      case Kind::kObject:
      case Kind::kArray:
        ++depth;
        break;
      case Kind::kObjectEnd:
      case Kind::kArrayEnd:
        if (depth == 0) return fail_unread();
        --depth;
        break;
      case Kind::kName:
        if (depth == 0) return fail_unread();
        break;
      default:
        break;
    }
    ++at_;
  } while (depth > 0);
  return true;
}

// ---------------------------------------------------------------------------------------------------- writer

class JsonWriter::Text {
 public:
  explicit Text(Bytes& out) : sink_(out), writer_(sink_, &allocator_) {}

  rapidjson::Writer<Sink>& operator*() { return writer_; }

  // Writes a string or a name; RapidJSON knows by their place.
  void write_text(std::string_view text) {
    if (!is_ascii(text)) {
      const std::string whole = mended(text);
      writer_.String(whole.data(), static_cast<unsigned>(whole.size()));
    } else {
      writer_.String(text.data(), static_cast<unsigned>(text.size()));
    }
  }

 private:
  Sink sink_;
  rapidjson::CrtAllocator allocator_;
  rapidjson::Writer<Sink> writer_;
};

JsonWriter::JsonWriter(Bytes& out) : text_(std::make_unique<Text>(out)) {}

JsonWriter::~JsonWriter() = default;

void JsonWriter::write_null() { (**text_).Null(); }

void JsonWriter::write_bool(bool value) { (**text_).Bool(value); }

void JsonWriter::write_string(std::string_view value) { text_->write_text(value); }

namespace {

// RapidJSON's own digits are not always the fewest.
template <class T>
void write_number(rapidjson::Writer<Sink>& writer, T value) {
  if (!std::isfinite(value)) {
    writer.Null();
    return;
  }
  std::array<char, 32> digits;  // the longest are such as -1.7976931348623157e+308 (24 bytes)
  const auto result = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  const auto length = static_cast<std::size_t>(result.ptr - digits.data());
  writer.RawValue(digits.data(), length, rapidjson::kNumberType);
}

}  // namespace

void JsonWriter::write_float(float value) { write_number(**text_, value); }

void JsonWriter::write_double(double value) { write_number(**text_, value); }

void JsonWriter::write_signed(std::int64_t value) { (**text_).Int64(value); }

void JsonWriter::write_unsigned(std::uint64_t value) { (**text_).Uint64(value); }

void JsonWriter::begin_object() { (**text_).StartObject(); }

void JsonWriter::member(std::string_view name) { text_->write_text(name); }

void JsonWriter::end_object() { (**text_).EndObject(); }

void JsonWriter::begin_array() { (**text_).StartArray(); }

void JsonWriter::end_array() { (**text_).EndArray(); }

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
