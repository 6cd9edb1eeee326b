#include "oracle/recording.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weir::oracle {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// Of "filter", which keeps even numbers.
json filter_recording() {
  return json::parse(R"({
    "topology": "filter", "order": "exact", "stepExact": true, "droppedExact": true,
    "scenario": {"topology": "filter", "steps": [
      {"topic": "in", "key": "b", "value": 2, "ts": 7},
      {"topic": "in", "key": "a", "value": 3, "ts": 8},
      {"advanceWallClockMs": 5},
      {"topic": "in", "key": "a", "value": 4, "ts": 9, "headers": [["x", "1"], ["y", null]]}]},
    "golden": {
      "outputs": {"out": [
        {"step": 0, "key": "b", "value": 2, "ts": 7},
        {"step": 3, "key": "a", "value": 4, "ts": 9, "headers": [["x", "1"], ["y", null]]}]},
      "stores": [], "droppedRecords": 0, "droppedAt": []}})");
}

std::string difference(const json& recording, const RunOptions& options = {}) {
  return first_difference_of(recording.dump(), options);
}

TEST(Recording, AgreesWithWhatWeirDoes) {
  EXPECT_EQ(difference(filter_recording()), "");
  EXPECT_EQ(difference(filter_recording(), {.restarts = true}), "");
}

TEST(Recording, TellsOfEachPartOfARecordThatDiffers) {
  const json others = {{"step", 1}, {"key", "c"}, {"value", 6}, {"ts", 70}, {"headers", json::array()}};
  for (const auto& [part, value] : others.items()) {
    json recording = filter_recording();
    recording["golden"]["outputs"]["out"][1][part] = value;
    EXPECT_THAT(difference(recording), HasSubstr("topic 'out', record 1: expected")) << part;
  }
}

TEST(Recording, TellsOfMissingAndOfSurplusRecords) {
  json more = filter_recording();
  more["golden"]["outputs"]["out"].push_back({{"step", 3}, {"key", "z"}, {"value", 0}, {"ts", 9}});
  EXPECT_THAT(difference(more), HasSubstr("2 records instead of 3; missing"));
  json fewer = filter_recording();
  fewer["golden"]["outputs"]["out"].erase(1);
  EXPECT_THAT(difference(fewer), HasSubstr("2 records instead of 1; too many"));
}

TEST(Recording, OrderSaysWhatMustAgree) {
  json recording = filter_recording();
  json& out = recording["golden"]["outputs"]["out"];
  std::swap(out[0], out[1]);
  EXPECT_NE(difference(recording), "");
  recording["order"] = "perKey";
  EXPECT_EQ(difference(recording), "");
  recording["order"] = "multiset";
  EXPECT_EQ(difference(recording), "");

  json one_key = filter_recording();
  for (json& step : one_key["scenario"]["steps"]) {
    if (step.contains("key")) step["key"] = "a";
  }
  json& of_one_key = one_key["golden"]["outputs"]["out"];
  of_one_key[0]["key"] = "a";
  std::swap(of_one_key[0], of_one_key[1]);
  one_key["order"] = "perKey";
  EXPECT_NE(difference(one_key), "");
  one_key["order"] = "multiset";
  EXPECT_EQ(difference(one_key), "");
  one_key["order"] = "random";
  EXPECT_THAT(difference(one_key), HasSubstr("order is 'random'"));
}

TEST(Recording, StepsAndDroppedRecordsNeedNotAgreeWhereItSaysSo) {
  json recording = filter_recording();
  recording["golden"]["outputs"]["out"][0]["step"] = 2;
  EXPECT_NE(difference(recording), "");
  recording["stepExact"] = false;
  EXPECT_EQ(difference(recording), "");

  recording["golden"]["droppedAt"] = json::parse("[[1, 1]]");
  EXPECT_THAT(difference(recording), HasSubstr("droppedAt"));
  recording["droppedExact"] = false;
  EXPECT_EQ(difference(recording), "");
}

TEST(Recording, FailuresMustBeOfTheSameStep) {
  json recording = filter_recording();
  recording["golden"]["error"] = {{"step", 1}, {"kind", "StreamsException"}};
  EXPECT_THAT(difference(recording), HasSubstr("expected a failure"));

  json fails = filter_recording();
  fails["scenario"]["steps"][1] = {{"topic", "in"}, {"key", "a"}, {"rawValue", "short"}, {"ts", 8}};
  EXPECT_THAT(difference(fails), HasSubstr("unexpected failure"));
  fails["golden"]["error"] = {{"step", 1}, {"kind", "StreamsException"}};
  fails["golden"]["outputs"]["out"].erase(1);
  EXPECT_EQ(difference(fails), "");
  fails["golden"]["error"]["step"] = 2;
  EXPECT_THAT(difference(fails), HasSubstr("failure: expected"));
}

TEST(Recording, SaysWhatIsWrongWithAFile) {
  EXPECT_EQ(first_difference_of("", {}), "the file is no JSON object");
  EXPECT_EQ(first_difference_of("[1, 2", {}), "the file is no JSON object");
  EXPECT_EQ(first_difference_of("\xff\xfe", {}), "the file is no JSON object");
  json scenario_only = filter_recording();
  scenario_only.erase("golden");
  EXPECT_EQ(difference(scenario_only), "the file is no recording: it needs a 'scenario' and a 'golden'");

  json unknown = filter_recording();
  unknown["scenario"]["topology"] = "perpetuum-mobile";
  EXPECT_EQ(difference(unknown), "the topology 'perpetuum-mobile' is not implemented");
  json topic = filter_recording();
  topic["scenario"]["steps"][0]["topic"] = "elsewhere";
  EXPECT_EQ(difference(topic), "step 0: the topology does not read the topic 'elsewhere'");
  json type = filter_recording();
  type["scenario"]["steps"][1]["value"] = "three";
  EXPECT_EQ(difference(type), "step 1: \"three\" is no long");
  json store = filter_recording();
  store["golden"]["stores"] = {{{"name", "s"}, {"kind", "keyValue"}, {"entries", json::array()}}};
  EXPECT_EQ(difference(store), "there is no store 's'");
}

// Whatever part is gone or is something else, the answer is a sentence.
TEST(Recording, SurvivesAnyPartThatIsMissingOrOfAnotherType) {
  const json whole = filter_recording();
  const json flat = whole.flatten();
  for (const auto& [path, old] : flat.items()) {
    for (const json& other : {json(), json("text"), json(-1), json::array(), json::object()}) {
      json broken = whole;
      broken[json::json_pointer(path)] = other;
      (void)difference(broken);
    }
  }
  for (const std::string part : {"order", "scenario", "golden"}) {
    json broken = whole;
    broken.erase(part);
    EXPECT_THAT(difference(broken), HasSubstr("the file is no recording")) << part;
  }
  for (const std::string part : {"outputs", "droppedRecords", "droppedAt"}) {
    json broken = whole;
    broken["golden"].erase(part);
    EXPECT_THAT(difference(broken), HasSubstr("the file is no recording")) << part;
  }
}

}  // namespace
}  // namespace weir::oracle
