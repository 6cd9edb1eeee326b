#include <weir/core/headers.h>

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir {
namespace {

std::vector<std::string> names_of(const Headers& headers) {
  std::vector<std::string> names;
  for (const Header& header : headers) names.push_back(header.name);
  return names;
}

TEST(Headers, AreEmptyAtFirst) {
  const Headers headers;
  EXPECT_TRUE(headers.empty());
  EXPECT_EQ(headers.size(), 0u);
  EXPECT_EQ(headers, kNoHeaders);
  EXPECT_EQ(headers.last("any"), nullptr);
}

TEST(Headers, KeepTheOrderInWhichTheyWereAdded) {
  Headers headers;
  headers.add("b", "1");
  headers.add("a", "2");
  headers.add("b", "3");
  EXPECT_EQ(names_of(headers), (std::vector<std::string>{"b", "a", "b"}));
  EXPECT_EQ(headers.size(), 3u);
}

TEST(Headers, AnswerWithTheLastOfAName) {
  const Headers headers{{"trace", "first"}, {"other", "x"}, {"trace", "second"}};
  ASSERT_NE(headers.last("trace"), nullptr);
  EXPECT_EQ(headers.last("trace")->value, "second");
  EXPECT_EQ(headers.last("Trace"), nullptr) << "names are case-sensitive";
}

TEST(Headers, TellNullFromEmptyValues) {
  const Headers null{{"name", std::nullopt}};
  const Headers empty{{"name", ""}};
  EXPECT_NE(null, empty);
  EXPECT_FALSE(null.last("name")->value.has_value());
  EXPECT_EQ(empty.last("name")->value, "");
}

TEST(Headers, HoldAnyBytesAndAnEmptyName) {
  Headers headers;
  headers.add("", Bytes("\0\xff", 2));
  ASSERT_NE(headers.last(""), nullptr);
  EXPECT_EQ(headers.last("")->value, Bytes("\0\xff", 2));
}

TEST(Headers, RemoveEveryOneOfAName) {
  Headers headers{{"a", "1"}, {"b", "2"}, {"a", "3"}};
  headers.remove("a");
  EXPECT_EQ(headers, (Headers{{"b", "2"}}));
  headers.remove("not there");
  EXPECT_EQ(headers.size(), 1u);
  headers.clear();
  EXPECT_TRUE(headers.empty());
}

TEST(Headers, AreEqualOnlyInTheSameOrder) {
  EXPECT_EQ((Headers{{"a", "1"}, {"b", "2"}}), (Headers{{"a", "1"}, {"b", "2"}}));
  EXPECT_NE((Headers{{"a", "1"}, {"b", "2"}}), (Headers{{"b", "2"}, {"a", "1"}}));
}

}  // namespace
}  // namespace weir
