// Counts words: reads lines from one topic, writes the running count of each word to another.
//
//   word_count --bootstrap localhost:9092 --application-id words --input lines --output counts --state-dir state
//
// A line's key does not matter. Output: key = the word, value = its count so far, 8 bytes big-endian. Start it several times
// with different state directories and the processes share the work. Ends with Ctrl-C.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/weir.h>

namespace {

std::atomic<bool> interrupted{false};

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::size_t start = 0;
  while ((start = line.find_first_not_of(' ', start)) != std::string::npos) {
    const std::size_t end = std::min(line.find(' ', start), line.size());
    words.push_back(line.substr(start, end - start));
    start = end;
  }
  return words;
}

absl::StatusOr<weir::Topology> word_count(const std::string& input, const std::string& output) {
  weir::StreamBuilder builder;
  builder.stream<std::optional<std::string>, std::string>(input)
      .flat_map_values(words_of)
      .group_by([](const std::string& word) { return word; })
      .count({.store = "counts"})
      .to_stream()
      .to(output);
  return builder.build();
}

absl::Status run(const std::string& bootstrap, const std::string& input, const std::string& output,
                 weir::AppConfig config) {
  auto topology = word_count(input, output);
  if (!topology.ok()) return topology.status();
  auto transport = weir::connect(bootstrap);
  if (!transport.ok()) return transport.status();
  config.transport = *transport;
  auto app = weir::App::create(*std::move(topology), std::move(config));
  if (!app.ok()) return app.status();
  if (absl::Status started = (*app)->start(); !started.ok()) return started;
  while (!interrupted && (*app)->state() != weir::AppState::kError) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return (*app)->close(weir::Duration{30'000});
}

}  // namespace

int main(int argc, char** argv) {
  std::string bootstrap = "localhost:9092";
  std::string input = "lines";
  std::string output = "counts";
  std::string guarantee = "at_least_once";
  std::int64_t commit_interval_ms = 0;
  std::int64_t session_timeout_ms = 45'000;
  weir::AppConfig config;
  config.application_id = "word-count";
  config.wait_for_topics = true;  // whoever makes them may come later
  config.state_directory = "word-count-state";

  CLI::App cli("Counts the words of a topic.");
  cli.add_option("--bootstrap", bootstrap, "host:port of a broker")->capture_default_str();
  cli.add_option("--application-id", config.application_id, "group of the processes that share the work")
      ->capture_default_str();
  cli.add_option("--input", input, "topic of lines")->capture_default_str();
  cli.add_option("--output", output, "topic of counts")->capture_default_str();
  cli.add_option("--state-dir", config.state_directory, "of this process alone")->capture_default_str();
  cli.add_option("--guarantee", guarantee, "at_least_once or exactly_once")
      ->capture_default_str()
      ->check(CLI::IsMember({"at_least_once", "exactly_once"}));
  cli.add_option("--commit-interval-ms", commit_interval_ms, "default: 30000, exactly once 100")
      ->check(CLI::PositiveNumber);
  cli.add_option("--session-timeout-ms", session_timeout_ms,
                 "after which the group gives up a silent process")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  cli.add_option("--workers", config.workers, "threads")->capture_default_str()->check(CLI::Range(1, 64));
  CLI11_PARSE(cli, argc, argv);
  if (guarantee == "exactly_once") config.guarantee = weir::Guarantee::kExactlyOnce;
  config.session_timeout = weir::Duration{session_timeout_ms};
  if (commit_interval_ms > 0) config.commit_interval = weir::Duration{commit_interval_ms};

  std::signal(SIGINT, [](int) { interrupted = true; });
  std::signal(SIGTERM, [](int) { interrupted = true; });
  const absl::Status status = run(bootstrap, input, output, std::move(config));
  if (status.ok()) return 0;
  fmt::print(stderr, "word_count: {}\n", std::string(status.message()));
  return 1;
}
