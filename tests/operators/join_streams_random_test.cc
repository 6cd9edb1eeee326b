// Joins of two streams against an interpreter that keeps every record in a list and searches it: random windows, random
// records, some late, some without key or value; in memory, on disk, and with restarts between records.
//
// WEIR_SEED plays one seed again; WEIR_JOIN_CASES says how many are played (default 300, and a thirtieth as many on disk).
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <unistd.h>
#include <gtest/gtest.h>

#include <weir/operators/join_streams.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace {

using Text = std::optional<std::string>;

struct Input {
  bool left = true;
  Text key;
  Text value;
  Timestamp time = 0;
};

struct Plan {
  JoinKind kind = JoinKind::kInner;
  Timestamp before = 0;
  Timestamp after = 0;
  Timestamp grace = 0;
};

std::string joined(const Text& left, const Text& right) {
  return left.value_or("null") + "+" + right.value_or("null");
}

// What Kafka Streams does, word for word.
class Interpreter {
 public:
  explicit Interpreter(const Plan& plan) : plan_(plan) {}

  std::string feed(const Input& input) {
    out_.clear();
    process(input);
    return out_;
  }

 private:
  struct Kept {
    Timestamp time = 0;
    std::string key;
    std::string value;
  };

  [[nodiscard]] bool waits(bool left) const {
    return plan_.kind == JoinKind::kOuter || (plan_.kind == JoinKind::kLeft && left);
  }
  [[nodiscard]] Timestamp reach(bool left) const { return left ? plan_.after : plan_.before; }

  void emit(const Text& key, bool left, const Text& mine, const Text& theirs, Timestamp time) {
    if (!out_.empty()) out_ += ' ';
    out_ += print_record(key, left ? joined(mine, theirs) : joined(theirs, mine), time);
  }

  void process(const Input& input) {
    seen_ = std::max(seen_, input.time);
    if (!input.value) return;
    if (!input.key) {
      if (waits(input.left)) emit({}, input.left, input.value, {}, input.time);
      return;
    }
    if (plan_.kind != JoinKind::kInner && input.time == seen_) expire(input.left);

    kept_[input.left].push_back({input.time, *input.key, *input.value});
    clock_[input.left] = std::max(clock_[input.left], input.time);

    const bool other = !input.left;
    const Timestamp oldest = clock_[other] - (plan_.before + plan_.after + plan_.grace) + 1;
    const Timestamp from = std::max({Timestamp{0}, input.time - reach(other), oldest});
    const Timestamp to = std::max(Timestamp{0}, input.time + reach(input.left));
    std::vector<Kept> partners;
    for (const Kept& kept : kept_[other]) {
      if (kept.key == *input.key && from <= kept.time && kept.time <= to) partners.push_back(kept);
    }
    std::stable_sort(partners.begin(), partners.end(),
                     [](const Kept& a, const Kept& b) { return a.time < b.time; });
    for (const Kept& partner : partners) {
      waiting_.erase({partner.time, other, partner.key});
      emit(input.key, input.left, input.value, partner.value, std::max(input.time, partner.time));
    }
    if (!partners.empty() || !waits(input.left)) return;
    if (input.time + reach(input.left) < seen_)
      return emit(input.key, input.left, input.value, {}, input.time);
    bound_ = bound_ ? std::min(*bound_, input.time) : input.time;
    waiting_[{input.time, input.left, *input.key}].push_back(*input.value);
  }

  void expire(bool arriving) {
    if (!bound_ || *bound_ + reach(arriving) + plan_.grace >= seen_) return;
    bound_.reset();
    bool open[2] = {false, false};
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      const auto& [time, left, key] = at->first;
      bound_ = time;
      if (open[0] && open[1]) break;
      if (time + reach(left) + plan_.grace >= seen_) {
        open[left] = true;
        ++at;
        continue;
      }
      for (const std::string& value : at->second) emit(key, left, value, {}, time);
      at = waiting_.erase(at);
    }
  }

  const Plan plan_;
  std::vector<Kept> kept_[2];  // by side: right, left
  Timestamp clock_[2] = {kNoTimestamp, kNoTimestamp};
  std::map<std::tuple<Timestamp, bool, std::string>, std::vector<std::string>> waiting_;
  Timestamp seen_ = kNoTimestamp;
  std::optional<Timestamp> bound_;
  std::string out_;
};

