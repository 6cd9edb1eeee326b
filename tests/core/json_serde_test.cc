#include <weir/core/json_serde.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/status.h>

namespace shop {

enum class Side : std::uint8_t { kBuy = 1, kSell = 2, kUnnamed = 9 };

struct Item {
  std::string sku;
  double price = 0;
  std::optional<std::int32_t> count;

  bool operator==(const Item&) const = default;
};

struct Order {
  std::string id;
  double amount = 0;
  std::optional<std::string> note;
  std::vector<Item> items;

  bool operator==(const Order&) const = default;
};

// All kinds of fields.
struct Base {
  std::int64_t inherited = 0;

  bool operator==(const Base&) const = default;
};

struct Everything : Base {
  bool flag = false;
  std::int8_t tiny = 0;
  std::uint16_t port = 0;
  std::int32_t number = 0;
  std::uint64_t big = 0;
  float ratio = 0;
  double exact = 0;
  std::string text;
  Side side = Side::kBuy;
  std::optional<Item> item;
  std::vector<bool> flags;
  std::vector<std::optional<std::int32_t>> holes;
  std::vector<std::vector<std::string>> table;
  std::map<std::string, std::int64_t> counts;
  std::map<std::string, std::optional<Item>> by_name;
  std::int32_t retries = 3;
  std::string not_a_field = "fresh";

  bool operator==(const Everything&) const = default;
};

struct Tree {
  std::string name;
  std::vector<Tree> children;

  bool operator==(const Tree&) const = default;
};

struct Day {
  int days = 0;
};

struct Visit {
  Day day;
};

struct Nothing {};

struct Small {
  std::vector<std::int32_t> values;
};

}  // namespace shop

template <>
struct weir::Serde<shop::Side> : weir::JsonEnumSerde<shop::Side> {
  static constexpr auto kNames = names({{shop::Side::kBuy, "buy"}, {shop::Side::kSell, "sell"}});
};

template <>
struct weir::Serde<shop::Item> : weir::JsonSerde<shop::Item> {
  static constexpr auto kFields = fields(field("sku", &shop::Item::sku),      //
                                         field("price", &shop::Item::price),  //
                                         field("count", &shop::Item::count));
};

template <>
struct weir::Serde<shop::Order> : weir::JsonSerde<shop::Order> {
  static constexpr auto kFields = fields(field("id", &shop::Order::id),          //
                                         field("amount", &shop::Order::amount),  //
                                         field("note", &shop::Order::note),      //
                                         field("items", &shop::Order::items));
};

template <>
struct weir::Serde<shop::Everything> : weir::JsonSerde<shop::Everything> {
  static constexpr std::string_view kFormat = "json:everything-2";
  static constexpr auto kFields =
      fields(field("inherited", &shop::Everything::inherited), field("flag", &shop::Everything::flag),
             field("tiny", &shop::Everything::tiny), field("port", &shop::Everything::port),
             field("number", &shop::Everything::number), field("big", &shop::Everything::big),
             field("ratio", &shop::Everything::ratio), field("exact", &shop::Everything::exact),
             field("text", &shop::Everything::text), field("side", &shop::Everything::side),
             field("item", &shop::Everything::item), field("flags", &shop::Everything::flags),
             field("holes", &shop::Everything::holes), field("table", &shop::Everything::table),
             field("counts", &shop::Everything::counts), field("by name", &shop::Everything::by_name),
             field_or_default("retries", &shop::Everything::retries));
};

template <>
struct weir::Serde<shop::Tree> : weir::JsonSerde<shop::Tree> {
  static constexpr auto kFields =
      fields(field("name", &shop::Tree::name), field("children", &shop::Tree::children));
};

template <>
struct weir::Serde<shop::Nothing> : weir::JsonSerde<shop::Nothing> {
  static constexpr auto kFields = fields();
};

template <>
struct weir::Serde<shop::Small> : weir::JsonSerde<shop::Small> {
  static constexpr std::size_t kMaxBytes = 20;
  static constexpr std::size_t kMaxDepth = 1;
  static constexpr auto kFields = fields(field("values", &shop::Small::values));
};

