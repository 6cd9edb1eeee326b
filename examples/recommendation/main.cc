// Recommendation: from what people click in a session, what they may click next.
//
//   recommendation                                    on a broker inside this process
//   recommendation --bootstrap localhost:9092         on Kafka; start it several times and the processes share the work
//
// In the end the recommendations are compared with what was clicked next, and with recommending what is popular.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <weir/core/connect.h>
#include <weir/core/status.h>

#include "broker_io.h"
#include "clicks.h"
#include "program.h"
#include "recommending.h"

namespace recommendation {
namespace {

constexpr char kDeadLetters[] = "dead-clicks";

struct Options {
  examples::ProgramOptions program{.application_id = "recommendation"};
  generators::ClickOptions shop;
};

std::string user_name(int user) { return fmt::format("user-{:05}", user); }
std::string item_name(int item) { return fmt::format("item-{:04}", item); }

absl::Status fill(weir::Transport& transport, const std::vector<generators::Click>& clicks) {
  const auto writer = examples::TopicWriter::make(transport);
  if (!writer.ok()) return writer.status();
  std::map<int, std::int64_t> numbers;
  for (const generators::Click& click : clicks) {
    std::string bytes;
    weir::Serde<Click>::encode({item_name(click.item), numbers[click.user]++}, bytes);
    WEIR_RETURN_IF_ERROR((*writer)->write(kClicks, user_name(click.user), bytes, click.time));
  }
  return (*writer)->finish();
}

// What has been clicked most so far, as the next click would have been recommended by it.
class Popularity {
 public:
  void add(int item) { ++counts_[item]; }
  [[nodiscard]] bool recommends(int item, const std::set<int>& seen) const {
    const auto own = counts_.find(item);
    if (own == counts_.end()) return false;
    std::size_t better = 0;
    for (const auto& [other, count] : counts_) better += count > own->second && !seen.contains(other) ? 1 : 0;
    return better < kRecommended;
  }

 private:
  std::map<int, int> counts_;
};

struct Recall {
  std::size_t recommendations = 0;
  int asked = 0;  // clicks that were followed by another one in their session
  int hits = 0;
  int popular_hits = 0;

  [[nodiscard]] double share(int of) const { return asked == 0 ? 0 : static_cast<double>(of) / asked; }
};

absl::StatusOr<Recall> compare(weir::Transport& transport, const std::vector<generators::Click>& clicks) {
  std::map<std::pair<std::string, std::int64_t>, std::vector<std::string>> recommended;
  absl::Status broken;
  const absl::Status read =
      examples::read_topic(transport, kRecommendations, [&](const weir::RawRecord& record) {
        Recommendation recommendation;
        broken.Update(weir::decode_nullable(record.value, recommendation));
        recommended[{std::string(record.key.value_or("")), recommendation.number}] = recommendation.items;
      });
  if (!read.ok()) return read;
  if (!broken.ok()) return broken;

  Recall recall;
  recall.recommendations = recommended.size();
  Popularity popularity;
  std::map<int, std::int64_t> numbers;
  std::map<int, std::pair<int, std::set<int>>> sessions;  // by user: which, and what was seen in it
  for (std::size_t i = 0; i < clicks.size(); ++i) {
    const generators::Click& click = clicks[i];
    auto& [session, seen] = sessions[click.user];
    const std::int64_t number = numbers[click.user]++;
    // The first half is for learning.
    if (number > 0 && session == click.session && i >= clicks.size() / 2) {
      ++recall.asked;
      const auto made = recommended.find({user_name(click.user), number - 1});
      if (made != recommended.end()) {
        const auto& items = made->second;
        recall.hits += std::find(items.begin(), items.end(), item_name(click.item)) != items.end() ? 1 : 0;
      }
      recall.popular_hits += popularity.recommends(click.item, seen) ? 1 : 0;
    }
    if (session != click.session) seen.clear();
    session = click.session;
    seen.insert(click.item);
    popularity.add(click.item);
  }
  return recall;
}

absl::Status report(weir::Transport& transport, const std::vector<generators::Click>& clicks) {
  const auto recall = compare(transport, clicks);
  if (!recall.ok()) return recall.status();
  std::uint64_t sessions = 0;
  std::int64_t in_sessions = 0;
  WEIR_RETURN_IF_ERROR(examples::read_topic(transport, kSessions, [&](const weir::RawRecord& record) {
    std::int64_t count = 0;
    if (!weir::decode_nullable(record.value, count).ok()) return;
    ++sessions;
    in_sessions += count;
  }));
  fmt::print("\nRecommendation: summary\n");
  fmt::print("  clicks             {:>8}\n", clicks.size());
  fmt::print("  sessions that ended{:>8}   of {:.1f} clicks on average   topic {}\n", sessions,
             sessions == 0 ? 0 : static_cast<double>(in_sessions) / static_cast<double>(sessions), kSessions);
  fmt::print("  recommendations    {:>8}   topic {}\n\n", recall->recommendations, kRecommendations);
  fmt::print(
      "  The next click of a session was among {} recommended items, of {} clicks of the second half:\n",
      kRecommended, recall->asked);
  fmt::print("  recall             {:>8.3f}   by what others clicked in such sessions\n",
             recall->share(recall->hits));
  fmt::print("  by popularity      {:>8.3f}   what was clicked most until then\n",
             recall->share(recall->popular_hits));
  return absl::OkStatus();
}

absl::Status run(const Options& options) {
  auto topology = make_topology();
  if (!topology.ok()) return topology.status();
  const auto transport = weir::connect(options.program.bootstrap);
  if (!transport.ok()) return transport.status();
  const std::map<std::string, std::string> keep = {{"retention.ms", "-1"}};
  std::vector<weir::NewTopic> topics;
  for (const char* name : {kClicks, kSessions, kRecommendations, kDeadLetters})
    topics.push_back({.name = name, .partitions = 2, .config = keep});
  WEIR_RETURN_IF_ERROR(examples::make_topics(**transport, topics));
  const std::vector<generators::Click> clicks = generators::Shop(options.shop).browse();
  WEIR_RETURN_IF_ERROR(examples::fill_if_empty(**transport, kClicks, [&] {
    fmt::print("{} clicks of {} users on {} items, seed {}.\n", clicks.size(), options.shop.users,
               options.shop.items, options.shop.seed);
    return fill(**transport, clicks);
  }));
  weir::AppConfig config = examples::config_of(options.program, *transport, weir::Duration{500});
  config.dead_letter_topic = kDeadLetters;
  // A click must not be answered by what was clicked after it: its neighbours are to be as they were.
  config.max_task_idle = weir::Duration{500};
  WEIR_RETURN_IF_ERROR(examples::run_program(*std::move(topology), config, kClicks));
  return report(**transport, clicks);
}

int main_with(int argc, char** argv) {
  Options options;
  CLI::App cli("Recommends what to click next.");
  examples::add_options(cli, options.program);
  cli.add_option("--clicks", options.shop.clicks, "how many to generate, if the topic is empty")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}));
  cli.add_option("--users", options.shop.users, "who click")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  cli.add_option("--items", options.shop.items, "to click on")
      ->capture_default_str()
      ->check(CLI::Range(100, 9'999));
  cli.add_option("--seed", options.shop.seed, "of the shop")->capture_default_str();
  CLI11_PARSE(cli, argc, argv);

  return examples::main_of("recommendation", options.program, [&options] { return run(options); });
}

}  // namespace
}  // namespace recommendation

int main(int argc, char** argv) { return recommendation::main_with(argc, argv); }
