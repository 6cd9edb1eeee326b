// Whole processes on a real broker: the fraud example from end to end; processes that share the work, are killed, lose their
// disk; bytes that other clients write and read.
#include "processes.h"

#include <regex>

namespace weir {
namespace {

TEST_F(ProcessesTest, FraudScoringRunsEndToEnd) {
  Process process({WEIR_FRAUD_SCORING, "--bootstrap", bootstrap(), "--application-id", name("fraud"),
                   "--transactions", "60000"},
                  folder_ / "fraud.log");
  EXPECT_EQ(process.wait(), 0);
  std::string text = text_of(folder_ / "fraud.log");
  text.erase(0, text.find("summary"));
  const auto figure = [&text](const std::string& label) {
    std::smatch match;
    return std::regex_search(text, match, std::regex(label + " +([0-9.]+)")) ? std::stod(match[1]) : -1.0;
  };
  EXPECT_GE(figure("transactions in"), 60000);
  EXPECT_EQ(figure("scored") + figure("dead letters"), figure("transactions in"));
  EXPECT_GT(figure("dead letters"), 0);
  EXPECT_GT(figure("before the drift"), 0.85);  // recall
  EXPECT_GT(figure("before the drift"), figure("drifted, old model") + 0.15);
  EXPECT_GT(figure("after the swap"), figure("drifted, old model"));
}

class SharedWorkTest : public ProcessesTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Guarantees, SharedWorkTest, testing::Values("at_least_once", "exactly_once"));

TEST_P(SharedWorkTest, TheOtherTakesOverWhenOneIsKilled) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  make_topic(name("lines"), 4);
  make_topic(name("counts"), 4);
  write_lines(5000);
  auto first = start_word_count("first", GetParam());
  auto second = start_word_count("second", GetParam());
  ASSERT_TRUE(eventually([&] { return all_counted(); }));
  // Both have tasks by now; the one is killed in the middle of its work.
  write_lines(20'000);
  std::this_thread::sleep_for(milliseconds(300));
  first->end(SIGKILL);
  write_lines(5000);
  EXPECT_TRUE(eventually([&] { return all_counted(); }));
  EXPECT_EQ(second->end(SIGTERM), 0);
  const auto final_counts = counts();
  for (const auto& [word, count] : truth_) {
    if (std::string(GetParam()) == "exactly_once") {
      EXPECT_EQ(final_counts.at(word), count) << word;
    } else {
      EXPECT_GE(final_counts.at(word), count) << word;
    }
  }
}

TEST_P(SharedWorkTest, AWipedDiskIsRestoredFromTheChangelog) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  make_topic(name("lines"), 2);
  make_topic(name("counts"), 2);
  for (int run = 0; run < 3; ++run) {
    write_lines(2000);
    auto process = start_word_count("only", GetParam());
    EXPECT_TRUE(eventually([&] { return all_counted(); }));
    EXPECT_EQ(process->end(SIGTERM), 0);
    EXPECT_EQ(counts(), truth_);
    fs::remove_all(folder_ / "only");
  }
}

TEST_P(SharedWorkTest, AKilledProcessGoesOnWithItsDisk) {
  SCOPED_TRACE(fmt::format("seed {}", seed_));
  make_topic(name("lines"), 2);
  make_topic(name("counts"), 2);
  for (int run = 0; run < 3; ++run) {
    write_lines(10'000);
    auto process = start_word_count("only", GetParam());
    std::this_thread::sleep_for(milliseconds(1000 + 300 * run));
    process->end(SIGKILL);
  }
  auto process = start_word_count("only", GetParam());
  EXPECT_TRUE(eventually([&] { return all_counted(); }));
  EXPECT_EQ(process->end(SIGTERM), 0);
  if (std::string(GetParam()) == "exactly_once") {
    EXPECT_EQ(counts(), truth_);
  }
}

TEST_F(ProcessesTest, OtherClientsReadWhatWeWriteAndTheOtherWayRound) {
  if (std::system("command -v kcat > /dev/null") != 0) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << "kcat is missing";
    GTEST_SKIP() << "skipped: no kcat here";
  }
  make_topic(name("lines"), 1);
  make_topic(name("counts"), 1);
  // kcat writes text as Java's StringSerializer does.
  const std::string write = fmt::format(
      "printf 'k:grüße an kafka\\nk:grüße\\n' | kcat -b {} -P -t {} -K :", bootstrap(), name("lines"));
  ASSERT_EQ(std::system(write.c_str()), 0);
  truth_ = {{"grüße", 2}, {"an", 1}, {"kafka", 1}};
  auto process = start_word_count("only", "at_least_once");
  EXPECT_TRUE(eventually([&] { return all_counted(); }));
  EXPECT_EQ(process->end(SIGTERM), 0);
  // It reads keys as text and values as Java's LongSerializer writes them: eight bytes, big-endian.
  const std::string read = fmt::format("kcat -b {} -C -q -e -t {} -s key=s -s value=q -f '%k=%s\\n' > {}",
                                       bootstrap(), name("counts"), (folder_ / "kcat.txt").string());
  ASSERT_EQ(std::system(read.c_str()), 0);
  EXPECT_EQ(text_of(folder_ / "kcat.txt"), "grüße=1\nan=1\nkafka=1\ngrüße=2\n");
}

}  // namespace
}  // namespace weir
