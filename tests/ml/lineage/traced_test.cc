// Does a value know which predictions it was made of, behind joins, aggregates and restarts?
#include <weir/ml/lineage/traced.h>

#include <unistd.h>

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using Text = std::string;

// The stream of a topic, scored by a model that is called as the topic.
KStream<Text, Text> scored(StreamBuilder& builder, const std::string& topic) {
  ModelManifest manifest = scale_manifest("v1", "2", 0);
  manifest.name = topic;
  return builder.stream<Text, Text>(topic).apply(score(
      {.model = std::make_shared<ScaleModel>(manifest, 2.0F)},
      [](const Text& value) { return std::array{static_cast<float>(value.size())}; },
      [](const Text& value, std::span<const float>) { return value; }));
}
KStream<Text, Traced<Text>> traced_stream(StreamBuilder& builder, const std::string& topic) {
  return scored(builder, topic).apply(traced());
}

Text both(const Text& one, const Text& other) { return one + "+" + other; }
Text nothing_yet() { return ""; }
// Leaves out the value's own text, so that rows are short.
void append(const Text& value, Text& row) { row += value; }

class TracedTest : public testing::Test {
 protected:
  void start(const std::function<void(StreamBuilder&)>& describe, const DriverOptions& options = {}) {
    StreamBuilder builder;
    describe(builder);
    auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    auto driver = TopologyDriver::create(*topology, options);
    ASSERT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
  }
  void pipe(const std::string& topic, const std::string& key, const std::optional<Text>& value,
            Timestamp time) {
    const absl::Status piped = driver_->pipe<Text, std::optional<Text>>(topic, key, value, time);
    EXPECT_TRUE(piped.ok()) << piped;
  }
  // What was written, each with the predictions in its headers: "value <left-0-0 right-0-0>", or "value <3 in all>".
  std::vector<std::string> out() {
    std::vector<std::string> all;
    for (const auto& record : driver_->read<Text, std::optional<Text>>("out")) {
      const Lineage lineage = lineage_in(record.headers);
      std::string text = record.value.value_or("null") + " <";
      if (lineage.is_digest()) text += std::to_string(lineage.count()) + " in all";
      for (const std::string& mark : lineage.marks()) {
        PredictionMark read;
        EXPECT_TRUE(parse_mark(mark, read).ok()) << mark;
        EXPECT_EQ(read.version, "v1");
        EXPECT_EQ(read.prediction.substr(0, read.model.size()), read.model);
        text += (text.back() == '<' ? "" : " ") + read.prediction;
      }
      all.push_back(text + ">");
    }
    return all;
  }
  // Without what score stamped.
  static Lineage lineage_in(const Headers& headers) {
    Headers only;
    for (const Header& header : headers) {
      if (header.name == kLineageHeader || header.name == kLineageDigestHeader)
        only.add(header.name, header.value);
    }
    return Lineage::of(only);
  }
  using Lines = std::vector<std::string>;

  std::unique_ptr<TopologyDriver> driver_;
};

