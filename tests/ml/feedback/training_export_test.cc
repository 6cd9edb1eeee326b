#include <weir/ml/feedback/training_export.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/json_serde.h>
#include <weir/ml/feedback/feedback.h>
#include <weir/operators/map_values.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace training_export_test {

using ml::ExampleKind;
using ml::TrainingRow;

Bytes bytes_of(const TrainingRow& row) {
  Bytes bytes;
  Serde<TrainingRow>::encode(row, bytes);
  return bytes;
}

TrainingRow row_of(const std::string& id, Timestamp predicted_at, double label,
                   std::vector<float> features = {1, 2}) {
  return {.id = id,
          .predicted_at = predicted_at,
          .labelled_at = predicted_at + 5,
          .label = label,
          .features = std::move(features)};
}

class TrainingExportTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(broker_->create_topic("rows", 3).ok()); }

  void append(Partition partition, const std::string& value) {
    ASSERT_TRUE(broker_->append("rows", partition, {.key = "k", .value = value}).ok());
  }
  void append(Partition partition, const TrainingRow& row) { append(partition, bytes_of(row)); }

  std::string exported(ml::TrainingExportOptions options = {}) {
    if (options.topic.empty()) options.topic = "rows";
    std::ostringstream out;
    const auto done = ml::export_training_csv(*transport_, options, out);
    EXPECT_TRUE(done.ok()) << done.status();
    return out.str();
  }
  std::string refusal(ml::TrainingExportOptions options = {}) {
    if (options.topic.empty()) options.topic = "rows";
    std::ostringstream out;
    return std::string(ml::export_training_csv(*transport_, options, out).status().message());
  }

  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  std::unique_ptr<Transport> transport_ = make_embedded_transport(broker_);
};

constexpr char kNames[] = "id,kind,feature_time,predicted_at,labelled_at,weight,label";

TEST_F(TrainingExportTest, WritesTheLastRowOfEachPredictionSortedByTime) {
  append(1, row_of("b", 20, 0));
  append(0, row_of("c", 20, 1));
  append(2, row_of("a", 30, 0.1, {0.1F, std::nanf("")}));
  TrainingRow correction = row_of("b", 20, 1);
  correction.kind = ExampleKind::kCorrection;
  correction.feature_time = 19;
  correction.weight = 0.5;
  append(1, correction);
  EXPECT_EQ(exported({.columns = {"amount", "the \"age\""}}), std::string(kNames) +
                                                                  ",amount,\"the \"\"age\"\"\"\n"
                                                                  "b,correction,19,20,25,0.5,1,1,2\n"
                                                                  "c,labelled,,20,25,1,1,1,2\n"
                                                                  "a,labelled,,30,35,1,0.1,0.1,\n");
}

TEST_F(TrainingExportTest, WritesAllRowsIfAskedTo) {
  append(1, row_of("b", 20, 0));
  append(0, row_of("c", 20, 1));
  append(1, row_of("b", 20, 1));
  EXPECT_EQ(exported({.corrections = ml::Corrections::kAll}), std::string(kNames) +
                                                                  ",f0,f1\n"
                                                                  "c,labelled,,20,25,1,1,1,2\n"
                                                                  "b,labelled,,20,25,1,0,1,2\n"
                                                                  "b,labelled,,20,25,1,1,1,2\n");
}

TEST_F(TrainingExportTest, WritesPredictionsOfATimeOnly) {
  for (const Timestamp time : {10, 20, 30}) append(0, row_of("p" + std::to_string(time), time, 0));
  EXPECT_EQ(exported({.from = 20, .until = 30}),
            std::string(kNames) + ",f0,f1\np20,labelled,,20,25,1,0,1,2\n");
}

TEST_F(TrainingExportTest, AnEmptyTopicHasNames) {
  EXPECT_EQ(exported(), std::string(kNames) + "\n");
  EXPECT_EQ(exported({.columns = {"x"}}), std::string(kNames) + ",x\n");
}

TEST_F(TrainingExportTest, QuotesIds) {
  append(0, row_of("a,\"b\"\nc", 1, 0, {}));
  EXPECT_EQ(exported(), std::string(kNames) + "\n\"a,\"\"b\"\"\nc\",labelled,,1,6,1,0\n");
}

