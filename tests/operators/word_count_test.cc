// The first program everybody writes, from text to counts, through a repartition topic.
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/weir.h>

#include "support/records.h"

namespace weir {
namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : line + "-") {
    if (c != '-') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
  }
  return words;
}

void word_count(StreamBuilder& builder) {
  builder.stream<std::string, std::string>("lines")
      .flat_map_values(words_of)
      .group_by([](const std::string& word) { return word; })
      .count({.store = "counts"})
      .to_stream()
      .to("word-counts");
}

TEST(WordCount, CountsWordsAcrossLines) {
  TextDriver driver(word_count);
  driver.feed<std::string, std::string>("lines", "1:to-be-or-not-to-be@10 2:be@5");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("word-counts")),
            "to:1@10 be:1@10 or:1@10 not:1@10 to:2@10 be:2@10 be:3@10");
}

TEST(WordCount, ContinuesAfterARestart) {
  TextDriver driver(word_count);
  driver.feed<std::string, std::string>("lines", "1:a-b-a@1");
  ASSERT_TRUE(driver.driver().restart().ok());
  driver.feed<std::string, std::string>("lines", "1:a@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("word-counts")), "a:1@1 b:1@1 a:2@1 a:3@2");
}

TEST(WordCount, IsDescribed) {
  EXPECT_EQ(TextDriver(word_count).description(),
            R"(Topologies:
   Sub-topology: 0
    Source: stream-1 (topics: [lines])
      --> flat-map-values-1
    Processor: flat-map-values-1 (stores: [])
      --> group-by-1
      <-- stream-1
    Processor: group-by-1 (stores: [])
      --> counts-repartition-sink
      <-- flat-map-values-1
    Sink: counts-repartition-sink (topic: counts-repartition)
      <-- group-by-1

  Sub-topology: 1
    Source: counts-repartition-source (topics: [counts-repartition])
      --> count-1
    Processor: count-1 (stores: [counts])
      --> to-stream-1
      <-- counts-repartition-source
    Processor: to-stream-1 (stores: [])
      --> to-1
      <-- count-1
    Sink: to-1 (topic: word-counts)
      <-- to-stream-1

)");
}

}  // namespace
}  // namespace weir
