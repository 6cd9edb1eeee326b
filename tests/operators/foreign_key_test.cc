#include <weir/operators/join_foreign_key.h>

#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <weir/operators/count.h>
#include <weir/operators/group_by.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>

#include "support/records.h"

namespace weir {
namespace {

using Key = std::optional<std::string>;
using Value = std::optional<std::string>;
using Names = KTable<std::string, std::string>;
using Numbers = KTable<std::int64_t, std::string>;

template <class Left, class Right, class Extractor, class Joiner>
concept CanJoin = requires(const Left& left, const Right& right, Extractor extract, Joiner joiner) {
  left.join({.name = "x"}, right, extract, joiner);
};
template <class Left, class Right, class Extractor, class Joiner>
concept CanLeftJoin = requires(const Left& left, const Right& right, Extractor extract, Joiner joiner) {
  left.left_join({.name = "x"}, right, extract, joiner);
};
using Both = decltype([](const std::string& left, const std::string& right) { return left + right; });
static_assert(CanJoin<Names, Numbers, decltype([](const std::string&) { return std::int64_t{1}; }), Both>);
static_assert(
    CanJoin<Names, Names, decltype([](const std::string& key, const std::string&) { return key; }), Both>);
static_assert(CanJoin<Names, Names, decltype([](const std::string& value) { return Key(value); }), Both>);
static_assert(!CanJoin<Names, Numbers, decltype([](const std::string& value) { return value; }), Both>);
static_assert(!CanLeftJoin<Names, Names, decltype([](const std::string& value) { return value; }), Both>);
static_assert(CanLeftJoin<Names, Names, decltype([](const std::string& value) { return value; }),
                          decltype([](const std::string&, const std::string*) { return 1; })>);

// ---------------------------------------------------------------------------------------------------- bytes

std::string hex(BytesView bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::string hex(const Hash128& hash) { return fmt::format("{:016x}{:016x}", hash.first, hash.second); }

// As Kafka Streams computes them.
TEST(Murmur3, IsTheHashOfKafkaStreams) {
  EXPECT_EQ(hex(murmur3("")), "9d2764a018e329428c3cf3b035938518");
  EXPECT_EQ(hex(murmur3("a")), "3361634e7e0f5188e9c7dda24eae326b");
  EXPECT_EQ(hex(murmur3("hello")), "30bfb4f39919e764566aea857401d1c6");
  EXPECT_EQ(hex(murmur3("The quick brown fox jumps")), "e48bb4fe52f839c092f10e6da5c6ec24");
}

// As Kafka Streams writes them.
TEST(SubscriptionFormat, IsThatOfKafkaStreams) {
  Bytes bytes;
  encode(Subscription{Instruction::kAnswerIfThere, murmur3("a"), "1", 0}, bytes);
  EXPECT_EQ(hex(bytes), "01033361634e7e0f5188e9c7dda24eae326b3100000000");
  bytes.clear();
  encode(Subscription{Instruction::kDeleteAndAnswer, std::nullopt, "1", 0}, bytes);
  EXPECT_EQ(hex(bytes), "81013100000000");
  bytes.clear();
  encode(Answer{murmur3("a"), "RA"}, bytes);
  EXPECT_EQ(hex(bytes), "003361634e7e0f5188e9c7dda24eae326b5241");
  bytes.clear();
  encode_subscription_prefix("a", bytes);
  EXPECT_EQ(hex(bytes), "0000000161");
}

TEST(SubscriptionFormat, IsReadBack) {
  for (const bool hashed : {false, true}) {
    const std::optional<Hash128> hash = hashed ? std::optional(Hash128{1, 2}) : std::nullopt;
    Bytes bytes;
    encode(Subscription{Instruction::kAnswer, hash, "key", 7}, bytes);
    const auto subscription = decode_subscription(bytes);
    ASSERT_TRUE(subscription.ok());
    EXPECT_EQ(subscription->instruction, Instruction::kAnswer);
    EXPECT_EQ(subscription->hash, hash);
    EXPECT_EQ(subscription->key, "key");
    EXPECT_EQ(subscription->partition, 7);
    for (const NullableBytes& value : {NullableBytes(), NullableBytes(""), NullableBytes("v")}) {
      bytes.clear();
      encode(Answer{hash, value}, bytes);
      const auto answer = decode_answer(bytes);
      ASSERT_TRUE(answer.ok());
      EXPECT_EQ(answer->hash, hash);
      EXPECT_EQ(answer->value, value);
    }
  }
}

TEST(SubscriptionFormat, RefusesWhatIsNone) {
  Bytes subscription;
  encode(Subscription{Instruction::kAnswer, Hash128{1, 2}, "", 7}, subscription);
  Bytes answer;
  encode(Answer{Hash128{1, 2}, std::nullopt}, answer);
  for (std::size_t size = 0; size < subscription.size(); ++size) {
    EXPECT_FALSE(decode_subscription(BytesView(subscription).substr(0, size)).ok()) << size;
  }
  for (std::size_t size = 0; size < answer.size(); ++size) {
    EXPECT_FALSE(decode_answer(BytesView(answer).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_subscription(BytesView("\x02\x01k\0\0\0\0", 7)).ok());  // another version
  EXPECT_FALSE(decode_subscription(BytesView("\x81\x04k\0\0\0\0", 7)).ok());  // another instruction
  EXPECT_FALSE(decode_answer(BytesView("\x81", 1)).ok());
}

// What a change of a left row sends, "key:instruction ...", and "dropped".
std::string sent(JoinKind kind, bool was_there, NullableBytes old_key, bool is_there, NullableBytes new_key,
                 bool like_kafka_streams = true) {
  const Registrations registrations =
      registrations_of(kind, like_kafka_streams, was_there, old_key, is_there, new_key);
  std::string text;
  for (const Registration& message : registrations.messages) {
    text += fmt::format("{}:{} ", message.foreign_key.value_or("-"), static_cast<int>(message.instruction));
  }
  return text + (registrations.dropped ? "dropped" : "");
}

TEST(Registrations, MayBeThoseOfKafkaStreams) {
  const NullableBytes none;
  constexpr auto kInner = JoinKind::kInner;
  constexpr auto kLeft = JoinKind::kLeft;
  EXPECT_EQ(sent(kInner, false, none, true, "a"), "a:3 ");
  EXPECT_EQ(sent(kLeft, false, none, true, "a"), "a:2 ");
  EXPECT_EQ(sent(kInner, true, "a", true, "a"), "a:3 ");
  EXPECT_EQ(sent(kLeft, true, "a", true, "a"), "a:2 ");
  EXPECT_EQ(sent(kInner, true, "a", true, "b"), "a:0 b:2 ");
  EXPECT_EQ(sent(kLeft, true, "a", true, "b"), "a:0 b:2 ");
  EXPECT_EQ(sent(kInner, true, "a", true, none), "a:1 dropped");
  EXPECT_EQ(sent(kLeft, true, "a", true, none), "a:0 -:2 ");
  EXPECT_EQ(sent(kInner, false, none, true, none), "dropped");
  EXPECT_EQ(sent(kLeft, false, none, true, none), "-:2 ");
  EXPECT_EQ(sent(kInner, true, none, true, "a"), "a:3 ");
  EXPECT_EQ(sent(kLeft, true, none, true, "a"), "a:2 ");
  EXPECT_EQ(sent(kInner, true, "a", false, none), "a:1 ");
  EXPECT_EQ(sent(kLeft, true, "a", false, none), "a:0 -:2 ");
  EXPECT_EQ(sent(kInner, true, none, false, none), "");
  EXPECT_EQ(sent(kLeft, true, none, false, none), "-:2 ");
  EXPECT_EQ(sent(kInner, false, none, false, none), "");
  EXPECT_EQ(sent(kLeft, false, none, false, none), "");
}

TEST(Registrations, AskForAnAnswerWheneverThereMayBeAResult) {
  const NullableBytes none;
  constexpr auto kInner = JoinKind::kInner;
  EXPECT_EQ(sent(kInner, false, none, true, "a", false), "a:2 ");
  EXPECT_EQ(sent(kInner, true, "a", true, "a", false), "a:2 ");
  EXPECT_EQ(sent(kInner, true, "a", true, "b", false), "a:0 b:2 ");
  EXPECT_EQ(sent(kInner, true, none, true, "a", false), "a:2 ");
  EXPECT_EQ(sent(kInner, true, "a", false, none, false), "a:1 ");
  EXPECT_EQ(sent(kInner, false, none, true, none, false), "dropped");
}

// ---------------------------------------------------------------------------------------------------- joins

// A row's foreign key is its first letter; "n" says that it has none.
Key first_letter(const std::string& value) {
  if (value == "throw") throw std::runtime_error("the extractor threw");
  return value.front() == 'n' ? Key() : Key(value.substr(0, 1));
}
std::string joined(const std::string& left, const std::string& right) { return left + "|" + right; }
std::string left_joined(const std::string& left, const Value& right) {
  return left + "|" + right.value_or("null");
}

Names left_table(StreamBuilder& builder) {
  return builder.table<std::string, std::string>("l", {.store = "left"});
}
Names right_table(StreamBuilder& builder) {
  return builder.table<std::string, std::string>("r", {.store = "right"});
}

void inner(StreamBuilder& builder) {
  left_table(builder)
      .join({.name = "j", .on_error = ErrorPolicy::kSkip}, right_table(builder), first_letter, joined)
      .to_stream()
      .to("out");
}
void left(StreamBuilder& builder) {
  left_table(builder)
      .left_join({.name = "j"}, right_table(builder), first_letter, left_joined)
      .to_stream()
      .to("out");
}

// Feeds a record and returns what came of it.
std::string after(TextDriver& driver, const std::string& topic, const std::string& record) {
  driver.feed<Key, Value>(topic, record);
  return driver.take<std::string, Value>("out");
}

TEST(ForeignKeyJoin, Inner) {
  TextDriver driver(inner);
  EXPECT_EQ(after(driver, "l", "1:a1@10"), "1:null@10");  // once too often
  EXPECT_EQ(after(driver, "r", "a:RA@5"), "1:a1|RA@5");
  EXPECT_EQ(after(driver, "l", "1:a2@3"), "1:a2|RA@5");
  EXPECT_EQ(after(driver, "l", "1:b1@12"), "1:null@12");
  EXPECT_EQ(after(driver, "r", "b:RB@20"), "1:b1|RB@20");
  EXPECT_EQ(after(driver, "l", "2:b2@21"), "2:b2|RB@21");
  EXPECT_EQ(after(driver, "r", "b:null@25"), "1:null@25 2:null@25");
  EXPECT_EQ(after(driver, "r", "a:RA2@26"), "");
  EXPECT_EQ(after(driver, "l", "1:n@31"), "1:null@31");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 1U);
  EXPECT_EQ(after(driver, "l", "1:n2@32"), "");
  EXPECT_EQ(driver.dropped(DropReason::kNullKey), 2U);
  EXPECT_EQ(after(driver, "l", "1:a9@33"), "1:a9|RA2@33");
  EXPECT_EQ(after(driver, "l", "1:null@34"), "1:null@34");
  EXPECT_EQ(after(driver, "l", "1:null@35"), "");
  EXPECT_EQ(after(driver, "l", "3:c@1"), "3:null@1");
  EXPECT_EQ(after(driver, "l", "3:null@2"), "3:null@2");
}

TEST(ForeignKeyJoin, Left) {
  TextDriver driver(left);
  EXPECT_EQ(after(driver, "l", "1:a1@10"), "1:a1|null@10");
  EXPECT_EQ(after(driver, "l", "1:b1@12"), "1:b1|null@12");
  EXPECT_EQ(after(driver, "r", "b:RB@9"), "1:b1|RB@9");
  EXPECT_EQ(after(driver, "l", "1:n@13"), "1:n|null@13");
  EXPECT_EQ(after(driver, "r", "b:RB2@14"), "");
  EXPECT_EQ(after(driver, "l", "1:null@15"), "1:null@15");
  EXPECT_EQ(after(driver, "l", "1:null@16"), "");
  EXPECT_EQ(driver.driver().counters().dropped_total(), 0U);
}

TEST(ForeignKeyJoin, ARightRowReachesItsSubscribersAloneInTheOrderOfTheirKeys) {
  TextDriver driver(inner);
  EXPECT_EQ(after(driver, "l", "z:a1@1 b:a2@2 aa:a3@3 c:b1@4 a:a4@5"),
            "z:null@1 b:null@2 aa:null@3 c:null@4 a:null@5");
  EXPECT_EQ(after(driver, "r", "a:R@9"), "a:a4|R@9 aa:a3|R@9 b:a2|R@9 z:a1|R@9");
  EXPECT_EQ(after(driver, "r", "aa:R@10"), "");
}

TEST(ForeignKeyJoin, AnEmptyRightValueIsARow) {
  TextDriver driver(inner);
  EXPECT_EQ(after(driver, "l", "1:a1@1"), "1:null@1");
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("r", "a", "", 2).ok()));
  EXPECT_EQ((driver.take<std::string, Value>("out")), "1:a1|@2");
  EXPECT_EQ(after(driver, "r", "a:null@3"), "1:null@3");
}

// As in Kafka Streams, for programs that want its results to the letter.
TEST(ForeignKeyJoin, AnEmptyRightValueMayPassForNoRow) {
  StreamBuilder builder(Likeness::kKafkaStreams);
  left(builder);
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto driver = TopologyDriver::create(*topology);
  ASSERT_TRUE(driver.ok()) << driver.status();
  ASSERT_TRUE(((*driver)->pipe<std::string, std::string>("r", "a", "", 1).ok()));
  ASSERT_TRUE(((*driver)->pipe<std::string, std::string>("l", "1", "a", 2).ok()));
  ASSERT_TRUE(((*driver)->pipe<std::string, std::string>("r", "a", "", 3).ok()));
  const auto out = (*driver)->read<std::string, Value>("out");
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0].value, "a|null");
  EXPECT_EQ(out[1].value, "a|null");
}