TEST_F(TracedTest, AJoinOfStreamsNamesThePredictionsOfBothSides) {
  start([](StreamBuilder& builder) {
    traced_stream(builder, "left")
        .join(traced_stream(builder, "right"), {.store = "pairs", .within = 1s, .grace = 1s},
              with_lineage(both))
        .apply(lineage())
        .to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("left", "k", "b", 0);
  pipe("right", "k", "x", 10);
  EXPECT_EQ(out(), (Lines{"a+x <left-0-0 right-0-0>", "b+x <left-0-1 right-0-0>"}));
}

TEST_F(TracedTest, ASideThatIsMissingHasNoPredictions) {
  start([](StreamBuilder& builder) {
    traced_stream(builder, "left")
        .outer_join(traced_stream(builder, "right"), {.store = "pairs", .within = 10ms, .grace = 0ms},
                    with_lineage([](const Text* one, const Text* other) {
                      return both(one == nullptr ? "-" : *one, other == nullptr ? "-" : *other);
                    }))
        .apply(lineage())
        .to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("right", "k", "x", 100);
  pipe("left", "k", "b", 200);
  EXPECT_EQ(out(), (Lines{"a+- <left-0-0>", "-+x <right-0-0>"}));
}

TEST_F(TracedTest, AJoinWithATableNamesThePredictionsOfRecordAndRow) {
  start([](StreamBuilder& builder) {
    const auto rows = traced_stream(builder, "right").to_table({.store = "rows"});
    const auto left = traced_stream(builder, "left");
    left.join(rows, with_lineage(both)).apply(lineage()).to("out");
    left.left_join(rows, with_lineage([](const Text& one, const std::optional<Text>& other) {
                     return both(one, other.value_or("-"));
                   }))
        .apply(lineage())
        .to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("right", "k", "x", 1);
  pipe("left", "k", "b", 2);
  EXPECT_EQ(out(), (Lines{"a+- <left-0-0>", "b+x <left-0-1 right-0-0>", "b+x <left-0-1 right-0-0>"}));
}

TEST_F(TracedTest, AJoinOfTablesNamesThePredictionsOfBothRows) {
  start([](StreamBuilder& builder) {
    const auto left = traced_stream(builder, "left").to_table({.store = "left-rows"});
    const auto right = traced_stream(builder, "right").to_table({.store = "right-rows"});
    left.join({.store = "joined"}, right, with_lineage(both)).to_stream().apply(lineage()).to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("right", "k", "x", 1);
  pipe("left", "k", "b", 2);
  EXPECT_EQ(out(), (Lines{"a+x <left-0-0 right-0-0>", "b+x <left-0-1 right-0-0>"}));
}

TEST_F(TracedTest, OneSideAloneMayBeTraced) {
  start([](StreamBuilder& builder) {
    traced_stream(builder, "left")
        .join(builder.stream<Text, Text>("right"), {.store = "pairs", .within = 1s, .grace = 1s},
              with_lineage(both))
        .map_values(with_lineage([](const Text& value) { return value + "!"; }))
        .apply(lineage())
        .to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("right", "k", "x", 10);
  EXPECT_EQ(out(), (Lines{"a+x! <left-0-0>"}));
}

// An aggregate in windows that is told with its key alone.
void add_window(StreamBuilder& builder, std::size_t bytes_max, bool persistent) {
  traced_stream(builder, "left")
      .group_by_key()
      .windowed_by(tumbling({.size = 1s, .grace = 1s}))
      .aggregate({.store = "sums", .persistent = persistent}, with_lineage(nothing_yet),
                 with_lineage(append, bytes_max))
      .to_stream([](const Windowed<Text>& key, const Traced<Text>&) { return key.key; })
      .apply(lineage())
      .to("out");
}

TEST_F(TracedTest, AnAggregateNamesAllThatItIsMadeOfAlsoAfterARestart) {
  const std::string directory =
      (std::filesystem::temp_directory_path() / ("weir-traced-" + std::to_string(::getpid()))).string();
  for (const bool on_disk : {false, true}) {
    std::filesystem::remove_all(directory);
    start([](StreamBuilder& builder) { add_window(builder, kLineageBytes, true); },
          on_disk ? DriverOptions{.state_directory = directory} : DriverOptions{});
    for (const char* value : {"a", "b", "c"}) {
      pipe("left", "k", value, 100);
      ASSERT_TRUE(driver_->restart().ok());
    }
    pipe("left", "k", "d", 1'100);
    EXPECT_EQ(out(), (Lines{"a <left-0-0>", "ab <left-0-0 left-0-1>", "abc <left-0-0 left-0-1 left-0-2>",
                            "d <left-0-3>"}));
    driver_.reset();
  }
  std::filesystem::remove_all(directory);
}

TEST_F(TracedTest, BeyondItsLimitALineageIsACountAndADigest) {
  const auto run = [&](bool restarts) {
    start([](StreamBuilder& builder) { add_window(builder, 100, false); });
    for (const char* value : {"a", "b", "c", "d", "e"}) {
      pipe("left", "k", value, 100);
      if (restarts) {
        EXPECT_TRUE(driver_->restart().ok());
      }
    }
    std::vector<std::string> digests;
    std::vector<std::size_t> counts;
    for (const auto& record : driver_->read<Text, Text>("out")) {
      const Lineage lineage = lineage_in(record.headers);
      digests.push_back(lineage.digest());
      counts.push_back(lineage.count());
      EXPECT_EQ(lineage.is_digest(), lineage.count() > 3) << lineage.count();
    }
    EXPECT_EQ(counts, (std::vector<std::size_t>{1, 2, 3, 4, 5}));
    return digests;
  };
  const auto plain = run(false);
  EXPECT_EQ(plain, run(true));
  EXPECT_NE(plain[3], plain[4]);
}

TEST_F(TracedTest, SessionsThatBecomeOneNameThePredictionsOfBoth) {
  start([](StreamBuilder& builder) {
    traced_stream(builder, "left")
        .group_by_key()
        .windowed_by(session({.gap = 10ms, .grace = 1s}))
        .aggregate({.store = "sessions"}, with_lineage(nothing_yet), with_lineage(append), with_lineage(both))
        .to_stream(
            [](const SessionWindowed<Text>& key, const std::optional<Traced<Text>>&) { return key.key; })
        .apply(lineage())
        .to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("left", "k", "b", 20);
  EXPECT_EQ(out(), (Lines{"a <left-0-0>", "b <left-0-1>"}));
  pipe("left", "k", "c", 10);
  const auto last = out().back();
  EXPECT_NE(last.find("<left-0-0 left-0-1 left-0-2>"), std::string::npos) << last;
}

TEST_F(TracedTest, AReducerMayDeleteARow) {
  start([](StreamBuilder& builder) {
    traced_stream(builder, "left")
        .group_by_key()
        .reduce({.store = "rows"}, with_lineage([](const Text& row, const Text& value) {
                  return value == "del" ? std::nullopt : std::optional<Text>(row + value);
                }))
        .to_stream()
        .apply(lineage())
        .to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("left", "k", "b", 1);
  pipe("left", "k", "del", 2);
  pipe("left", "k", "c", 3);
  EXPECT_EQ(out(), (Lines{"a <left-0-0>", "ab <left-0-0 left-0-1>", "null <>", "c <left-0-3>"}));
}

TEST_F(TracedTest, LineageGoesOnThroughTopicsAndFurtherScores) {
  start([](StreamBuilder& builder) {
    traced_stream(builder, "left")
        .join(traced_stream(builder, "right"), {.store = "pairs", .within = 1s, .grace = 1s},
              with_lineage(both))
        .apply(lineage())
        .to("middle");
    scored(builder, "middle").apply(traced()).apply(lineage()).to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("right", "k", "x", 10);
  EXPECT_EQ(out(), (Lines{"a+x <left-0-0 middle-0-0 right-0-0>"}));
}

TEST_F(TracedTest, WithoutItHeadersAreThoseOfTheRecordAtHand) {
  start([](StreamBuilder& builder) {
    scored(builder, "left")
        .join(scored(builder, "right"), {.store = "pairs", .within = 1s, .grace = 1s}, both)
        .to("out");
  });
  pipe("left", "k", "a", 0);
  pipe("right", "k", "x", 10);
  const auto records = driver_->read<Text, Text>("out");
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].headers.last(kPredictionHeader)->value, "right-0-0");
  EXPECT_EQ(records[0].headers.last(kLineageHeader), nullptr);
}

// What takes plain values only, or a row that it cannot change, is no callable for traced ones.
using InPlace = WithLineage<void (*)(const Text&, Text&)>;
static_assert(std::invocable<const InPlace&, const Traced<Text>&, Traced<Text>&>);
static_assert(!std::invocable<const InPlace&, const Traced<Text>&, const Traced<Text>&>);
static_assert(!std::invocable<const InPlace&, const Traced<Text>&, Traced<Text>>);
static_assert(!std::invocable<const InPlace&, const Traced<int>&, Traced<Text>&>);
static_assert(!std::invocable<const InPlace&, const Text&, Text&>);
static_assert(Serde<Traced<Text>>::kFormat == "traced-1-string");

}  // namespace
}  // namespace weir::ml
