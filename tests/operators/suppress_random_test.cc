// Suppress against an interpreter that keeps what is held back in a list: random limits, windows and sizes, records out of
// order, in memory and on disk, with restarts between records.
//
// WEIR_SUPPRESS_CASES says how many are played (default 200, and a thirtieth as many on disk).
#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/aggregate.h>
#include <weir/operators/group_by.h>
#include <weir/operators/join_tables.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/suppress.h>
#include <weir/operators/to.h>
#include <weir/operators/windowed_by.h>

#include "support/random_cases.h"
#include "support/records.h"

namespace weir {
namespace {

using Text = std::optional<std::string>;

// What is held back, by whatever it waits for.
struct HeldChange {
  Timestamp due = 0;
  std::string key;  // ordered as its bytes are
  Text now;
  Timestamp time = 0;
};

class Buffer {
 public:
  explicit Buffer(Timestamp wait, std::size_t most) : wait_(wait), most_(most) {}

  // Returns what is told of when a change comes.
  std::vector<HeldChange> change(const HeldChange& change) {
    seen_ = std::max(seen_, change.time);
    if (HeldChange* held = find(change.key)) {
      held->now = change.now;
      held->time = change.time;
    } else {
      held_.push_back(change);
    }
    std::sort(held_.begin(), held_.end(), [](const HeldChange& a, const HeldChange& b) {
      return std::tie(a.due, a.key) < std::tie(b.due, b.key);
    });
    std::vector<HeldChange> told;
    while (!held_.empty() && (held_.front().due <= seen_ - wait_ || held_.size() > most_)) {
      told.push_back(held_.front());
      held_.erase(held_.begin());
    }
    return told;
  }

  [[nodiscard]] HeldChange* find(const std::string& key) {
    for (HeldChange& held : held_) {
      if (held.key == key) return &held;
    }
    return nullptr;
  }

 private:
  const Timestamp wait_;
  const std::size_t most_;
  Timestamp seen_ = kNoTimestamp;
  std::vector<HeldChange> held_;
};

class Chance {
 public:
  explicit Chance(unsigned seed) : chance_(seed) {}
  unsigned operator()(unsigned below) { return chance_() % below; }
  std::string key() { return std::string(1, static_cast<char>('a' + (*this)(4))); }

  // Moves on, sometimes far; returns a time that may lie before.
  Timestamp next_time() {
    now_ += (*this)(30) == 0 ? (*this)(200) : (*this)(8);
    return (*this)(4) == 0 ? std::max<Timestamp>(0, now_ - (*this)(40)) : now_;
  }