TEST(ForeignKeyJoin, ResultsCarryTheHeadersOfTheChange) {
  TextDriver driver(inner);
  const Headers from_left{{"from", "left"}};
  const Headers from_right{{"from", "right"}};
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("l", "1", "a", 1, from_left).ok()));
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("r", "a", "R", 2, from_right).ok()));
  ASSERT_TRUE((driver.driver().pipe<std::string, std::string>("l", "1", "a2", 3, from_left).ok()));
  const auto out = driver.driver().read<std::string, Value>("out");
  ASSERT_EQ(out.size(), 3U);
  EXPECT_EQ(out[1].headers, from_right);
  EXPECT_EQ(out[2].headers, from_left);
}

TEST(ForeignKeyJoin, AnAnswerAboutAnEarlierRowIsDropped) {
  TextDriver driver(inner);
  EXPECT_EQ(after(driver, "l", "1:a1@1 1:a2@2"), "1:null@1 1:null@2");
  const std::string topic = "driver-j-subscription-response";
  Bytes bytes;
  encode(Answer{murmur3("a1"), "R"}, bytes);
  ASSERT_TRUE((driver.driver().pipe<std::string, Bytes>(topic, "1", bytes, 3).ok()));
  EXPECT_EQ((driver.take<std::string, Value>("out")), "");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
  bytes.clear();
  encode(Answer{murmur3("a2"), "R"}, bytes);
  ASSERT_TRUE((driver.driver().pipe<std::string, Bytes>(topic, "1", bytes, 4).ok()));
  EXPECT_EQ((driver.take<std::string, Value>("out")), "1:a2|R@4");
  ASSERT_TRUE((driver.driver().pipe<std::string, Bytes>(topic, "1", "", 5).ok()));
  EXPECT_EQ(driver.dropped(DropReason::kUndecodable), 1U);
}

