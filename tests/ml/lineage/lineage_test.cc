// Is a set of predictions the same in whatever order it was made, and as headers and bytes?
#include <weir/ml/lineage/lineage.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/environment.h"

namespace weir::ml {
namespace {

Lineage lineage_of(const std::vector<std::string>& marks, std::size_t bytes_max = kLineageBytes) {
  Lineage lineage;
  for (const std::string& mark : marks) lineage.add(mark, bytes_max);
  return lineage;
}

TEST(PredictionMark, IsReadAsItIsWritten) {
  const PredictionMark mark{"a;b", "1%", "", "cha mpion", "\xc3\xa4", "in-0-7#2"};
  const std::string text = text_of(mark);
  EXPECT_EQ(text, "a%3Bb;1%25;;cha%20mpion;%C3%A4;in-0-7#2");
  PredictionMark read;
  ASSERT_TRUE(parse_mark(text, read).ok());
  EXPECT_EQ(read, mark);
}

TEST(PredictionMark, RefusesWhatIsNone) {
  PredictionMark read;
  for (const char* text :
       {"", "a;b;c;d;e", "a;b;c;d;e;f;g", "a%;b;c;d;e;f", "a%zz;b;c;d;e;f", "a;b;c;d;e;%4"})
    EXPECT_FALSE(parse_mark(text, read).ok()) << text;
}

TEST(Lineage, TakesThePredictionsThatScoreStamped) {
  Headers headers;
  headers.add("other", "x");
  for (const char* version : {"1", "2"}) {
    headers.add("weir.model.name", "fraud");
    headers.add("weir.model.version", version);
    headers.add("weir.model.digest", "abc");
    headers.add("weir.features", "f00");
    headers.add("weir.prediction", "in-0-7");
  }
  EXPECT_EQ(Lineage::of(headers).marks(),
            (std::vector<std::string>{"fraud;1;abc;;f00;in-0-7", "fraud;2;abc;;f00;in-0-7"}));
  EXPECT_TRUE(Lineage::of({}).empty());
  EXPECT_TRUE(Lineage::of({{"weir.features", "f00"}}).empty());
}

TEST(Lineage, TakesTheHashOfTheRowWhereScoreWasNotToldOfTheView) {
  EXPECT_EQ(
      Lineage::of({{"weir.features.hash", "f00"}, {"weir.model.name", "m"}, {"weir.prediction", "in-0-7"}})
          .marks(),
      (std::vector<std::string>{"m;;;;f00;in-0-7"}));
}

TEST(Lineage, GoesThroughHeaders) {
  for (const std::size_t bytes_max : {std::size_t{100}, std::size_t{3}}) {
    const Lineage lineage = lineage_of({"b", "a", "c", "d"}, bytes_max);
    EXPECT_EQ(lineage.is_digest(), bytes_max == 3);
    Headers headers{{"weir.lineage", "old"}, {"weir.lineage.digest", "old"}, {"other", "x"}};
    lineage.write_to(headers);
    EXPECT_EQ(headers.size(), bytes_max == 3 ? 2u : 5u);
    EXPECT_EQ(Lineage::of(headers), lineage);
  }
}

TEST(Lineage, KeepsHeadersThatItCannotRead) {
  const Lineage lineage = Lineage::of({{"weir.lineage.digest", "7"},
                                       {"weir.lineage.digest", "0:00000000000000000000000000000000"},
                                       {"weir.lineage.digest", "1:0000000000000000-000000000000000"},
                                       {"weir.lineage", std::nullopt}});
  EXPECT_EQ(lineage.count(), 4u);
}

TEST(Lineage, DoesNotDependOnTheOrder) {
  const std::uint64_t seed = number_from("WEIR_LINEAGE_SEED", 3);
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::vector<std::string> marks;
  for (int i = 0; i < 40; ++i) marks.push_back("mark" + std::to_string(i));
  for (const std::size_t bytes_max : {std::size_t{10'000}, std::size_t{100}}) {
    const Lineage expected = lineage_of(marks, bytes_max);
    for (int round = 0; round < 20; ++round) {
      std::shuffle(marks.begin(), marks.end(), random);
      const auto middle = marks.begin() + static_cast<std::ptrdiff_t>(random() % marks.size());
      Lineage one = lineage_of({marks.begin(), middle}, bytes_max);
      one.merge(lineage_of({middle, marks.end()}, bytes_max), bytes_max);
      EXPECT_EQ(one, expected);
      EXPECT_EQ(one.digest(), lineage_of(marks, 10'000).digest());
    }
  }
}

TEST(Lineage, CountsAMarkOnceWhileItIsAList) {
  Lineage lineage = lineage_of({"a", "b", "a"});
  lineage.merge(lineage_of({"b", "c"}));
  EXPECT_EQ(lineage.marks(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(lineage.count(), 3u);
}

TEST(Lineage, HasBytesThatAreReadAsTheyAreWrittenOrRefused) {
  std::mt19937_64 random(5);
  for (const std::size_t bytes_max : {std::size_t{100}, std::size_t{1}}) {
    const Lineage lineage = lineage_of({"first", "second", ""}, bytes_max);
    Bytes bytes;
    Serde<Lineage>::encode(lineage, bytes);
    Lineage read;
    ASSERT_TRUE(Serde<Lineage>::decode(bytes, read).ok());
    EXPECT_EQ(read, lineage);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut)
      EXPECT_FALSE(Serde<Lineage>::decode(BytesView(bytes).substr(0, cut), read).ok()) << cut;
    for (int round = 0; round < 2'000; ++round) {
      Bytes damaged = bytes;
      damaged[random() % damaged.size()] = static_cast<char>(random());
      if (!Serde<Lineage>::decode(damaged, read).ok()) continue;
      Bytes again;
      Serde<Lineage>::encode(read, again);
      EXPECT_EQ(again, damaged);
    }
  }
}

}  // namespace
}  // namespace weir::ml
