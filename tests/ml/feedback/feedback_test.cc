#include <weir/ml/feedback/feedback.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/map_values.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/random_cases.h"
#include "support/records.h"

namespace weir {
namespace feedback_test {

using namespace std::chrono_literals;
using ml::LabelChoice;

std::string text_of(const ml::Example<std::string, std::int64_t>& example) {
  return example.prediction + "/" + std::to_string(example.label) + "/" +
         std::string(ml::name_of(example.kind)) + "/" + std::to_string(example.predicted_at);
}

std::string text_of(const ml::Orphan<std::int64_t>& orphan) {
  std::string reason(ml::name_of(orphan.reason));
  std::ranges::replace(reason, ' ', '-');
  return std::to_string(orphan.label) + "/" + reason;
}

struct Terms {
  Duration horizon = 10ms;
  Duration grace = 0ms;
  Duration keep = 0ms;
  LabelChoice choice = LabelChoice::kFirst;
  std::optional<std::int64_t> otherwise = std::nullopt;
};

TextDriver joining(const Terms& terms, const DriverOptions& options = {}) {
  return TextDriver(
      [=](StreamBuilder& builder) {
        const auto join = ml::feedback({.store = "feedback",
                                        .horizon = terms.horizon,
                                        .grace = terms.grace,
                                        .keep = terms.keep,
                                        .choice = terms.choice},
                                       builder.stream<std::string, std::int64_t>("labels"));
        const auto predictions = builder.stream<std::string, std::string>("predictions");
        const auto joined =
            terms.otherwise ? predictions.apply(join.otherwise(*terms.otherwise)) : predictions.apply(join);
        joined.examples
            .map_values(
                [](const ml::Example<std::string, std::int64_t>& example) { return text_of(example); })
            .to("examples");
        joined.orphans.map_values([](const ml::Orphan<std::int64_t>& orphan) { return text_of(orphan); })
            .to("orphans");
      },
      options);
}

void predict(TextDriver& driver, const std::string& records) {
  driver.feed<std::string, std::string>("predictions", records);
}
void label(TextDriver& driver, const std::string& records) {
  driver.feed<std::string, std::int64_t>("labels", records);
}
std::string examples(TextDriver& driver) { return driver.take<std::string, std::string>("examples"); }
std::string orphans(TextDriver& driver) { return driver.take<std::string, std::string>("orphans"); }

TEST(Feedback, ALabelWithinTheHorizonMakesAnExample) {
  TextDriver driver = joining({});
  predict(driver, "a:x@0 b:y@5");
  label(driver, "a:1@10 b:0@5");
  EXPECT_EQ(examples(driver), "a:x/1/labelled/0@10 b:y/0/labelled/5@5");
  EXPECT_EQ(orphans(driver), "");
}

TEST(Feedback, ALabelMayComeBeforeItsPrediction) {
  TextDriver driver = joining({.grace = 5ms});
  label(driver, "a:1@7");
  predict(driver, "a:x@4");
  EXPECT_EQ(examples(driver), "a:x/1/labelled/4@7");
}

TEST(Feedback, ALabelWithoutPredictionIsAnOrphanWhenTimeHasPassed) {
  TextDriver driver = joining({.grace = 5ms});
  label(driver, "a:1@7");
  predict(driver, "b:x@12");
  EXPECT_EQ(orphans(driver), "");
  predict(driver, "c:x@13");
  EXPECT_EQ(orphans(driver), "a:1/no-prediction@7");
  predict(driver, "a:x@7");  // too late for it
  EXPECT_EQ(examples(driver), "");
}

TEST(Feedback, ALabelOlderThanItsPredictionIsAnOrphan) {
  TextDriver driver = joining({.grace = 5ms});
  label(driver, "a:1@3");
  predict(driver, "a:x@4");
  label(driver, "a:0@2 a:2@4");
  EXPECT_EQ(orphans(driver), "a:1/before-the-prediction@3 a:0/before-the-prediction@2");
  EXPECT_EQ(examples(driver), "a:x/2/labelled/4@4");
}

TEST(Feedback, WithoutLabelTheDeclaredOneIsTold) {
  TextDriver driver = joining({.grace = 2ms, .otherwise = 0});
  predict(driver, "a:x@0 b:y@1 c:z@12");
  EXPECT_EQ(examples(driver), "");
  predict(driver, "d:z@13");
  EXPECT_EQ(examples(driver), "a:x/0/default/0@10");
  label(driver, "b:1@11");  // in the grace still, and made within the horizon
  EXPECT_EQ(examples(driver), "b:y/1/labelled/1@11");
  predict(driver, "e:z@100");
  EXPECT_EQ(examples(driver), "c:z/0/default/12@22 d:z/0/default/13@23");
}

TEST(Feedback, WithoutDeclaredLabelNothingIsTold) {
  TextDriver driver = joining({});
  predict(driver, "a:x@0 b:y@100");
  label(driver, "a:1@100");
  predict(driver, "c:z@101");
  EXPECT_EQ(examples(driver), "");
  EXPECT_EQ(orphans(driver), "a:1/no-prediction@100");
}

TEST(Feedback, LabelsThatComeAfterTheDefaultCorrectIt) {
  TextDriver driver = joining({.keep = 20ms, .otherwise = 0});
  predict(driver, "a:x@0 b:y@11");
  EXPECT_EQ(examples(driver), "a:x/0/default/0@10");
  label(driver, "a:1@9");  // made in time, came late
  EXPECT_EQ(examples(driver), "a:x/1/correction/0@9");
  label(driver, "a:2@9");
  EXPECT_EQ(examples(driver), "");
  EXPECT_EQ(driver.dropped(DropReason::kDuplicate), 1U);
}

TEST(Feedback, LabelsFromBehindTheHorizonAreOrphansAndCorrectWhatIsRemembered) {
  TextDriver driver = joining({.keep = 20ms, .otherwise = 0});
  predict(driver, "a:x@0");
  label(driver, "a:1@15");
  EXPECT_EQ(examples(driver), "a:x/0/default/0@10 a:x/1/correction/0@15");
  EXPECT_EQ(orphans(driver), "a:1/too-late@15");
  label(driver, "a:1@31 b:1@40");  // forgotten
  EXPECT_EQ(examples(driver), "");
  EXPECT_EQ(orphans(driver), "a:1/no-prediction@31");
}

TEST(Feedback, FurtherLabelsAreDroppedOrCorrections) {
  TextDriver first = joining({});
  predict(first, "a:x@0");
  label(first, "a:1@1 a:2@2");
  EXPECT_EQ(examples(first), "a:x/1/labelled/0@1");
  EXPECT_EQ(first.dropped(DropReason::kDuplicate), 1U);
  TextDriver last = joining({.choice = LabelChoice::kLast});
  predict(last, "a:x@0");
  label(last, "a:1@1 a:2@2 a:3@1");
  EXPECT_EQ(examples(last), "a:x/1/labelled/0@1 a:x/2/correction/0@2 a:x/3/correction/0@1");
}

TEST(Feedback, TheSecondPredictionOfAnIdIsDropped) {
  TextDriver driver = joining({});
  predict(driver, "a:x@0 a:y@1");
  label(driver, "a:1@2");
  EXPECT_EQ(examples(driver), "a:x/1/labelled/0@2");
  EXPECT_EQ(driver.dropped(DropReason::kDuplicate), 1U);
}

TEST(Feedback, ManyLabelsBeforeTheirPredictionAreBounded) {
  TextDriver driver = joining({.grace = 5ms, .choice = LabelChoice::kLast});
  for (int i = 0; i < 20; ++i) label(driver, "a:1@4");
  EXPECT_EQ(driver.dropped(DropReason::kDuplicate), 4U);
  predict(driver, "a:x@4");
  EXPECT_EQ(std::ranges::count(examples(driver), ':'), 16);
}

TEST(Feedback, ExamplesHaveThePredictionsHeaders) {
  TextDriver driver = joining({.otherwise = 0});
  ASSERT_TRUE(
      (driver.driver().pipe<std::string, std::string>("predictions", "a", "x", 0, {{"model", "m"}}).ok()));
  ASSERT_TRUE(
      (driver.driver().pipe<std::string, std::string>("predictions", "b", "y", 1, {{"model", "n"}}).ok()));
  ASSERT_TRUE(driver.driver().restart().ok());
  ASSERT_TRUE(
      (driver.driver().pipe<std::string, std::int64_t>("labels", "a", 1, 100, {{"from", "till"}}).ok()));
  const auto told = driver.driver().read<std::string, std::string>("examples");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].headers, (Headers{{"model", "m"}}));
  EXPECT_EQ(told[1].headers, (Headers{{"model", "n"}}));
}