// The right row is deleted when the left row has changed, but before the right side has heard of that.
TEST(ForeignKeyJoin, ADeletionThatMeetsAChangeIsNotLost) {
  TextDriver driver(inner);
  driver.feed<Key, Value>("r", "a:R@1");
  EXPECT_EQ(after(driver, "l", "1:a1@2"), "1:a1|R@2");
  // What the right side says of the deletion is about the row before.
  driver.feed<Key, Value>("l", "1:a2@3");
  driver.feed<Key, Value>("r", "a:null@4");
  EXPECT_EQ((driver.take<std::string, Value>("out")), "1:a2|R@3 1:null@4");
  EXPECT_EQ(after(driver, "l", "1:a3@5"), "1:null@5");
}

TEST(ForeignKeyJoin, AnExtractorThatThrowsLeavesTheSubscriptionAlone) {
  TextDriver driver(inner);
  EXPECT_EQ(after(driver, "l", "1:a1@1"), "1:null@1");
  driver.feed<Key, Value>("l", "1:throw@2");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
  // The table has the row, the join does not know of it: what is told to the old subscriber is stale.
  EXPECT_EQ(after(driver, "r", "a:R@3"), "");
  EXPECT_EQ(driver.dropped(DropReason::kLate), 1U);
}

TEST(ForeignKeyJoin, KeepsItsRowsInAStore) {
  for (const Emit emit : {Emit::kEveryUpdate, Emit::kOnCommit}) {
    TextDriver driver([emit](StreamBuilder& builder) {
      left_table(builder)
          .left_join({.store = "rows", .name = "j", .emit = emit}, right_table(builder), first_letter,
                     left_joined)
          .to_stream()
          .to("out");
    });
    driver.feed<Key, Value>("l", "1:a1@1 2:a2@2");
    EXPECT_EQ(after(driver, "r", "a:R@3"), "1:a1|null@1 2:a2|null@2 1:a1|R@3 2:a2|R@3");
    auto* rows = driver.driver().store_as<KeyValueStore<std::string, std::string>>("rows");
    ASSERT_NE(rows, nullptr);
    ASSERT_NE(rows->find("2"), nullptr);
    EXPECT_EQ(rows->find("2")->value, "a2|R");
    EXPECT_EQ(after(driver, "l", "2:null@4"), "2:null@4");
    EXPECT_EQ(rows->find("2"), nullptr);
  }
}

