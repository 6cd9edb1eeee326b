#include <weir/operators/to.h>

#include <stdexcept>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <weir/operators/map_values.h>
#include <weir/operators/windowed.h>

#include "support/records.h"

namespace weir {
namespace {

struct Opaque {};

template <class Stream>
concept CanBeSent = requires(const Stream& stream) {
  stream.to("topic");
  stream.to([](const auto&) { return std::string("topic"); });
};

static_assert(CanBeSent<KStream<std::string, std::int64_t>>);
static_assert(CanBeSent<KStream<std::string_view, std::string_view>>);
static_assert(CanBeSent<KStream<std::string, std::optional<std::int64_t>>>);
static_assert(CanBeSent<KStream<Windowed<std::string>, std::int64_t>>);
static_assert(!CanBeSent<KStream<std::string, Opaque>>);
static_assert(!CanBeSent<KStream<Opaque, std::string>>);

// Not every value can be written.
struct Brittle {
  std::string text;
};

// A format in which one value has many spellings: the key must be written in the writer's own.
struct Caseless {
  std::string text;
};

}  // namespace

template <>
struct Serde<Caseless> {
  static constexpr std::string_view kFormat = "caseless";
  static constexpr bool kCanonical = false;
  static void encode(const Caseless& value, Bytes& out) { out += value.text; }
  static absl::Status decode(BytesView bytes, Caseless& out) {
    out.text.clear();
    for (const char c : bytes) out.text += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return absl::OkStatus();
  }
};

template <>
struct Serde<Brittle> {
  static constexpr std::string_view kFormat = "brittle";
  static constexpr bool kCanonical = false;
  static void encode(const Brittle& value, Bytes& out) {
    if (value.text == "bad") throw std::runtime_error("too brittle");
    out += value.text;
  }
  static absl::Status decode(BytesView bytes, Brittle& out) {
    out.text = std::string(bytes);
    return absl::OkStatus();
  }
};

namespace {

TEST(To, GoesOnAfterAValueThatItsSerdeRefuses) {
  const auto describe = [](ErrorPolicy policy) {
    return [policy](StreamBuilder& builder) {
      builder.stream<std::string, std::string>("in")
          .map_values([](const std::string& text) { return Brittle{text}; })
          .to("out", {.on_error = policy});
    };
  };
  TextDriver driver(describe(ErrorPolicy::kSkip));
  driver.feed<std::string, std::string>("in", "a:good@1 a:bad@2 a:fine@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "a:good@1 a:fine@3");
  EXPECT_EQ(driver.driver().counters().dropped_total(), 1U);

  TextDriver strict(describe(ErrorPolicy::kFail));
  const absl::Status failed = strict.driver().pipe<std::string, std::string>("in", "a", "bad", 1);
  EXPECT_EQ(class_of(failed), ErrorClass::kFatal);
  EXPECT_NE(failed.message().find("too brittle"), std::string_view::npos) << failed;
}

TEST(To, CarriesTimeHeadersAndNulls) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::optional<std::string>, std::optional<std::string>>("in").to("out");
  });
  ASSERT_TRUE((driver.driver()
                   .pipe<std::optional<std::string>, std::optional<std::string>>(
                       "in", std::nullopt, std::nullopt, 7, Headers{{"h", std::nullopt}})
                   .ok()));
  const auto out = driver.driver().read_raw("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_FALSE(out[0].record.key.has_value());
  EXPECT_FALSE(out[0].record.value.has_value());
  EXPECT_EQ(out[0].record.timestamp, 7);
  EXPECT_EQ(out[0].record.headers, (Headers{{"h", std::nullopt}}));
}

TEST(To, TellsAnEmptyKeyFromNone) {
  TextDriver driver([](StreamBuilder& builder) { builder.stream<std::string, std::string>("in").to("out"); });
  driver.feed<std::string, std::string>("in", ":@1");
  const auto out = driver.driver().read_raw("out");
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].record.key, std::optional<Bytes>(""));
  EXPECT_EQ(out[0].record.value, std::optional<Bytes>(""));
}

TEST(To, EncodesAKeyAgainWhoseBytesAreNotCanonical) {
  TextDriver driver([](StreamBuilder& builder) { builder.stream<Caseless, std::string>("in").to("out"); });
  driver.feed<std::string, std::string>("in", "KeY:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "key:x@1");
}

TEST(To, ChoosesTheTopicPerRecord) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to(
        [](const std::string& key, const std::string&, const RecordInfo& info) {
          return "out-" + key + "-" + std::to_string(info.origin.offset);
        });
  });
  driver.feed<std::string, std::string>("in", "a:x@1 b:y@2 a:z@3");
  EXPECT_EQ((driver.take<std::string, std::string>("out-a-0")), "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("out-b-1")), "b:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out-a-2")), "a:z@3");
}

TEST(To, SkipsARecordForWhichTheChooserThrows) {
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("in").to({.name = "route", .on_error = ErrorPolicy::kSkip},
                                                      [](const std::string& value) -> std::string {
                                                        if (value == "x") throw std::runtime_error("x");
                                                        return "out";
                                                      });
  });
  driver.feed<std::string, std::string>("in", "a:x@1 b:y@2");
  EXPECT_EQ((driver.take<std::string, std::string>("out")), "b:y@2");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(To, WritesToSeveralTopics) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto stream = builder.stream<std::string, std::string>("in");
    stream.to("one");
    stream.map_values([](const std::string& value) { return value + value; }).to("two");
  });
  driver.feed<std::string, std::string>("in", "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("one")), "a:x@1");
  EXPECT_EQ((driver.take<std::string, std::string>("two")), "a:xx@1");
}

}  // namespace
}  // namespace weir