TEST(Feedback, FeaturesMustBeOlderThanTheirPrediction) {
  TextDriver driver([](StreamBuilder& builder) {
    const auto joined =
        builder.stream<std::string, std::int64_t>("predictions")
            .apply(ml::feedback(
                       {.store = "feedback", .horizon = 10ms, .grace = 0ms, .on_error = ErrorPolicy::kSkip},
                       builder.stream<std::string, std::int64_t>("labels"))
                       .feature_time([](std::int64_t features_at) { return features_at; }));
    joined.examples
        .map_values(
            [](const ml::Example<std::int64_t, std::int64_t>& example) { return example.feature_time; })
        .to("examples");
  });
  driver.feed<std::string, std::int64_t>("predictions", "a:4@5 b:5@5 c:6@5");
  driver.feed<std::string, std::int64_t>("labels", "a:1@5 b:1@5 c:1@5");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("examples")), "a:4@5");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 2U);
}

TEST(Feedback, DurationsThatCannotBeAreProblems) {
  const std::string problems = problems_of([](StreamBuilder& builder) {
    builder.stream<std::string, std::string>("p").apply(ml::feedback(
        {.store = "f", .horizon = 0ms, .grace = 0ms}, builder.stream<std::string, std::int64_t>("l")));
  });
  EXPECT_NE(problems.find("feedback: the horizon must be positive"), std::string::npos) << problems;
  EXPECT_NE(problems.find("feedback_test.cc"), std::string::npos) << problems;
}