TEST(ForeignKeyJoin, SurvivesARestart) {
  TextDriver driver(inner);
  driver.feed<Key, Value>("l", "1:a1@1 2:b2@2 3:a3@3 3:b3@4");
  ASSERT_TRUE(driver.driver().restart().ok());
  EXPECT_EQ((driver.take<std::string, Value>("out")), "1:null@1 2:null@2 3:null@3 3:null@4");
  EXPECT_EQ(after(driver, "r", "a:R@5"), "1:a1|R@5");
  EXPECT_EQ(after(driver, "r", "b:R@6"), "2:b2|R@6 3:b3|R@6");
}

// The example of the header.
struct Customer {
  std::string name;
};
}  // namespace

template <>
struct Serde<Customer> {
  static constexpr std::string_view kFormat = "customer";
  static constexpr bool kCanonical = true;
  static void encode(const Customer& customer, Bytes& out) { out += customer.name; }
  static absl::Status decode(BytesView bytes, Customer& customer) {
    customer.name = Bytes(bytes);
    return absl::OkStatus();
  }
};

namespace {

TEST(ForeignKeyJoin, TheKeysMayBeOfAnyTypes) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto orders = builder.table<std::string, std::int64_t>("orders", {.store = "orders"});
    const auto customers = builder.table<std::int64_t, Customer>("customers", {.store = "customers"});
    orders
        .join(
            {.name = "orders-of-customers"}, customers, [](std::int64_t customer) { return customer; },
            [](const std::string& key, std::int64_t, const Customer& customer) {
              return key + " for " + customer.name;
            })
        .to_stream()
        .to("out");
  });
  driver.feed<std::string, std::int64_t>("orders", "o1:7@1 o2:8@2");
  driver.feed<std::int64_t, std::string>("customers", "7:Ann@3");
  driver.feed<std::int64_t, std::string>("customers", "8:Bob@4");
  const auto out = driver.driver().read<std::string, Value>("out");
  ASSERT_EQ(out.size(), 4U);
  EXPECT_EQ(out[2].value, "o1 for Ann");
  EXPECT_EQ(out[3].value, "o2 for Bob");
}

