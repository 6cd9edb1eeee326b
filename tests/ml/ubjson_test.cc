#include <weir/ml/ubjson.h>

#include <cstdint>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weir::ml::ubjson_test {
namespace {

// Writes down what it is told, and stops when the nesting gets deeper than three.
struct Notes {
  std::string text;
  int depth = 0;

  bool note(std::string_view what) {
    text += std::string(text.empty() ? "" : " ") + std::string(what);
    return true;
  }
  bool open(std::string_view what) { return ++depth <= 3 && note(what); }
  bool close(std::string_view what) { return --depth >= 0 && note(what); }

  bool null() { return note("null"); }
  bool boolean(bool value) { return note(value ? "true" : "false"); }
  bool number_integer(std::int64_t value) { return note(fmt::format("{}", value)); }
  bool real(double value) { return note(fmt::format("{:.2f}", value)); }
  bool string(std::string& value) { return note("'" + value + "'"); }
  bool key(std::string& value) { return note(value + ":"); }
  bool start_object(std::size_t) { return open("{"); }
  bool end_object() { return close("}"); }
  bool start_array(std::size_t) { return open("["); }
  bool end_array() { return close("]"); }
};

// Bytes of a literal that may hold zeros.
template <std::size_t kSize>
std::string bytes(const char (&literal)[kSize]) {
  return std::string(literal, kSize - 1);
}

// Returns what was told, or the message of the refusal.
std::string read(const std::string& ubjson) {
  Notes notes;
  const absl::Status status = UbjsonReader(ubjson, notes).read();
  return status.ok() ? notes.text : std::string(status.message());
}

TEST(Ubjson, ReadsNumbersOfEveryType) {
  EXPECT_EQ(read(bytes("[i\xFEU\xFEI\xFF\xFEl\xFF\xFF\xFF\xFEL\0\0\0\1\0\0\0\2]")),
            "[ -2 254 -2 -2 4294967298 ]");
  EXPECT_EQ(read(bytes("[d\x3F\xA0\0\0D\xC0\x04\0\0\0\0\0\0]")), "[ 1.25 -2.50 ]");
}

TEST(Ubjson, ReadsTextsAndNames) {
  EXPECT_EQ(read(bytes("{U\1aSU\2xyi\1bCcU\1cZU\1dTU\1eF}")), "{ a: 'xy' b: 'c' c: null d: true e: false }");
  EXPECT_EQ(read(bytes("[SU\0]")), "[ '' ]");
}

TEST(Ubjson, ReadsCountedAndTypedContainers) {
  EXPECT_EQ(read(bytes("[#U\2i\1i\2")), "[ 1 2 ]");
  EXPECT_EQ(read(bytes("[$I#U\2\0\1\0\2")), "[ 1 2 ]");
  EXPECT_EQ(read(bytes("[$d#L\0\0\0\0\0\0\0\1\x3F\xA0\0\0")), "[ 1.25 ]");
  EXPECT_EQ(read(bytes("{#U\1U\1ai\7")), "{ a: 7 }");
  EXPECT_EQ(read(bytes("{$i#U\2U\1a\7U\1b\6")), "{ a: 7 b: 6 }");
  EXPECT_EQ(read(bytes("[#U\0")), "[ ]");
  EXPECT_EQ(read(bytes("[$[#U\2i\1]i\2]")), "[ [ 1 ] [ 2 ] ]");
}

TEST(Ubjson, SkipsFillers) { EXPECT_EQ(read(bytes("N[Ni\1NN]")), "[ 1 ]"); }

TEST(Ubjson, RefusesWhatIsCutOff) {
  EXPECT_EQ(read(""), "not UBJSON at byte 0: it ends in the middle");
  EXPECT_EQ(read("[i\1"), "not UBJSON at byte 3: it ends in the middle");
  EXPECT_EQ(read(bytes("[l\0\0\0")), "not UBJSON at byte 2: a number is cut off");
  EXPECT_EQ(read("[C"), "not UBJSON at byte 2: a character is cut off");
  EXPECT_EQ(read(bytes("{U\1a")), "not UBJSON at byte 4: it ends in the middle");
}

TEST(Ubjson, RefusesLengthsThatDoNotFit) {
  EXPECT_EQ(read("[SU\5abc]"), "not UBJSON at byte 4: 5 do not fit into what is left");
  EXPECT_EQ(read("[Si\xFF]"), "not UBJSON at byte 4: a length is negative");
  EXPECT_EQ(read("[Sd]"), "not UBJSON at byte 3: a length is no whole number");
  EXPECT_EQ(read(bytes("[$d#L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")),
            "not UBJSON at byte 13: 9223372036854775807 do not fit into what is left");
  // Elements without bytes could be any number.
  EXPECT_EQ(read(bytes("[$Z#L\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")),
            "not UBJSON at byte 3: a container of a type that has no size");
}

TEST(Ubjson, RefusesWhatIsNoUbjson) {
  EXPECT_EQ(read("[x]"), "not UBJSON at byte 2: no type is called 0x78");
  EXPECT_EQ(read("[$i]"), "not UBJSON at byte 3: a container with a type but no count");
  EXPECT_EQ(read("[]]"), "not UBJSON at byte 2: the document ends before the bytes do");
}

TEST(Ubjson, StopsWhenTheHandlerSaysSo) { EXPECT_EQ(read(std::string(100'000, '[')), "[ [ ["); }

}  // namespace
}  // namespace weir::ml::ubjson_test
