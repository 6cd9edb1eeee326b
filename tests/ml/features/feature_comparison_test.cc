// Does a comparison of feature logs find what differs, and nothing else?
#include <weir/ml/features/feature_comparison.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <unistd.h>
#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/ml/features/feature_log.h>
#include <weir/ml/features/feature_log_table.h>

#include "ml/features/card_payments.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

FeatureLogTable parsed(const std::string& text) {
  std::istringstream in(text);
  auto table = read_feature_csv(in);
  EXPECT_TRUE(table.ok()) << table.status();
  return table.ok() ? *std::move(table) : FeatureLogTable();
}

TEST(FeatureComparison, FindsNothingWhereNothingIs) {
  const FeatureLogTable table = parsed("key,time,a,b\nx,1,0.1,\ny,2,,-3\nx,1,5,inf\n");
  const FeatureComparison comparison = compare_features(table, table);
  EXPECT_TRUE(comparison.equal());
  EXPECT_EQ(comparison.pairs, 3u);
  EXPECT_EQ(comparison.features.size(), 2u);
  EXPECT_EQ(comparison.features[1].both, 2u);
  EXPECT_EQ(comparison.features[1].largest, 0);
}

TEST(FeatureComparison, CountsWhatDiffers) {
  const FeatureLogTable left = parsed("key,time,a\nk,1,1\nk,2,2\nk,3,\nk,4,4\nk,5,0\nonly,6,1\n");
  const FeatureLogTable right = parsed("time,a,key\n1,1,k\n2,6,k\n3,3,k\n4,,k\n5,0,k\n7,1,k\n8,1,k\n");
  const FeatureComparison comparison = compare_features(left, right);
  EXPECT_EQ(comparison.pairs, 5u);
  EXPECT_EQ(comparison.missing_rows, 1u);
  EXPECT_EQ(comparison.extra_rows, 2u);
  ASSERT_EQ(comparison.features.size(), 1u);
  const FeatureDifference& feature = comparison.features[0];
  EXPECT_EQ(feature.both, 3u);
  EXPECT_EQ(feature.mismatches, 1u);
  EXPECT_EQ(feature.missing, 1u);
  EXPECT_EQ(feature.extra, 1u);
  EXPECT_DOUBLE_EQ(feature.mismatch_rate(), 0.6);
  EXPECT_DOUBLE_EQ(feature.smape, 2.0 * 4 / 8 / 3);
  EXPECT_EQ(feature.half, 0);
  EXPECT_EQ(feature.q90, 4);
  EXPECT_EQ(feature.largest, 4);
  EXPECT_FALSE(comparison.equal());
  EXPECT_NE(comparison.text().find("rows: 5 pairs, 1 missing, 2 extra"), std::string::npos)
      << comparison.text();
}

TEST(FeatureComparison, PairsRowsByIdOrByKeyAndTime) {
  const FeatureLogTable left = parsed("key,time,id,a\nk,1,p1,1\nk,1,p2,2\n");
  const FeatureLogTable right = parsed("key,time,id,a\nk,1,p2,2\nk,1,p1,1\n");
  EXPECT_TRUE(compare_features(left, right).equal());
  EXPECT_EQ(compare_features(left, right, {.pair = PairRows::kByKeyAndTime}).features[0].mismatches, 2u);
  // Without ids on one side it is by key and time, in order.
  const FeatureLogTable plain = parsed("key,time,a\nk,1,1\nk,1,2\n");
  EXPECT_TRUE(compare_features(left, plain).equal());
  EXPECT_EQ(compare_features(left, plain, {.pair = PairRows::kById}).pairs, 0u);
}

TEST(FeatureComparison, AllowsATolerance) {
  const FeatureLogTable left = parsed("key,time,a\nk,1,1000\n");
  const FeatureLogTable right = parsed("key,time,a\nk,1,1001\n");
  EXPECT_FALSE(compare_features(left, right, {.tolerance = 1e-4}).equal());
  EXPECT_TRUE(compare_features(left, right, {.tolerance = 1e-2}).equal());
  const FeatureLogTable infinite = parsed("key,time,a\nk,1,inf\n");
  EXPECT_FALSE(compare_features(left, infinite, {.tolerance = 1}).equal());
}

TEST(FeatureComparison, PairsFeaturesByNameAndTellsOfOthers) {
  const FeatureComparison comparison =
      compare_features(parsed("key,time,a,b\nk,1,1,2\n"), parsed("key,time,c,b\nk,1,1,2\n"));
  EXPECT_EQ(comparison.missing_features, std::vector<std::string>{"a"});
  EXPECT_EQ(comparison.extra_features, std::vector<std::string>{"c"});
  EXPECT_EQ(comparison.features.size(), 1u);
  EXPECT_FALSE(comparison.equal());
}

TEST(FeatureLogTableFile, TellsWhatIsWrongWithItsLine) {
  for (const auto& [text, complaint] : std::vector<std::pair<std::string, std::string>>{
           {"", "the file is empty"},
           {"key,a\n", "line 1: it must name the columns key and time"},
           {"key,time,a,a\n", "line 1: two columns are called 'a'"},
           {"key,time,a\nk,1\n", "line 2: it has 2 cells, there are 3 columns"},
           {"key,time,a\nk,x,1\n", "line 2: 'x' is no time"},
           {"key,time,a\nk,1,1\n\nk,1,1 \n", "line 4: '1 ' is no number"},
       }) {
    std::istringstream in(text);
    const auto table = read_feature_csv(in);
    ASSERT_FALSE(table.ok()) << text;
    EXPECT_NE(table.status().ToString().find(complaint), std::string::npos) << table.status();
  }
  std::istringstream in("key,time,a\nk,1,1\nk,2,1\n");
  EXPECT_EQ(read_feature_csv(in, 1).status().code(), absl::StatusCode::kResourceExhausted);
}