TEST_F(TrainingExportTest, WhatCannotBeReadSaysWhereItIs) {
  append(0, row_of("a", 1, 0));
  append(2, "nonsense");
  EXPECT_NE(refusal().find("topic=rows partition=2 offset=0"), std::string::npos) << refusal();
  EXPECT_NE(refusal({.topic = "none"}).find("there is no topic none"), std::string::npos);
}

TEST_F(TrainingExportTest, RowsOfAnotherWidthEndIt) {
  append(0, row_of("a", 1, 0));
  append(0, row_of("b", 1, 0, {1}));
  EXPECT_NE(refusal().find("the row has 1 features, there are 2 columns"), std::string::npos) << refusal();
  EXPECT_NE(refusal({.columns = {"x"}}).find("offset=0"), std::string::npos);
}

TEST_F(TrainingExportTest, TooManyPredictionsEndIt) {
  for (int i = 0; i < 4; ++i) append(0, row_of("p" + std::to_string(i), 1, 0));
  EXPECT_NE(refusal({.rows_max = 3}).find("there are more than 3 predictions"), std::string::npos);
  EXPECT_NE(exported({.rows_max = 4}), "");
}

TEST_F(TrainingExportTest, AFileThatTakesNoMoreIsAnError) {
  append(0, row_of("a", 1, 0));
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(ml::export_training_csv(*transport_, {.topic = "rows"}, out).status().message(),
            "the file takes no more");
}

TEST(TrainingRowTest, ComesBackToTheBitAndKeepsTheRuleOfTimes) {
  TrainingRow row = row_of("a", 10, 0.1, {0.1F, std::nanf(""), -0.0F});
  row.feature_time = 9;
  TrainingRow read;
  ASSERT_TRUE(Serde<TrainingRow>::decode(bytes_of(row), read).ok());
  EXPECT_EQ(bytes_of(read), bytes_of(row));
  const Bytes bytes = bytes_of(row);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Serde<TrainingRow>::decode(BytesView(bytes).substr(0, size), read).ok()) << size;
  }
  row.feature_time = 10;
  EXPECT_NE(Serde<TrainingRow>::decode(bytes_of(row), read).message().find("not older than its prediction"),
            std::string::npos);
  row = row_of("a", 10, 0);
  row.labelled_at = 9;
  EXPECT_NE(Serde<TrainingRow>::decode(bytes_of(row), read).message().find("older than its prediction"),
            std::string::npos);
}

#ifdef WEIR_COMMAND
// Runs the command; returns its exit code, and what it wrote.
std::pair<int, std::string> run_command(const std::string& arguments) {
  const std::string command = std::string(WEIR_COMMAND) + " export-training " + arguments + " 2>&1";
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text.push_back(static_cast<char>(c));
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

// A process of its own has an embedded broker of its own, in which nothing is.
TEST(ExportTrainingCommand, SaysWhatIsWrong) {
  const std::string file = ::testing::TempDir() + "/export-" + std::to_string(::getpid()) + ".csv";
  for (const auto& [arguments, code, complaint] : std::vector<std::tuple<std::string, int, std::string>>{
           {"--bootstrap embedded:", 2, "topic is required"},
           {"rows", 2, "--bootstrap is required"},
           {"rows --bootstrap embedded: --from soon", 2, "--from"},
           {"rows --bootstrap embedded: --property x", 2, "NAME=VALUE"},
           {"rows --bootstrap embedded:", 1, "there is no topic rows"},
           {"rows --bootstrap embedded: --output " + file, 1, "there is no topic rows"},
           {"rows --bootstrap embedded: --output " + file + "/x", 1, "cannot be written"},
       }) {
    const auto [exit, text] = run_command(arguments);
    EXPECT_EQ(exit, code) << arguments << "\n" << text;
    EXPECT_NE(text.find(complaint), std::string::npos) << text;
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_FALSE(std::filesystem::exists(file + ".partial"));
}
#endif

}  // namespace training_export_test
}  // namespace weir
