// Reading and writing JSON text, one value at a time. <weir/core/json_serde.h> builds on it; a program needs
// it only for a type whose JSON no list of fields can describe (see "types of your own" there).
//
// RapidJSON does the grammar; programs do not see it. Both ends are pulled by the caller, so no tree of
// values is ever built. The text is RFC 8259, nothing more: no comments, no trailing commas, no NaN, no byte
// order mark; strings are valid UTF-8. Integers and floating-point numbers are exact: what is written reads
// back to the same bits.
//
// Thread safety: none needed; an object lives in one call.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>

namespace weir {

// What a text from outside may ask for. Beyond it, reading fails; it never exhausts the stack. The reader
// takes memory for the text once more, and twelve bytes for each value, name and closing bracket.
struct JsonLimits {
  std::size_t bytes = std::size_t{64} << 20;  // Kafka's own default for a record is 1 MiB; less than 4 GiB
  std::size_t depth = 64;                     // arrays and objects inside each other
};

// The integers JSON knows: all but the character types and those wider than 64 bits.
template <class T>
concept JsonInteger =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t> && sizeof(T) <= 8;

// Reads one JSON text. Every call that can fail returns false then; the first failure is kept, and finish()
// returns it. After a failure only in_member(), in_element() and finish() may be called. Failures come in the
// order of the text: what is wrong with a value comes before what is no JSON behind it.
class JsonReader {
 public:
  // Checks and decodes the text; calls that read meet what is wrong with it when they come to that place.
  explicit JsonReader(BytesView text, JsonLimits limits = {});
  JsonReader(const JsonReader&) = delete;
  JsonReader& operator=(const JsonReader&) = delete;

  // Consumes the next value if it is null. Returns whether it was; "no" is not a failure.
  [[nodiscard]] bool take_null();

  // Returns the first byte of the next value without consuming anything, '\0' if the text ends there or is no
  // JSON from there on.
  [[nodiscard]] char peek();
  // Returns whether the next value begins like a number.
  [[nodiscard]] bool next_is_number();

  // Read the next value, which must be of the kind and, for numbers, fit the type. 1.0 and 1e3 are not
  // integers. A floating-point number too small for the type becomes zero, one too large is refused.
  [[nodiscard]] bool read_bool(bool& out);
  [[nodiscard]] bool read_string(std::string& out);
  [[nodiscard]] bool read_float(float& out);
  [[nodiscard]] bool read_double(double& out);
  [[nodiscard]] bool read_signed(std::int64_t min, std::int64_t max, std::int64_t& out);
  [[nodiscard]] bool read_unsigned(std::uint64_t max, std::uint64_t& out);
  template <JsonInteger T>
  [[nodiscard]] bool read_integer(T& out);

  // Reads a string that is one of `names` and tells which.
  [[nodiscard]] bool read_choice(const std::string_view* names, std::size_t count, std::size_t& choice);

  // Walk an object: begin_object(), then read a value after each next_member() that returns true. It returns
  // false at the closing brace as well as on failure: ask failed(). The name is valid until the next call.
  [[nodiscard]] bool begin_object();
  [[nodiscard]] bool next_member(std::string_view& name);

  // Walk an array, likewise.
  [[nodiscard]] bool begin_array();
  [[nodiscard]] bool next_element();

  // Reads over a value of any kind; it must be well-formed.
  [[nodiscard]] bool skip_value();

  [[nodiscard]] bool failed() const { return !error_.empty(); }

  // Ends the reading with a failure found by the caller. Returns false, to be returned on.
  bool fail(std::string message);

  // Tell, from the inside out while a failure is passed on, where the value that failed is. Return false.
  bool in_member(std::string_view name);
  bool in_element(std::size_t index);

  // Returns the first failure, as InvalidArgument "$.items[3].price: expected a number, got \"abc\"", or a
  // complaint about what follows the value or was not read of it, or OK.
  [[nodiscard]] absl::Status finish();