// A log of a run, in a topic and as a file.
class LoggedRun : public testing::Test {
 protected:
  LoggedRun() {
    EXPECT_TRUE(broker_->create_topic("log", 2).ok());
    write(1);
  }

  void write(int version) {
    const auto view = features<CardPayment>("card", version)
                          .agg(count(), {1h})
                          .agg(mean("amount", &CardPayment::amount), {1h})
                          .log_to("log");
    columns_ = (*view.plan())->names();
    CardRun run([&](StreamBuilder& builder) {
      builder.stream<std::string, CardPayment>("payments").apply(view).map_values(kRowOf).to("rows");
    });
    for (int i = 0; i < 50; ++i) run.pipe(fmt::format("card,{}", i % 7), i / 3.0, 1'000'000 + i * 400'000);
    for (const RawOutput& entry : run.driver->read_raw("log")) {
      ASSERT_TRUE(broker_
                      ->append("log", kAnyPartition,
                               {.key = entry.record.key, .value = entry.record.value, .timestamp = 1})
                      .ok());
    }
  }

  const std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  const std::unique_ptr<Transport> transport_ = make_embedded_transport(broker_);
  std::vector<std::string> columns_;
};

TEST_F(LoggedRun, IsTheSameInATopicAndInAFile) {
  const auto table = read_feature_log(*transport_, {.topic = "log", .columns = columns_});
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->rows.size(), 50u);
  std::stringstream file;
  ASSERT_TRUE(write_feature_csv(*table, file).ok());
  const auto read = read_feature_csv(file);
  ASSERT_TRUE(read.ok()) << read.status();
  const FeatureComparison comparison = compare_features(*table, *read);
  EXPECT_TRUE(comparison.equal()) << comparison.text();
  EXPECT_EQ(comparison.pairs, 50u);
  EXPECT_EQ(comparison.features[0].name, "count_1h");
  // Without names it goes by place.
  const auto unnamed = read_feature_log(*transport_, {.topic = "log"});
  EXPECT_TRUE(compare_features(*unnamed, *read).equal());
  EXPECT_EQ(compare_features(*unnamed, *read).features[1].name, "amount_mean_1h");
  EXPECT_EQ(read_feature_log(*transport_, {.topic = "log", .from = 1'000'001})->rows.size(), 49u);
}

TEST_F(LoggedRun, WantsOneSchemaAndFittingNames) {
  write(2);
  const auto both = read_feature_log(*transport_, {.topic = "log"});
  ASSERT_FALSE(both.ok());
  EXPECT_NE(both.status().ToString().find("'card' version 1"), std::string::npos) << both.status();
  const auto second = read_feature_log(*transport_, {.topic = "log", .view = "card", .version = 2});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->rows.size(), 50u);
  EXPECT_TRUE(read_feature_log(*transport_, {.topic = "log", .view = "shop"})->rows.empty());
  const auto names = read_feature_log(*transport_, {.topic = "log", .version = 1, .columns = {"one"}});
  EXPECT_NE(names.status().ToString().find("rows have 2 features, there are 1 columns"), std::string::npos);
  ASSERT_TRUE(broker_->append("log", 0, {.key = "k", .value = "nonsense", .timestamp = 1}).ok());
  const auto broken = read_feature_log(*transport_, {.topic = "log", .version = 1});
  EXPECT_NE(broken.status().ToString().find("topic=log partition=0 offset="), std::string::npos)
      << broken.status();
}

#ifdef WEIR_COMMAND
std::pair<int, std::string> run_weir(const std::string& arguments) {
  const std::string command = std::string(WEIR_COMMAND) + " " + arguments + " 2>&1";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(static_cast<char>(c));
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

TEST(FeaturesCommand, ComparesFilesAndSaysWhatIsWrong) {
  const std::string folder = ::testing::TempDir() + "/weir-compare-" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  const auto file = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder + "/" + name) << text;
    return folder + "/" + name;
  };
  const std::string one = file("one.csv", "key,time,a\nk,1,1\nk,2,2\n");
  const std::string other = file("other.csv", "key,time,a\nk,1,1\nk,2,3\n");
  const std::string broken = file("broken.csv", "key,time,a\nk,1\n");
  for (const auto& [arguments, code, said] : std::vector<std::tuple<std::string, int, std::string>>{
           {"compare-features " + one + " " + one, 0, "rows: 2 pairs, 0 missing, 0 extra"},
           {"compare-features " + one + " " + other, 3, "rows: 2 pairs"},
           {"compare-features " + one + " " + other + " --tolerance 0.5", 0, "rows: 2 pairs"},
           {"compare-features " + one + " " + broken, 1, "line 2: it has 2 cells"},
           {"compare-features " + one + " " + folder + "/none.csv", 1, "none.csv: cannot be read"},
           {"compare-features " + one + " topic:log", 2, "--bootstrap is required"},
           {"compare-features " + one + " topic:log --bootstrap embedded:", 1, "there is no topic log"},
           {"compare-features " + one, 2, "right is required"},
           {"compare-features " + one + " " + one + " --by luck", 2, "--by"},
           {"export-features log --bootstrap embedded:", 1, "there is no topic log"},
           {"export-features log", 2, "--bootstrap is required"},
       }) {
    const auto [exit, text] = run_weir(arguments);
    EXPECT_EQ(exit, code) << arguments << "\n" << text;
    EXPECT_NE(text.find(said), std::string::npos) << arguments << "\n" << text;
  }
  std::filesystem::remove_all(folder);
}
#endif

}  // namespace
}  // namespace weir::ml