class RandomJoin {
 public:
  explicit RandomJoin(unsigned seed) : chance_(seed) {
    plan_.kind = static_cast<JoinKind>(draw(3));
    plan_.before = draw(30);
    plan_.after = draw(30);
    if (draw(4) == 0) plan_.before = -std::min(plan_.before, plan_.after);
    if (draw(4) == 0) std::swap(plan_.before, plan_.after);
    plan_.grace = draw(2) == 0 ? 0 : draw(40);
  }

  // Plays a case; `directory` is empty for stores in memory.
  void play(const std::string& directory) {
    DriverOptions options;
    options.state_directory = directory;
    TextDriver driver([this](StreamBuilder& builder) { describe(builder); }, options);
    Interpreter interpreter(plan_);
    Timestamp now = draw(50);
    std::string story;
    for (unsigned left = 20 + draw(80); left > 0; --left) {
      const Input input = next(now);
      const std::string record = print_record(input.key, input.value, input.time);
      driver.feed<Text, Text>(input.left ? "l" : "r", record);
      const std::string expected = interpreter.feed(input);
      story += (input.left ? "l " : "r ") + record + " -> " + expected + "\n";
      ASSERT_EQ((driver.take<Text, std::string>("out")), expected)
          << "kind " << static_cast<int>(plan_.kind) << " before " << plan_.before << " after " << plan_.after
          << " grace " << plan_.grace << "\n"
          << story;
      if (draw(20) != 0) continue;
      ASSERT_TRUE(driver.driver().restart().ok());
      story += "restart\n";
    }
  }

 private:
  unsigned draw(unsigned below) { return chance_() % below; }

  void describe(StreamBuilder& builder) {
    const auto left = builder.stream<Text, Text>("l");
    const auto right = builder.stream<Text, Text>("r");
    const StreamJoinOptions options{.store = "s",
                                    .before = Duration(plan_.before),
                                    .after = Duration(plan_.after),
                                    .grace = Duration(plan_.grace)};
    if (plan_.kind == JoinKind::kInner) {
      left.join(right, options, [](const std::string& l, const std::string& r) { return joined(l, r); })
          .to("out");
    } else if (plan_.kind == JoinKind::kLeft) {
      left.left_join(right, options, [](const std::string& l, const Text& r) { return joined(l, r); })
          .to("out");
    } else {
      left.outer_join(right, options, joined).to("out");
    }
  }

  Input next(Timestamp& now) {
    now += draw(40) == 0 ? draw(200) : draw(5);
    Input input;
    input.left = draw(2) == 0;
    if (draw(15) != 0) input.key = std::string(1, static_cast<char>('a' + draw(3)));
    if (draw(15) != 0) input.value = "v" + std::to_string(count_++);
    input.time = now;
    if (draw(4) == 0) input.time = std::max<Timestamp>(0, now - draw(draw(10) == 0 ? 150 : 30));
    return input;
  }

  std::mt19937 chance_;
  Plan plan_;
  int count_ = 0;
};

unsigned cases() {
  const char* given = std::getenv("WEIR_JOIN_CASES");
  return given == nullptr ? 300 : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

unsigned first_seed() {
  const char* given = std::getenv("WEIR_SEED");
  return given == nullptr ? std::random_device()() : static_cast<unsigned>(std::strtoul(given, nullptr, 10));
}

void play(unsigned count, bool on_disk) {
  const unsigned first = first_seed();
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("weir-joins-" + std::to_string(::getpid()));
  for (unsigned i = 0; i < count; ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(first + i));
    RandomJoin(first + i).play(on_disk ? folder.string() : "");
    std::filesystem::remove_all(folder);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(RandomJoins, InMemoryAreWhatTheInterpreterSays) { play(cases(), /*on_disk=*/false); }
TEST(RandomJoins, OnDiskAreWhatTheInterpreterSays) { play(cases() / 30 + 1, /*on_disk=*/true); }

}  // namespace
}  // namespace weir