 private:
  // Each is the byte it begins with, but a name is the colon behind it, and a number always the same digit.
  enum class Kind : char {
    kEnd = '\0',  // of the text, or of that part of it which is JSON
    kNull = 'n',
    kTrue = 't',
    kFalse = 'f',
    kNumber = '0',
    kString = '"',
    kName = ':',
    kObject = '{',
    kObjectEnd = '}',
    kArray = '[',
    kArrayEnd = ']',
  };
  struct Token {
    Kind kind;
    std::uint32_t begin;  // of a number, string or name, in decoded_
    std::uint32_t length;
  };
  class Recorder;

  Kind next() const { return tokens_[at_].kind; }
  std::string_view view_of(const Token& token) const {
    return std::string_view(decoded_).substr(token.begin, token.length);
  }
  bool fail_at_end() { return fail(end_complaint_); }
  bool fail_expected(const std::string& what);
  bool fail_unread();
  template <class T>
  bool read_floating(T& out, const char* what);
  template <class T>
  bool read_whole(T min, T max, T& out);

  std::string decoded_;        // the text, its strings decoded in place
  std::vector<Token> tokens_;  // a kEnd is the last
  std::string end_complaint_;  // for those who would read on there
  bool is_json_ = false;
  bool ends_in_element_ = false;  // an array that reaches kEnd does so in an element, not behind one
  std::size_t at_ = 0;
  std::size_t element_ = 0;  // where the last element began
  std::string path_;
  std::string error_;
};

// Appends one JSON text to `out`: no spaces, commas by itself. Cannot fail, so it mends what JSON cannot
// hold: each byte that is not part of valid UTF-8 becomes U+FFFD, NaN and the infinities become null (as
// JavaScript writes them). Strings are shorter than 4 GiB.
class JsonWriter {
 public:
  // `out` outlives the writer.
  explicit JsonWriter(Bytes& out);
  ~JsonWriter();
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  void write_null();
  void write_bool(bool value);
  void write_string(std::string_view value);
  // The fewest digits that read back to the same number.
  void write_float(float value);
  void write_double(double value);
  void write_signed(std::int64_t value);
  void write_unsigned(std::uint64_t value);
  template <JsonInteger T>
  void write_integer(T value);

  void begin_object();
  void member(std::string_view name);  // its value comes next
  void end_object();
  void begin_array();
  void end_array();

 private:
  class Text;

  const std::unique_ptr<Text> text_;
};

template <JsonInteger T>
bool JsonReader::read_integer(T& out) {
  if constexpr (std::is_signed_v<T>) {
    std::int64_t value = 0;
    if (!read_signed(std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), value)) return false;
    out = static_cast<T>(value);
  } else {
    std::uint64_t value = 0;
    if (!read_unsigned(std::numeric_limits<T>::max(), value)) return false;
    out = static_cast<T>(value);
  }
  return true;
}

template <JsonInteger T>
void JsonWriter::write_integer(T value) {
  if constexpr (std::is_signed_v<T>) {
    write_signed(value);
  } else {
    write_unsigned(value);
  }
}

// ---------------------------------------------------------------------------------------- objects by a table

// One field of a described struct, its type taken away, so that the loop over fields is compiled once.
struct JsonMember {
  std::string_view name;
  bool (*read)(JsonReader& reader, void* object);
  void (*write)(JsonWriter& writer, std::string_view name, const void* object);  // not if empty
  bool required;
};

// The most fields a described struct may have.
inline constexpr std::size_t kJsonMembersMax = 256;

// Members that are not there and not required keep the value they have. Requires count <= kJsonMembersMax.
[[nodiscard]] bool read_json_object(JsonReader& reader, void* object, const JsonMember* members,
                                    std::size_t count);
void write_json_object(JsonWriter& writer, const void* object, const JsonMember* members, std::size_t count);

}  // namespace weir