TEST(ForeignKeyJoin, MayJoinATableWithItself) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto table = left_table(builder);
    table.left_join({.name = "j"}, table, first_letter, left_joined).to_stream().to("out");
  });
  driver.feed<Key, Value>("l", "a:b@1 b:a@2");
  const std::string out = driver.take<std::string, Value>("out");
  EXPECT_NE(out.find("a:b|a@2"), std::string::npos) << out;
  EXPECT_NE(out.find("b:a|b@2"), std::string::npos) << out;
}

TEST(ForeignKeyJoin, TopicsHaveThePartitionsOfTheTableTheyLeadTo) {
  StreamBuilder builder;
  inner(builder);
  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  const auto plan = plan_partitions(*topology, "app", {{"l", 3}, {"r", 5}, {"out", 1}});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->partitions.at("app-j-subscription-registration"), 5);
  EXPECT_EQ(plan->partitions.at("app-j-subscription-response"), 3);
  EXPECT_EQ(plan->partitions.at("app-j-subscriptions-changelog"), 5);
  EXPECT_EQ(plan->tasks.size(), 8U);
}

TEST(ForeignKeyJoin, TablesWithoutRowsAreAProblem) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    const auto kept_by_nobody =
        left_table(builder).join({.name = "one"}, right_table(builder), first_letter, joined);
    kept_by_nobody
        .join({.name = "two"}, builder.table<std::string, std::string>("o", {.store = "other"}), first_letter,
              joined)
        .to_stream()
        .to("out");
  });
  EXPECT_NE(problems.find("needs the rows of a table that keeps none"), std::string::npos) << problems;
}

TEST(ForeignKeyJoin, TablesOfTwoBuildersAreAProblem) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    StreamBuilder other;
    left_table(builder).join({.name = "j"}, right_table(other), first_letter, joined).to_stream().to("out");
  });
  EXPECT_NE(problems.find("come from two builders"), std::string::npos) << problems;
}

}  // namespace
}  // namespace weir