// The rules again, over lists, with a search for everything at each step.
class Reference {
 public:
  explicit Reference(const Terms& terms) : terms_(terms) {}

  std::string examples;
  std::string orphans;

  void predict(const std::string& id, const std::string& value, Timestamp time) {
    pass(time);
    if (!predictions_.contains(id)) {
      predictions_[id] = {value, time};
      std::vector<Label> waiting;
      std::ranges::copy_if(labels_, std::back_inserter(waiting),
                           [&](const Label& one) { return one.id == id; });
      std::erase_if(labels_, [&](const Label& one) { return one.id == id; });
      for (const Label& one : waiting) judge(one);
    }
    settle();
  }

  void label(const std::string& id, std::int64_t value, Timestamp time) {
    pass(time);
    const Label one{id, value, time};
    if (predictions_.contains(id)) {
      judge(one);
    } else {
      labels_.push_back(one);
    }
    settle();
  }

 private:
  struct Prediction {
    std::string value;
    Timestamp time = 0;
    int told = 0;  // 1: the default, 2: a label
    bool settled = false;
  };
  struct Label {
    std::string id;
    std::int64_t value = 0;
    Timestamp time = 0;
  };

  void pass(Timestamp time) {
    now_ = std::max(now_, time);
    settle();
  }

  void tell(const std::string& id, std::int64_t value, const std::string& kind, Timestamp time) {
    const Prediction& one = predictions_.at(id);
    examples += id + ":" + one.value + "/" + std::to_string(value) + "/" + kind + "/" +
                std::to_string(one.time) + "@" + std::to_string(time) + " ";
  }
  void orphan(const Label& one, const std::string& reason) {
    orphans += one.id + ":" + std::to_string(one.value) + "/" + reason + "@" + std::to_string(one.time) + " ";
  }

