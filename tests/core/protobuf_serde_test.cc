#include <weir/core/protobuf_serde.h>

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <weir/core/status.h>

#include "protobuf_serde_test.pb.h"

namespace weir {
namespace {

using test::Payment;

Payment payment(std::string id, std::int64_t cents) {
  Payment result;
  result.set_id(std::move(id));
  result.set_cents(cents);
  return result;
}

Bytes encoded(const Payment& message) {
  Bytes out;
  Serde<Payment>::encode(message, out);
  return out;
}

TEST(ProtobufSerde, WritesTheWireFormat) {
  EXPECT_EQ(encoded(payment("ab", 300)), std::string("\x0a\x02"
                                                     "ab\x10\xac\x02"));
}

TEST(ProtobufSerde, ReadsBackWhatItWrote) {
  Payment message = payment("p", -5);
  message.set_note("n");
  (*message.mutable_tags())["x"] = 1;
  *message.add_parts() = payment("q", 7);
  Payment copy = payment("old", 99);
  copy.set_note("old");
  copy.add_parts();
  ASSERT_TRUE(Serde<Payment>::decode(encoded(message), copy).ok());
  EXPECT_EQ(copy.SerializeAsString(), message.SerializeAsString());
}

TEST(ProtobufSerde, AppendsToWhatIsThere) {
  Bytes out = "before";
  Serde<Payment>::encode(payment("ab", 300), out);
  EXPECT_EQ(out, "before" + encoded(payment("ab", 300)));
}

TEST(ProtobufSerde, WritesMapsInOneOrder) {
  Payment forwards = payment("p", 1);
  Payment backwards = payment("p", 1);
  for (int i = 0; i < 200; ++i) {
    (*forwards.mutable_tags())[std::to_string(i)] = i;
    (*backwards.mutable_tags())[std::to_string(199 - i)] = 199 - i;
  }
  EXPECT_EQ(encoded(forwards), encoded(backwards));
}

TEST(ProtobufSerde, NamesTheMessageThatBytesAreNot) {
  Payment target;
  const absl::Status status = Serde<Payment>::decode("\x0a\x7f", target);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(message_of(status), "expected a weir.test.Payment, got 2 bytes that are not its wire format");
}

TEST(ProtobufSerde, NamesTheRequiredFieldsThatAreMissing) {
  Payment partial;
  partial.set_cents(1);
  *partial.add_parts() = payment("q", 7);
  partial.add_parts()->set_id("r");
  Payment target;
  const absl::Status status = Serde<Payment>::decode(encoded(partial), target);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(message_of(status), "weir.test.Payment lacks required fields: id, parts[1].cents");
  EXPECT_EQ(message_of(Serde<Payment>::decode("", target)),
            "weir.test.Payment lacks required fields: id, cents");
}

TEST(ProtobufSerde, KeepsFieldsItDoesNotKnow) {
  const Bytes newer = encoded(payment("p", 1)) + std::string("\xfa\x01\x03new", 6);  // field 31, a string
  Payment message;
  ASSERT_TRUE(Serde<Payment>::decode(newer, message).ok());
  EXPECT_EQ(encoded(message), newer);
}

TEST(ProtobufSerde, TellsNullFromAnEmptyMessage) {
  Bytes buffer;
  EXPECT_EQ(encode_nullable(std::optional<Payment>(), buffer), std::nullopt);
  EXPECT_EQ(encode_nullable(std::optional<Payment>(Payment()), buffer), NullableBytes(""));
  std::optional<Payment> target = payment("p", 1);
  ASSERT_TRUE(decode_nullable(std::nullopt, target).ok());
  EXPECT_FALSE(target.has_value());
}

TEST(ProtobufSerde, SurvivesMutatedBytes) {
  const google::protobuf::LogSilencer quiet;  // debug builds complain about every string that is no UTF-8
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Payment message = payment("some id", 123456);
  message.set_note("note");
  (*message.mutable_tags())["tag"] = 5;
  *message.add_parts() = payment("part", 1);
  const Bytes original = encoded(message);
  int read = 0;
  for (int i = 0; i < 5000; ++i) {
    Bytes mutated = original;
    for (auto changes = random() % 3 + 1; changes > 0; --changes) {
      mutated[random() % mutated.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) mutated.resize(random() % mutated.size() + 1);
    Payment target;
    if (!Serde<Payment>::decode(mutated, target).ok()) continue;
    ++read;
    Payment again;
    ASSERT_TRUE(Serde<Payment>::decode(encoded(target), again).ok());
    ASSERT_EQ(encoded(again), encoded(target));
  }
  EXPECT_GT(read, 0);
  EXPECT_LT(read, 5000);
}

static_assert(Serializable<Payment> && !Serde<Payment>::kCanonical && Serde<Payment>::kFormat == "protobuf");

}  // namespace
}  // namespace weir