// A type with a JSON form of its own, and no other.
template <>
struct weir::Serde<shop::Day> {
  static bool read_json(JsonReader& reader, shop::Day& out) {
    std::string text;
    if (!reader.read_string(text)) return false;
    if (text.empty() || text.front() != 'd') return reader.fail("expected a day");
    out.days = static_cast<int>(text.size()) - 1;
    return true;
  }
  static void write_json(JsonWriter& writer, const shop::Day& day) {
    std::string text(static_cast<std::size_t>(day.days) + 1, '+');
    text.front() = 'd';
    writer.write_string(text);
  }
};

template <>
struct weir::Serde<shop::Visit> : weir::JsonSerde<shop::Visit> {
  static constexpr auto kFields = fields(field("day", &shop::Visit::day));
};

template <>
struct weir::Serde<std::vector<shop::Item>> : weir::JsonSerde<std::vector<shop::Item>> {};

template <>
struct weir::Serde<std::map<std::string, shop::Side>> : weir::JsonSerde<std::map<std::string, shop::Side>> {};

namespace weir {
namespace {

using shop::Day;
using shop::Everything;
using shop::Item;
using shop::Nothing;
using shop::Order;
using shop::Side;
using shop::Small;
using shop::Tree;
using shop::Visit;

template <class T>
std::string encoded(const T& value) {
  Bytes out;
  Serde<T>::encode(value, out);
  return out;
}

template <class T>
T decoded(BytesView text) {
  T value{};
  const absl::Status status = Serde<T>::decode(text, value);
  EXPECT_TRUE(status.ok()) << status << " in " << text;
  return value;
}

template <class T>
std::string failure(BytesView text) {
  T value{};
  const absl::Status status = Serde<T>::decode(text, value);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
  return message_of(status);
}

// --------------------------------------------------------------------------------------------------- writing

TEST(JsonSerde, WritesFieldsInTheirDeclaredOrderWithoutSpaces) {
  EXPECT_EQ(
      encoded(Order{"o-1", 12.5, "hi", {{"a", 1, 3}, {"b", 0.1, {}}}}),
      R"({"id":"o-1","amount":12.5,"note":"hi","items":[{"sku":"a","price":1,"count":3},{"sku":"b","price":0.1}]})");
}

TEST(JsonSerde, LeavesOutFieldsWithoutAValue) {
  EXPECT_EQ(encoded(Order{"o-1", 0, {}, {}}), R"({"id":"o-1","amount":0,"items":[]})");
  EXPECT_EQ(encoded(Item{}), R"({"sku":"","price":0})");
  EXPECT_EQ(encoded(Nothing{}), "{}");
}

TEST(JsonSerde, AppendsToWhatIsThere) {
  Bytes out = "before";
  Serde<Nothing>::encode({}, out);
  EXPECT_EQ(out, "before{}");
}

TEST(JsonSerde, WritesEveryKindOfField) {
  Everything all;
  all.inherited = -9007199254740993;
  all.flag = true;
  all.tiny = -128;
  all.port = 65535;
  all.number = -2147483647 - 1;
  all.big = 18446744073709551615U;
  all.ratio = 0.1F;
  all.exact = 1e21;
  all.text = "a\"\n\xc3\xa9";
  all.side = Side::kSell;
  all.item = Item{"x", 1, 2};
  all.flags = {true, false};
  all.holes = {1, std::nullopt, 3};
  all.table = {{}, {"a", "b"}};
  all.counts = {{"z", 1}, {"a", -2}};
  all.by_name = {{"one", Item{"y", 2, {}}}, {"none", std::nullopt}};
  all.retries = 4;
  const std::string text =
      R"({"inherited":-9007199254740993,"flag":true,"tiny":-128,"port":65535,"number":-2147483648,)"
      R"("big":18446744073709551615,"ratio":0.1,"exact":1e+21,"text":"a\"\n)"
      "\xc3\xa9"
      R"(","side":"sell","item":{"sku":"x","price":1,"count":2},"flags":[true,false],"holes":[1,null,3],)"
      R"("table":[[],["a","b"]],"counts":{"a":-2,"z":1},"by name":{"none":null,"one":{"sku":"y","price":2}},"retries":4})";
  EXPECT_EQ(encoded(all), text);
  EXPECT_EQ(decoded<Everything>(text), all);
}

TEST(JsonSerde, MendsTextThatIsNoUtf8) {
  EXPECT_EQ(encoded(Item{"a\xff\xfe", 0, {}}), "{\"sku\":\"a\xef\xbf\xbd\xef\xbf\xbd\",\"price\":0}");
}

TEST(JsonSerde, WritesNullForANumberThatIsNone) {
  EXPECT_EQ(encoded(Item{"", std::numeric_limits<double>::infinity(), {}}), R"({"sku":"","price":null})");
  EXPECT_EQ(failure<Item>(R"({"sku":"","price":null})"), "$.price: expected a number, got null");
}

// --------------------------------------------------------------------------------------------------- reading

TEST(JsonSerde, ReadsAnyOrderAndSpacing) {
  EXPECT_EQ(decoded<Order>(" {\n\t\"items\" : [ ] , \"amount\":1e2,\r\"id\": \"o\"} "),
            (Order{"o", 100, {}, {}}));
}

TEST(JsonSerde, ReadsNullAndAbsentAsNoValue) {
  EXPECT_EQ(decoded<Order>(R"({"id":"o","amount":1,"items":[],"note":null})").note, std::nullopt);
  EXPECT_EQ(decoded<Order>(R"({"id":"o","amount":1,"items":[]})").note, std::nullopt);
  EXPECT_EQ(decoded<Order>(R"({"id":"o","amount":1,"items":[],"note":""})").note, "");
}

TEST(JsonSerde, IgnoresFieldsItDoesNotKnow) {
  EXPECT_EQ(decoded<Item>(
                R"({"new":{"a":[1,{"b":null}],"sku":"inner"},"sku":"s","newer":1e999,"price":1,"new":0})"),
            (Item{"s", 1, {}}));
  EXPECT_EQ(failure<Item>(R"({"sku":"s","price":1,"new":[1,}]})"), "$: not JSON: unexpected '}' at byte 30");
}

TEST(JsonSerde, MatchesNamesAfterTheirEscapes) {
  EXPECT_EQ(decoded<Item>(R"({"\u0073ku":"s","pri\u0063e":1})"), (Item{"s", 1, {}}));
}

TEST(JsonSerde, TakesTheDefaultForAFieldThatMayBeMissing) {
  std::string text = encoded(Everything{});
  EXPECT_EQ(decoded<Everything>(text).retries, 3);
  const std::string field = R"(,"retries":3)";
  text.erase(text.find(field), field.size());
  Everything target;
  target.retries = 77;
  ASSERT_TRUE(Serde<Everything>::decode(text, target).ok());
  EXPECT_EQ(target.retries, 3);
}

TEST(JsonSerde, ReplacesAllThatTheTargetHeld) {
  Everything target;
  target.inherited = 5;
  target.text = "old";
  target.item = Item{"old", 1, 2};
  target.flags = {true};
  target.holes = {1, 2, 3};
  target.table = {{"old"}, {"older"}};
  target.counts = {{"old", 1}};
  target.by_name = {{"old", Item{}}};
  target.not_a_field = "old";
  ASSERT_TRUE(Serde<Everything>::decode(encoded(Everything{}), target).ok());
  EXPECT_EQ(target, Everything{});

  Order order{"a long id that does not fit in place", 1, "note", {{"x", 1, 1}, {"y", 2, 2}, {"z", 3, 3}}};
  const Order other{"b", 2, {}, {{"w", 4, {}}}};
  ASSERT_TRUE(Serde<Order>::decode(encoded(other), order).ok());
  EXPECT_EQ(order, other);
}

TEST(JsonSerde, ReadsAStructThatContainsItself) {
  const Tree tree{"root", {{"left", {{"leaf", {}}}}, {"right", {}}}};
  EXPECT_EQ(encoded(tree),
            R"({"name":"root","children":[{"name":"left","children":[{"name":"leaf","children":[]}]},)"
            R"({"name":"right","children":[]}]})");
  EXPECT_EQ(decoded<Tree>(encoded(tree)), tree);
}

TEST(JsonSerde, TakesAListOrMapAsARecord) {
  using Items = std::vector<Item>;
  using Sides = std::map<std::string, Side>;
  EXPECT_EQ(encoded(Items{{"a", 1, {}}}), R"([{"sku":"a","price":1}])");
  EXPECT_EQ(decoded<Items>(R"([{"sku":"a","price":1}])"), (Items{{"a", 1, {}}}));
  EXPECT_EQ(failure<Items>("{}"), "$: expected an array, got an object");
  EXPECT_EQ(encoded(Sides{{"x", Side::kBuy}}), R"({"x":"buy"})");
  EXPECT_EQ(decoded<Sides>(R"({"x":"sell"})"), (Sides{{"x", Side::kSell}}));
}

TEST(JsonSerde, UsesATypesOwnForm) {
  EXPECT_EQ(encoded(Visit{{3}}), R"({"day":"d+++"})");
  EXPECT_EQ(decoded<Visit>(R"({"day":"d++"})").day.days, 2);
  EXPECT_EQ(failure<Visit>(R"({"day":"x"})"), "$.day: expected a day");
}

// -------------------------------------------------------------------------------------------------- refusing

TEST(JsonSerde, NamesThePathOfAWrongValue) {
  EXPECT_EQ(
      failure<Order>(R"({"id":"o","amount":1,"items":[{"sku":"a","price":1},{"sku":"b","price":"abc"}]})"),
      "$.items[1].price: expected a number, got \"abc\"");
  EXPECT_EQ(failure<Order>("[]"), "$: expected an object, got an array");
  EXPECT_EQ(failure<Order>(R"({"id":1})"), "$.id: expected a string, got 1");
  EXPECT_EQ(failure<Order>(R"({"note":{}})"), "$.note: expected a string, got an object");
  EXPECT_EQ(failure<Order>(R"({"items":[null]})"), "$.items[0]: expected an object, got null");
  EXPECT_EQ(failure<Everything>(R"({"tiny":200})"), "$.tiny: expected an integer from -128 to 127, got 200");
  EXPECT_EQ(failure<Everything>(R"({"number":1.5})"),
            "$.number: expected an integer from -2147483648 to 2147483647, got 1.5");
  EXPECT_EQ(failure<Everything>(R"({"flags":[true,0]})"), "$.flags[1]: expected true or false, got 0");
  EXPECT_EQ(failure<Everything>(R"({"counts":{"a":1,"b c":"x"}})"),
            "$.counts[\"b c\"]: expected an integer, got \"x\"");
  EXPECT_EQ(failure<Everything>(R"({"table":[[],["a",[]]]})"),
            "$.table[1][1]: expected a string, got an array");
  EXPECT_EQ(failure<Everything>(R"({"by name":{"q":{"sku":0}}})"),
            "$[\"by name\"].q.sku: expected a string, got 0");
}

TEST(JsonSerde, NamesThePathOfAMissingField) {
  EXPECT_EQ(failure<Order>(R"({"id":"o","amount":1})"), "$.items: the field is missing");
  EXPECT_EQ(failure<Order>(R"({"id":"o","amount":1,"items":[{"sku":"a"}]})"),
            "$.items[0].price: the field is missing");
}

TEST(JsonSerde, RefusesAFieldOrKeyThatIsThereTwice) {
  EXPECT_EQ(failure<Item>(R"({"sku":"a","price":1,"sku":"a"})"), "$.sku: the field is there twice");
  EXPECT_EQ(failure<Item>(R"({"sku":"a","\u0073ku":"a","price":1})"), "$.sku: the field is there twice");
  EXPECT_EQ(failure<Everything>(R"({"counts":{"a":1,"a":1}})"), "$.counts.a: the key is there twice");
}

TEST(JsonSerde, RefusesTextThatIsNoUtf8) {
  EXPECT_EQ(failure<Item>("{\"sku\":\"a\xff\"}"), "$.sku: not JSON: invalid UTF-8 at byte 9");
}

TEST(JsonSerde, RefusesWhatIsNotOneJsonValue) {
  EXPECT_EQ(failure<Item>(""), "$: not JSON: unexpected end at byte 0");
  EXPECT_EQ(failure<Item>(BytesView()), "$: not JSON: unexpected end at byte 0");
  EXPECT_EQ(failure<Item>(BytesView("\0\0\0\1", 4)), "$: not JSON: unexpected byte 0x00 at byte 0");
  EXPECT_EQ(failure<Item>(R"({"sku":"a","price":1}{)"), "$: not JSON: unexpected '{' at byte 21");
  EXPECT_EQ(failure<Item>(R"({"sku":"a","price":1)"), "$: not JSON: unexpected end at byte 20");
}

TEST(JsonSerde, RefusesTooDeepATreeInsteadOfExhaustingTheStack) {
  Tree tree{"leaf", {}};
  for (int i = 0; i < 31; ++i) tree = Tree{"", {std::move(tree)}};
  EXPECT_EQ(decoded<Tree>(encoded(tree)), tree) << "an object and an array for each of 32 levels";
  tree = Tree{"", {std::move(tree)}};
  const std::string message = failure<Tree>(encoded(tree));
  EXPECT_TRUE(message.ends_with(".children[0]: nested deeper than 64")) << message;
  std::string endless;
  for (int i = 0; i < 100'000; ++i) endless += R"({"children":[)";
  EXPECT_TRUE(failure<Tree>(endless).ends_with("nested deeper than 64"));
}

TEST(JsonSerde, HasLimitsThatATypeCanSet) {
  EXPECT_EQ(failure<Small>(R"({"values":[1]})"), "$.values: nested deeper than 1");
  EXPECT_EQ(failure<Small>(R"({"values":1,       })"), "$.values: expected an array, got 1");
  EXPECT_EQ(failure<Small>(R"({"values":1,        })"), "$: 21 bytes where at most 20 are read");
}

// ----------------------------------------------------------------------------------------------------- enums

TEST(JsonEnumSerde, WritesNames) {
  EXPECT_EQ(encoded(Side::kBuy), "\"buy\"");
  EXPECT_EQ(decoded<Side>(" \"sell\" "), Side::kSell);
}

TEST(JsonEnumSerde, RefusesOtherNames) {
  EXPECT_EQ(failure<Side>("\"hold\""), "$: expected one of \"buy\", \"sell\", got \"hold\"");
  EXPECT_EQ(failure<Side>("null"), "$: expected one of \"buy\", \"sell\", got null");
  EXPECT_EQ(failure<Side>("\"buy\" x"), "$: not JSON: unexpected 'x' at byte 6");
}

TEST(JsonEnumSerde, WritesAndReadsNumbersForValuesWithoutAName) {
  EXPECT_EQ(encoded(Side::kUnnamed), "9");
  EXPECT_EQ(decoded<Side>("9"), Side::kUnnamed);
  EXPECT_EQ(decoded<Side>("1"), Side::kBuy);
  EXPECT_EQ(failure<Side>("256"), "$: expected an integer from 0 to 255, got 256");
}

// ------------------------------------------------------------------------------------------------- at random

std::string random_text(std::mt19937_64& random) {
  static const std::vector<std::string> kLetters = {"a",
                                                    "\"",
                                                    "\\",
                                                    "/",
                                                    "\n",
                                                    std::string(1, '\0'),
                                                    "\x1f",
                                                    "\x7f",
                                                    "\xc3\xa9",
                                                    "\xe2\x82\xac",
                                                    "\xf0\x9f\x98\x80",
                                                    "\xef\xbf\xbf"};
  std::string text;
  for (auto length = random() % 12; length > 0; --length) text += kLetters[random() % kLetters.size()];
  return text;
}

double random_double(std::mt19937_64& random) {
  const auto value = std::bit_cast<double>(random());
  return std::isfinite(value) ? value : -0.0;
}

Item random_item(std::mt19937_64& random) {
  Item item{random_text(random), random_double(random), {}};
  if (random() % 2 == 0) item.count = static_cast<std::int32_t>(random());
  return item;
}

Everything random_everything(std::mt19937_64& random) {
  Everything all;
  all.inherited = static_cast<std::int64_t>(random());
  all.flag = random() % 2 == 0;
  all.tiny = static_cast<std::int8_t>(random());
  all.port = static_cast<std::uint16_t>(random());
  all.number = static_cast<std::int32_t>(random());
  all.big = random();
  all.ratio = static_cast<float>(random_double(random) * 1e-280);
  if (!std::isfinite(all.ratio)) all.ratio = 1;
  all.exact = random_double(random);
  all.text = random_text(random);
  all.side = static_cast<Side>(random() % 4);
  if (random() % 2 == 0) all.item = random_item(random);
  for (auto n = random() % 4; n > 0; --n) all.flags.push_back(random() % 2 == 0);
  for (auto n = random() % 4; n > 0; --n) {
    all.holes.push_back(random() % 2 == 0 ? std::optional<std::int32_t>()
                                          : static_cast<std::int32_t>(random()));
  }
  for (auto n = random() % 4; n > 0; --n) all.table.emplace_back(random() % 3, random_text(random));
  for (auto n = random() % 4; n > 0; --n)
    all.counts[random_text(random)] = static_cast<std::int64_t>(random());
  for (auto n = random() % 4; n > 0; --n) {
    all.by_name[random_text(random)] = random() % 2 == 0 ? std::optional<Item>() : random_item(random);
  }
  all.retries = static_cast<std::int32_t>(random());
  return all;
}

TEST(JsonSerde, ReadsBackWhatItWroteAtRandom) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Everything reused;
  for (int i = 0; i < 3000; ++i) {
    const Everything all = random_everything(random);
    const std::string text = encoded(all);
    ASSERT_EQ(decoded<Everything>(text), all) << text;
    ASSERT_TRUE(Serde<Everything>::decode(text, reused).ok());
    ASSERT_EQ(reused, all) << text;
    ASSERT_EQ(encoded(reused), text);
  }
}

TEST(JsonSerde, SurvivesMutatedText) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::string alphabet = "{}[],:\"\\u0159e+-.ntfalsru \xc3\xa9\xff";
  int read = 0;
  constexpr int kRounds = 8000;
  for (int i = 0; i < kRounds; ++i) {
    std::string text = encoded(random_everything(random));
    for (auto changes = random() % 3 + 1; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 5) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text[at] = alphabet[random() % alphabet.size()];
          break;
        case 2:
          text.insert(at, 1, alphabet[random() % alphabet.size()]);
          break;
        case 3:
          text.erase(at, std::min<std::size_t>(random() % 8, text.size() - 1));
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
      }
    }
    if (random() % 8 == 0) text.resize(random() % text.size() + 1);
    Everything target;
    const absl::Status status = Serde<Everything>::decode(text, target);
    if (!status.ok()) {
      ASSERT_TRUE(status.message().size() < 1000 && status.message()[0] == '$') << status;
      continue;
    }
    ++read;
    ASSERT_EQ(decoded<Everything>(encoded(target)), target) << text;
  }
  EXPECT_GT(read, kRounds / 100);
  EXPECT_LT(read, kRounds);
}

