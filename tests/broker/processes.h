// Programs that run beside a test, against a real broker: started, killed, and what they should have counted.
#pragma once

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/connect.h>
#include <weir/core/serde.h>

#include "broker_io.h"
#include "child.h"
#include "support/eventually.h"

namespace weir {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

inline std::string bootstrap() {
  const char* given = std::getenv("WEIR_KAFKA_BOOTSTRAP");
  return given == nullptr ? "127.0.0.1:29092" : given;
}

class ProcessesTest : public testing::Test {
 protected:
  void SetUp() override {
    auto transport = connect(bootstrap());
    ASSERT_TRUE(transport.ok()) << transport.status();
    transport_ = *transport;
    const auto probe = examples::partitions_of(*transport_, "no-such-topic");
    if (!probe.ok()) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "no Kafka at " << bootstrap() << ": " << probe.status();
      GTEST_SKIP() << "skipped: no Kafka at " << bootstrap() << " (./dev kafka up starts one)";
    }
    unique_ =
        fmt::format("{}-{}", ::getpid(), steady_clock::now().time_since_epoch().count() % 1'000'000'000);
    folder_ = fs::temp_directory_path() / ("weir-processes-" + unique_);
    fs::create_directories(folder_);
  }
  void TearDown() override {
    if (folder_.empty()) return;
    if (HasFailure()) {
      for (const auto& entry : fs::directory_iterator(folder_)) {
        if (entry.path().extension() == ".log")
          std::cerr << entry.path() << ":\n" << text_of(entry.path()) << '\n';
      }
    }
    fs::remove_all(folder_);
  }

  [[nodiscard]] std::string name(const std::string& stem) const { return stem + "-" + unique_; }

  void make_topic(const std::string& topic, Partition partitions) {
    ASSERT_TRUE(
        examples::make_topics(*transport_,
                              {{.name = topic, .partitions = partitions, .config = {{"retention.ms", "-1"}}}})
            .ok());
    // The broker answers before everybody may ask for it.
    ASSERT_TRUE(
        eventually([&] { return examples::partitions_of(*transport_, topic).value_or(0) == partitions; }));
  }

  [[nodiscard]] std::unique_ptr<Process> start_word_count(const std::string& instance,
                                                          const std::string& guarantee) {
    return start_word_count(instance, guarantee, folder_ / instance);
  }
  // `instance` names its log.
  [[nodiscard]] std::unique_ptr<Process> start_word_count(const std::string& instance,
                                                          const std::string& guarantee,
                                                          const fs::path& state) {
    return std::make_unique<Process>(
        std::vector<std::string>{WEIR_WORD_COUNT, "--bootstrap", bootstrap(), "--application-id",
                                 name("words"), "--input", name("lines"), "--output", name("counts"),
                                 "--state-dir", state.string(), "--guarantee", guarantee,
                                 "--commit-interval-ms", "100", "--session-timeout-ms", "6000"},
        folder_ / (instance + ".log"));
  }

  // Writes lines of random words, and remembers what the counts should be.
  void write_lines(int lines) {
    auto writer = examples::TopicWriter::make(*transport_);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (int i = 0; i < lines; ++i) {
      std::string line;
      for (int word = 0; word < 5; ++word) {
        const std::string text = fmt::format("w{}", random_() % 500);
        line += (line.empty() ? "" : " ") + text;
        ++truth_[text];
      }
      ASSERT_TRUE((*writer)->write(name("lines"), std::to_string(random_()), line, 1000 + i).ok());
    }
    ASSERT_TRUE((*writer)->finish().ok());
  }

  // The last count of each word that is committed to the output.
  [[nodiscard]] std::map<std::string, std::int64_t> counts() {
    std::map<std::string, std::int64_t> last;
    const absl::Status read = examples::read_topic(*transport_, name("counts"), [&](const RawRecord& record) {
      std::int64_t count = 0;
      EXPECT_TRUE(record.value && Serde<std::int64_t>::decode(*record.value, count).ok());
      last[std::string(*record.key)] = count;
    });
    EXPECT_TRUE(read.ok()) << read;
    return last;
  }

  // Whether everything written so far is counted: at least, since a crash may count records again.
  [[nodiscard]] bool all_counted() {
    const auto now = counts();
    for (const auto& [word, count] : truth_) {
      const auto found = now.find(word);
      if (found == now.end() || found->second < count) return false;
    }
    return true;
  }

  std::shared_ptr<Transport> transport_;
  std::string unique_;
  fs::path folder_;
  const std::uint64_t seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
  std::map<std::string, std::int64_t> truth_;
};

}  // namespace weir