  void judge(const Label& one) {
    Prediction& prediction = predictions_.at(one.id);
    if (one.time < prediction.time) return orphan(one, "before-the-prediction");
    const bool behind = one.time > prediction.time + terms_.horizon.count();
    if (behind) orphan(one, "too-late");
    if (prediction.told == 0) {
      if (behind) return;
      tell(one.id, one.value, "labelled", one.time);
    } else if (prediction.told == 1 || terms_.choice == LabelChoice::kLast) {
      tell(one.id, one.value, "correction", one.time);
    }
    if (!behind) prediction.told = 2;
  }

  // What is due is done by time, then id.
  void settle() {
    for (;;) {
      std::optional<std::tuple<Timestamp, std::string>> next;
      const auto offer = [&](Timestamp due, const std::string& id) {
        const std::tuple one(due, id);
        if (due < now_ && (!next || one < *next)) next = one;
      };
      for (const auto& [id, one] : predictions_) {
        const Timestamp end = one.time + terms_.horizon.count() + terms_.grace.count();
        offer(one.settled ? end + terms_.keep.count() : end, id);
      }
      std::map<std::string, Timestamp> waiting;
      for (const Label& one : labels_)
        waiting[one.id] = std::max(waiting[one.id], one.time + terms_.grace.count());
      for (const auto& [id, due] : waiting) offer(due, id);
      if (!next) return;
      const std::string id = std::get<1>(*next);
      if (const auto found = predictions_.find(id); found != predictions_.end()) {
        Prediction& one = found->second;
        if (!one.settled && one.told == 0 && terms_.otherwise) {
          tell(id, *terms_.otherwise, "default", one.time + terms_.horizon.count());
          one.told = 1;
        }
        if (one.settled || terms_.keep.count() == 0) {
          predictions_.erase(found);
        } else {
          one.settled = true;
        }
      } else {
        for (const Label& one : labels_) {
          if (one.id == id) orphan(one, "no-prediction");
        }
        std::erase_if(labels_, [&](const Label& one) { return one.id == id; });
      }
    }
  }

  const Terms terms_;
  Timestamp now_ = -1;
  std::map<std::string, Prediction> predictions_;
  std::vector<Label> labels_;
};

std::string with_space(const std::string& text) { return text.empty() ? "" : text + " "; }

// With restarts at any moment, in memory and on disk.
TEST(Feedback, IsWhatTheRulesSayAcrossRestarts) {
  for (const bool on_disk : {false, true}) {
    play_cases(on_disk ? 3 : number_from_environment("WEIR_FEEDBACK_CASES", 150), on_disk,
               [](unsigned seed, const std::string& folder) {
                 std::mt19937 chance(seed);
                 const auto upto = [&](unsigned most) {
                   return static_cast<Timestamp>(chance() % (most + 1));
                 };
                 Terms terms{.horizon = Duration(1 + upto(20)),
                             .grace = Duration(upto(10)),
                             .keep = Duration(chance() % 2 == 0 ? 0 : upto(30)),
                             .choice = chance() % 2 == 0 ? LabelChoice::kFirst : LabelChoice::kLast};
                 if (chance() % 2 == 0) terms.otherwise = -1;
                 DriverOptions options;
                 options.state_directory = folder;
                 TextDriver driver = joining(terms, options);
                 Reference reference(terms);
                 Timestamp time = 0;
                 for (int i = 0; i < 60; ++i) {
                   time += chance() % 3 == 0 ? upto(8) : 0;
                   const Timestamp at = std::max<Timestamp>(0, time - upto(12));
                   const std::string id(1, static_cast<char>('a' + chance() % 4));
                   if (chance() % 2 == 0) {
                     const std::string value = "p" + std::to_string(i);
                     predict(driver, id + ":" + value + "@" + std::to_string(at));
                     reference.predict(id, value, at);
                   } else {
                     label(driver, id + ":" + std::to_string(i) + "@" + std::to_string(at));
                     reference.label(id, i, at);
                   }
                   if (chance() % 15 == 0) {
                     ASSERT_TRUE(driver.driver().restart().ok());
                   }
                 }
                 ASSERT_EQ(with_space(examples(driver)), reference.examples);
                 ASSERT_EQ(with_space(orphans(driver)), reference.orphans);
               });
  }
}

}  // namespace feedback_test
}  // namespace weir