 private:
  std::mt19937 chance_;
  Timestamp now_ = 0;
};

void add(std::string& text, const std::string& record) {
  if (!text.empty()) text += ' ';
  text += record;
}

// ----------------------------------------------------------------------------------------------------- a time limit

// A table held back, and a table joined with it: so that somebody reads it, and asks what was there before.
void play_limit(unsigned seed, const std::string& directory) {
  Chance chance(seed);
  const Timestamp limit = chance(60);
  const std::size_t most = chance(3) == 0 ? 1 + chance(3) : 1000;
  const Emit emit = chance(2) == 0 ? Emit::kEveryUpdate : Emit::kOnCommit;
  DriverOptions options;
  options.state_directory = directory;
  TextDriver driver(
      [&](StreamBuilder& builder) {
        builder.table<std::string, std::string>("in", {.store = "rows", .emit = emit})
            .suppress(until_time_limit({.store = "held", .limit = Duration(limit), .max_records = most}))
            .left_join(
                builder.table<std::string, std::string>("other", {.store = "others"}),
                [](const std::string& left, const Text& right) { return left + "+" + right.value_or("-"); })
            .to_stream()
            .to("out");
      },
      options);

  struct Row {
    std::string value;
    Timestamp time;
  };
  Buffer buffer(limit, most);
  std::map<std::string, Row> rows, told, others;
  std::string story = "limit " + std::to_string(limit) + " most " + std::to_string(most) + "\n";
  const auto join = [&](const std::string& key, const Text& left, Timestamp time) {
    const auto other = others.find(key);
    if (other != others.end()) time = std::max(time, other->second.time);
    const Text value =
        left ? Text(*left + "+" + (other == others.end() ? "-" : other->second.value)) : Text();
    return print_record(key, value, time);
  };
  for (unsigned i = 0; i < 100; ++i) {
    const bool left = chance(3) != 0;
    const std::string key = chance.key();
    const Text value = chance(3) == 0 ? Text() : Text((left ? "l" : "r") + std::to_string(i));
    const Timestamp time = chance.next_time();
    std::string expected;
    auto& changed = left ? rows : others;
    const bool nothing_new = left && emit == Emit::kOnCommit && !value && !rows.contains(key);
    changed.erase(key);
    if (value) changed[key] = {*value, time};
    if (left && !nothing_new) {
      for (const HeldChange& held : buffer.change({time, key, value, time})) {
        if (held.now || told.contains(held.key) || others.contains(held.key)) {
          add(expected, join(held.key, held.now, held.time));
        }
        told.erase(held.key);
        if (held.now) told[held.key] = {*held.now, held.time};
      }
    } else if (!left && told.contains(key)) {
      const Timestamp known = buffer.find(key) != nullptr ? kNoTimestamp : told[key].time;
      expected = join(key, told[key].value, std::max(time, known));
    }
    const std::string record = print_record(key, value, time);
    story += (left ? "in " : "other ") + record + " -> " + expected + "\n";
    driver.feed<std::string, Text>(left ? "in" : "other", record);
    ASSERT_EQ((driver.take<std::string, Text>("out")), expected) << story;
    if (chance(20) != 0) continue;
    ASSERT_TRUE(driver.driver().restart().ok());
    story += "restart\n";
  }
}

// --------------------------------------------------------------------------------------------------- windows that close

void play_windows(unsigned seed, const std::string& directory) {
  Chance chance(seed);
  const Timestamp size = 1 + chance(40);
  const Timestamp advance = chance(2) == 0 ? size : 1 + chance(static_cast<unsigned>(size));
  const Timestamp grace = chance(2) == 0 ? 0 : chance(50);
  const WindowEmit emit = chance(2) == 0 ? WindowEmit::kEveryUpdate : WindowEmit::kOnCommit;
  DriverOptions options;
  options.state_directory = directory;
  TextDriver driver(
      [&](StreamBuilder& builder) {
        builder.stream<std::string, std::string>("in")
            .group_by_key()
            .windowed_by(
                hopping({.size = Duration(size), .advance = Duration(advance), .grace = Duration(grace)}))
            .aggregate(
                {.store = "windows", .emit = emit, .retention = Duration(100'000)},
                [] { return std::string(); },
                [](const std::string& value, const std::string& aggregate) {
                  return value == "x" ? std::nullopt : Text(aggregate + value);
                })
            .suppress(until_window_closes({.store = "held"}))
            .to_stream()
            .to("out");
      },
      options);

  Buffer buffer(grace, 1000);
  std::map<std::string, std::pair<std::string, Timestamp>> rows;  // by window
  Timestamp seen = kNoTimestamp;
  std::string story = "size " + std::to_string(size) + " advance " + std::to_string(advance) + " grace " +
                      std::to_string(grace) + "\n";
  for (unsigned i = 0; i < 100; ++i) {
    const std::string key = chance.key();
    const std::string value = chance(4) == 0 ? "x" : std::to_string(i % 10);
    const Timestamp time = chance.next_time();
    std::string expected;
    seen = std::max(seen, time);
    for (Timestamp start = 0; start <= time; start += advance) {
      if (start + size <= time || start + size <= seen - grace) continue;
      Bytes window;
      Serde<Windowed<std::string>>::encode({key, {start, start + size}}, window);
      const auto row = rows.find(window);
      const bool existed = row != rows.end();
      HeldChange change{start + size, window, {}, time};
      if (existed) change.time = std::max(time, row->second.second);
      if (value == "x") {
        rows.erase(window);
        // At a commit nobody is told of what was not there.
        if (!existed && emit == WindowEmit::kOnCommit) continue;
      } else {
        change.now = (existed ? row->second.first : "") + value;
        rows[window] = {*change.now, change.time};
      }
      for (const HeldChange& held : buffer.change(change)) {
        Windowed<std::string> told;
        ASSERT_TRUE(Serde<Windowed<std::string>>::decode(held.key, told).ok());
        if (held.now) add(expected, print_record(told, *held.now, held.time));
      }
    }
    const std::string record = print_record(key, value, time);
    story += record + " -> " + expected + "\n";
    driver.feed<std::string, std::string>("in", record);
    ASSERT_EQ((driver.take<Windowed<std::string>, std::string>("out")), expected) << story;
    if (chance(20) != 0) continue;
    ASSERT_TRUE(driver.driver().restart().ok());
    story += "restart\n";
  }
}

unsigned cases() { return number_from_environment("WEIR_SUPPRESS_CASES", 200); }

TEST(RandomSuppress, UntilALimitIsWhatTheInterpreterSays) {
  play_cases(cases(), /*on_disk=*/false, play_limit);
}
TEST(RandomSuppress, UntilALimitOnDisk) { play_cases(cases() / 30 + 1, /*on_disk=*/true, play_limit); }
TEST(RandomSuppress, UntilWindowsCloseIsWhatTheInterpreterSays) {
  play_cases(cases(), /*on_disk=*/false, play_windows);
}
TEST(RandomSuppress, UntilWindowsCloseOnDisk) {
  play_cases(cases() / 30 + 1, /*on_disk=*/true, play_windows);
}

}  // namespace
}  // namespace weir