// ------------------------------------------------------------------------------------------------- the types

struct Undescribed {};
enum Loose { kLoose };

template <class T>
concept JsonKnows = detail::json_knows<T>();

static_assert(Serializable<Order> && Serializable<Side> && Serializable<std::vector<Item>> &&
              !Serializable<Visit*>);
static_assert(Serde<Order>::kFormat == "json" && Serde<Everything>::kFormat == "json:everything-2");
static_assert(!Serde<Order>::kCanonical && !Serde<Side>::kCanonical);
static_assert(JsonKnows<bool> && JsonKnows<std::int8_t> && JsonKnows<long long> && JsonKnows<Order> &&
              JsonKnows<Day>);
static_assert(!JsonKnows<char> && !JsonKnows<wchar_t> && !JsonKnows<long double> && !JsonKnows<const char*>);
static_assert(!JsonKnows<Undescribed> && !JsonKnows<Loose> && !JsonKnows<std::chrono::milliseconds>);
static_assert(!JsonKnows<std::string_view>, "there would be nobody to own the text");
static_assert(!JsonKnows<std::optional<std::optional<int>>>, "null could mean either");
static_assert(!JsonKnows<std::vector<Undescribed>> && !JsonKnows<std::map<int, int>>);
static_assert(JsonKnows<std::map<std::string, std::vector<std::optional<Order>>>>);

}  // namespace
}  // namespace weir
