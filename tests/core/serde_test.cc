#include <weir/core/serde.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/status.h>

namespace weir {
namespace {

Bytes bytes(std::initializer_list<int> values) {
  Bytes result;
  for (const int value : values) result.push_back(static_cast<char>(value));
  return result;
}

template <class T>
Bytes encoded(const T& value) {
  Bytes out;
  Serde<T>::encode(value, out);
  return out;
}

template <class T>
T decoded(BytesView from) {
  T value{};
  const absl::Status status = Serde<T>::decode(from, value);
  EXPECT_TRUE(status.ok()) << status;
  return value;
}

template <class T>
std::string failure(BytesView from) {
  T value{};
  const absl::Status status = Serde<T>::decode(from, value);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return message_of(status);
}

template <class T>
void expect_both_ways(const T& value, const Bytes& expected) {
  EXPECT_EQ(encoded(value), expected);
  EXPECT_EQ(decoded<T>(expected), value);
}

// ------------------------------------------------ the bytes of Kafka's own serializers (java.io: big endian)

TEST(Serde, WritesShortsAsJavaDoes) {
  expect_both_ways<std::int16_t>(0x0102, bytes({1, 2}));
  expect_both_ways<std::int16_t>(-1, bytes({0xff, 0xff}));
  expect_both_ways<std::int16_t>(-32768, bytes({0x80, 0}));
}

TEST(Serde, WritesIntegersAsJavaDoes) {
  expect_both_ways<std::int32_t>(1, bytes({0, 0, 0, 1}));
  expect_both_ways<std::int32_t>(0x01020304, bytes({1, 2, 3, 4}));
  expect_both_ways<std::int32_t>(-2, bytes({0xff, 0xff, 0xff, 0xfe}));
  expect_both_ways<std::int32_t>(std::numeric_limits<std::int32_t>::min(), bytes({0x80, 0, 0, 0}));
}

TEST(Serde, WritesLongsAsJavaDoes) {
  expect_both_ways<std::int64_t>(1, bytes({0, 0, 0, 0, 0, 0, 0, 1}));
  expect_both_ways<std::int64_t>(0x0102030405060708, bytes({1, 2, 3, 4, 5, 6, 7, 8}));
  expect_both_ways<std::int64_t>(-1, bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  expect_both_ways<std::int64_t>(std::numeric_limits<std::int64_t>::max(),
                                 bytes({0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
}

TEST(Serde, WritesFloatsAsJavaDoes) {
  expect_both_ways(1.5F, bytes({0x3f, 0xc0, 0, 0}));
  expect_both_ways(-0.1F, bytes({0xbd, 0xcc, 0xcc, 0xcd}));
}

TEST(Serde, WritesDoublesAsJavaDoes) {
  expect_both_ways(1.5, bytes({0x3f, 0xf8, 0, 0, 0, 0, 0, 0}));
  expect_both_ways(-0.1, bytes({0xbf, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a}));
  expect_both_ways(std::numeric_limits<double>::infinity(), bytes({0x7f, 0xf0, 0, 0, 0, 0, 0, 0}));
}

TEST(Serde, WritesBooleansAsJavaDoes) {
  expect_both_ways(true, bytes({1}));
  expect_both_ways(false, bytes({0}));
}

TEST(Serde, WritesStringsAsTheirBytes) {
  expect_both_ways<std::string>("", "");
  expect_both_ways<std::string>("h\xc3\xa9llo", bytes({'h', 0xc3, 0xa9, 'l', 'l', 'o'}));
  expect_both_ways<std::string>("f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                                "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
  expect_both_ways<std::string>(bytes({0, 0xff}), bytes({0, 0xff}));
}

TEST(Serde, WritesBytesAsTheyAre) {
  expect_both_ways<std::vector<std::byte>>({}, "");
  expect_both_ways<std::vector<std::byte>>({std::byte{0}, std::byte{0xff}, std::byte{'a'}},
                                           bytes({0, 0xff, 'a'}));
}

TEST(Serde, WritesUnsignedIntegersLikeSignedOnesOfTheSameBits) {
  expect_both_ways<std::uint16_t>(0xfffe, bytes({0xff, 0xfe}));
  expect_both_ways<std::uint32_t>(0x80000000U, bytes({0x80, 0, 0, 0}));
  expect_both_ways<std::uint64_t>(0xfedcba9876543210U,
                                  bytes({0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10}));
}

// ------------------------------------------------------------------------------------------------- behaviour

TEST(Serde, KeepsTheBitsOfZerosAndNans) {
  EXPECT_TRUE(std::signbit(decoded<double>(encoded(-0.0))));
  EXPECT_NE(encoded(-0.0), encoded(0.0));
  const Bytes nan = bytes({0x7f, 0xf8, 0, 0, 0, 0, 0, 0x2a});
  EXPECT_EQ(encoded(decoded<double>(nan)), nan);
}

TEST(Serde, AppendsToWhatIsThere) {
  Bytes out = "before";
  Serde<std::string>::encode("+", out);
  Serde<std::int16_t>::encode(0x4142, out);
  Serde<bool>::encode(true, out);
  Serde<std::vector<std::byte>>::encode({std::byte{'z'}}, out);
  EXPECT_EQ(out, "before+AB\1z");
}

TEST(Serde, OverwritesTheTarget) {
  std::string text = "old text, longer than the new one";
  ASSERT_TRUE(Serde<std::string>::decode("new", text).ok());
  EXPECT_EQ(text, "new");
  std::vector<std::byte> blob(10);
  ASSERT_TRUE(Serde<std::vector<std::byte>>::decode("x", blob).ok());
  EXPECT_EQ(blob, std::vector<std::byte>{std::byte{'x'}});
}

TEST(Serde, RefusesWrongSizes) {
  EXPECT_EQ(failure<std::int64_t>("abc"), "expected 8 bytes, got 3");
  EXPECT_EQ(failure<std::int64_t>("123456789"), "expected 8 bytes, got 9");
  EXPECT_EQ(failure<std::int32_t>(""), "expected 4 bytes, got 0");
  EXPECT_EQ(failure<std::uint16_t>("1"), "expected 2 bytes, got 1");
  EXPECT_EQ(failure<float>("12345"), "expected 4 bytes, got 5");
  EXPECT_EQ(failure<double>("1234567"), "expected 8 bytes, got 7");
  EXPECT_EQ(failure<bool>(""), "expected 1 bytes, got 0");
}

TEST(Serde, RefusesABooleanThatIsNeitherZeroNorOne) {
  EXPECT_EQ(failure<bool>("\2"), "expected 0 or 1, got 2");
}

TEST(Serde, GivesAViewOfTheRecordsOwnBytes) {
  const Bytes record = "the record";
  std::string_view view;
  ASSERT_TRUE(Serde<std::string_view>::decode(record, view).ok());
  EXPECT_EQ(view.data(), record.data());
  EXPECT_EQ(view, record);
}

template <class T>
void expect_random_round_trips(std::mt19937_64& random) {
  for (int i = 0; i < 1000; ++i) {
    Bytes raw(sizeof(T), '\0');
    for (char& byte : raw) byte = static_cast<char>(random());
    EXPECT_EQ(encoded(decoded<T>(raw)), raw);
  }
}

TEST(Serde, IsCanonicalForRandomBytes) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  expect_random_round_trips<std::int16_t>(random);
  expect_random_round_trips<std::uint16_t>(random);
  expect_random_round_trips<std::int32_t>(random);
  expect_random_round_trips<std::uint32_t>(random);
  expect_random_round_trips<std::int64_t>(random);
  expect_random_round_trips<std::uint64_t>(random);
  expect_random_round_trips<float>(random);
  expect_random_round_trips<double>(random);
}

TEST(BigEndian, ReadsBackEveryWidth) {
  Bytes out;
  put_big_endian<std::int8_t>(-2, out);
  put_big_endian<std::uint8_t>(200, out);
  put_big_endian<std::int64_t>(-3, out);
  EXPECT_EQ(out, bytes({0xfe, 200, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd}));
  EXPECT_EQ(get_big_endian<std::int8_t>(out.data()), -2);
  EXPECT_EQ(get_big_endian<std::uint8_t>(out.data() + 1), 200);
  EXPECT_EQ(get_big_endian<std::int64_t>(out.data() + 2), -3);
}

// ----------------------------------------------------------------------------------------------------- nulls

TEST(Nullable, EncodesAnEmptyOptionalAsNull) {
  Bytes buffer = "left over";
  EXPECT_EQ(encode_nullable(std::optional<std::string>(), buffer), std::nullopt);
  EXPECT_EQ(encode_nullable(std::optional<std::string>(""), buffer), NullableBytes(""));
  EXPECT_EQ(encode_nullable(std::optional<std::int16_t>(7), buffer), NullableBytes(BytesView("\0\7", 2)));
}

TEST(Nullable, EncodesAPlainValueAndForgetsTheBuffersContent) {
  Bytes buffer = "left over";
  EXPECT_EQ(encode_nullable(std::string("value"), buffer), NullableBytes("value"));
}

TEST(Nullable, DecodesNullIntoAnEmptyOptional) {
  std::optional<std::string> value = "old";
  ASSERT_TRUE(decode_nullable(std::nullopt, value).ok());
  EXPECT_EQ(value, std::nullopt);
  ASSERT_TRUE(decode_nullable(NullableBytes(""), value).ok());
  EXPECT_EQ(value, "") << "empty is not null";
  ASSERT_TRUE(decode_nullable(NullableBytes("new"), value).ok());
  EXPECT_EQ(value, "new");
}

TEST(Nullable, RefusesNullWhereTheTypeHasNone) {
  std::int32_t value = 0;
  const absl::Status status = decode_nullable(std::nullopt, value);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(message_of(status), "null where the type has no null (use std::optional to accept it)");
}

TEST(Nullable, PassesOnTheInnerFailure) {
  std::optional<std::int32_t> value;
  EXPECT_EQ(message_of(decode_nullable(NullableBytes("123"), value)), "expected 4 bytes, got 3");
}

TEST(Nullable, KnowsWhatIsNull) {
  EXPECT_FALSE(is_null(0));
  EXPECT_FALSE(is_null(std::string()));
  EXPECT_FALSE(is_null(std::optional<int>(0)));
  EXPECT_TRUE(is_null(std::optional<int>()));
  EXPECT_EQ(non_null(std::optional<int>(5)), 5);
  EXPECT_EQ(non_null(6), 6);
}

// -------------------------------------------------------------------------------------------------- concepts

struct Unknown {};

static_assert(Serializable<std::int16_t> && Serializable<std::uint64_t> && Serializable<double> &&
              Serializable<std::string> && Serializable<std::vector<std::byte>> && Serializable<bool>);
static_assert(!Serializable<Unknown> && !Serializable<std::int8_t> &&
              !Serializable<std::optional<std::string>>);
static_assert(Transportable<std::optional<std::string>> && Transportable<std::string> &&
              !Transportable<std::optional<Unknown>>);
static_assert(Owning<std::string> && !Owning<std::string_view> && !Owning<std::optional<std::string_view>>);

static_assert(Serde<std::int16_t>::kFormat == "int16" && Serde<std::int32_t>::kFormat == "int32" &&
              Serde<std::int64_t>::kFormat == "int64");
static_assert(Serde<std::string>::kFormat == Serde<std::string_view>::kFormat, "the same bytes on the wire");

}  // namespace
}  // namespace weir
