// Windows with slices tell the same as without: two programs read the same random records, which are out of order, late,
// null and several to a commit, and are restarted now and then. What they tell, in which order and with which times and
// headers, what they refuse, what was there before, and what they answer when asked must be equal.
//
// WEIR_PROPERTY_CASES sets how many cases each property has; WEIR_PROPERTY_SEED the seed of the first.
#include <algorithm>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/join_table.h>
#include <weir/operators/map_values.h>
#include <weir/operators/sliced_stream.h>
#include <weir/operators/table_group_by.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>

#include "support/environment.h"
#include "support/records.h"
#include "support/scratch_folder.h"

namespace weir {
namespace {

using Key = Windowed<std::string>;
using Value = std::optional<std::string>;

// ------------------------------------------------------------------------------------------------------- aggregates

std::string nothing() { return ""; }
std::string mixed(const std::string& left, const std::string& right) {
  std::string text = left + right;
  std::sort(text.begin(), text.end());
  return text;
}
std::string added(const Value& value, const std::string& text) { return mixed(text, value.value_or("-")); }

enum class Verb { kCount, kReduce, kAggregate };

struct Plan {
  Timestamp size = 1;
  Timestamp advance = 1;
  Timestamp grace = 0;
  Verb verb = Verb::kCount;
  WindowEmit emit = WindowEmit::kEveryUpdate;
  std::optional<Duration> idle;
  std::optional<Duration> retention;
  bool before = false;   // somebody wants to know what was there before
  bool answers = false;  // somebody reads the table
  // Without a persistent store nothing but the stores survives a restart.
  bool persistent = true;
  bool logged = true;
  Likeness likeness = Likeness::kWeir;
};

// -------------------------------------------------------------------------------------------------------- the program

// Turns a record whose value is "A:x@3 B:null@7" into those records, each with a header that says which it is: they are
// processed within one commit.
class UnpackNode final : public UnaryNode<std::string, std::string, std::string, Value> {
 public:
  void accept(const Record<std::string, std::string>& record) override {
    for (const auto& one : parse_records<std::string, Value>(record.value)) {
      const Headers headers = {{"n", std::to_string(record.timestamp) + "." + std::to_string(++count_)}};
      this->emit({one.key, one.value, one.timestamp, headers, record.origin, {}});
    }
    count_ = 0;
  }

 private:
  int count_ = 0;
};

template <class Table>
void tell(const Plan& plan, const std::string& name, const Table& table, StreamBuilder& builder) {
  table.to_stream().to(name);
  using Row = typename Table::Value;
  const auto text = [](const Row& row) { return Text<Row>::print(row); };
  if (plan.before) {
    // A group hears of a row twice, with the value before and with the value now.
    table
        .group_by([text](const Key& key, const Row& row) {
          return std::pair(key.key, std::to_string(key.window.start) + "=" + text(row));
        })
        .aggregate(
            {.store = name + "-groups", .persistent = plan.persistent}, nothing,
            [](const std::string& value, const std::string&) { return "+" + value; },
            [](const std::string& value, const std::string&) { return "-" + value; })
        .to_stream()
        .to(name + "-before");
  }
  if (plan.answers) {
    builder.stream<Key, std::string>("questions")
        .left_join(table, [text](const std::string&,
                                 const std::optional<Row>& row) { return row ? text(*row) : "none"; })
        .to(name + "-answers");
  }
}

template <class Windowed>
void aggregate(const Plan& plan, const std::string& name, const Windowed& windowed, StreamBuilder& builder) {
  constexpr bool kSliced = requires { windowed.aggregate({.store = name}, nothing, added, mixed); };
  const WindowOptions options{.store = name,
                              .emit = plan.emit,
                              .close_when_idle = plan.idle,
                              .retention = plan.retention,
                              .persistent = plan.persistent,
                              .logged = plan.logged};
  if (plan.verb == Verb::kCount) {
    tell(plan, name, windowed.count(options), builder);
  } else if constexpr (kSliced) {
    tell(plan, name, windowed.aggregate(options, nothing, added, mixed), builder);
  } else {
    tell(plan, name, windowed.aggregate(options, nothing, added), builder);
  }
}

template <class Windowed>
void reduce(const Plan& plan, const std::string& name, const Windowed& windowed, StreamBuilder& builder) {
  constexpr bool kSliced = requires { windowed.reduce({.store = name}, mixed, mixed); };
  const WindowOptions options{.store = name,
                              .emit = plan.emit,
                              .close_when_idle = plan.idle,
                              .retention = plan.retention,
                              .persistent = plan.persistent,
                              .logged = plan.logged};
  if constexpr (kSliced) {
    tell(plan, name, windowed.reduce(options, mixed, mixed), builder);
  } else {
    tell(plan, name, windowed.reduce(options, mixed), builder);
  }
}

// Takes late records as text, and applies `f` to what is left with and without slices.
template <class V, class F>
void with_and_without(const Plan& plan, const KStream<std::string, V>& records, F&& f) {
  const TimeWindows windows(Duration(plan.size), Duration(plan.advance), Duration(plan.grace));
  const auto windowed = [&](const std::string& name) {
    return records.group_by_key().windowed_by(windows).late([name](
                                                                const KStream<std::string, Late<V>>& late) {
      late.map_values([](const Late<V>& one) {
            return Text<V>::print(one.value) + std::to_string(one.window.start) + "to" +
                   std::to_string(one.window.end) + "because" + std::to_string(static_cast<int>(one.reason));
          })
          .to(name + "-late");
    });
  };
  f("plain", windowed("plain"));
  f("sliced", windowed("sliced").slices());
}

void describe(const Plan& plan, StreamBuilder& builder) {
  const auto packed = builder.stream<std::string, std::string>("in");
  const KStream<std::string, Value> records(
      packed.extend("unpack", VerbOptions(), node_factory<UnpackNode>(), Location::current()));
  if (plan.verb == Verb::kReduce) {
    with_and_without(
        plan, records.map_values([](const Value& value) { return value.value_or("-"); }),
        [&](const std::string& name, const auto& windowed) { reduce(plan, name, windowed, builder); });
  } else {
    with_and_without(plan, records, [&](const std::string& name, const auto& windowed) {
      aggregate(plan, name, windowed, builder);
    });
  }
}

// ------------------------------------------------------------------------------------------------------------ cases

class Case {
 public:
  explicit Case(std::uint64_t seed) : seed_(seed), random_(seed) {}

  void run() {
    SCOPED_TRACE("seed " + std::to_string(seed_));
    plan();
    StreamBuilder builder(plan_.likeness);
    describe(plan_, builder);
    const auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    DriverOptions options;
    const ScratchFolder scratch;
    const bool on_disk = one_in(20);
    if (on_disk) options.state_directory = scratch.path();
    {
      auto driver = TopologyDriver::create(*topology, options);
      ASSERT_TRUE(driver.ok()) << driver.status();
      feed(**driver);
    }
  }

 private:
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }
  bool one_in(std::int64_t n) { return between(1, n) == 1; }

  void plan() {
    plan_.advance = between(1, 20);
    plan_.size = one_in(3) ? between(plan_.advance, 4 * plan_.advance) : plan_.advance * between(1, 12);
    plan_.grace = one_in(3) ? 0 : between(0, 80);
    plan_.verb = static_cast<Verb>(between(0, 2));
    plan_.emit = static_cast<WindowEmit>(between(0, 2));
    if (plan_.emit == WindowEmit::kOnWindowClose && one_in(3)) plan_.idle = Duration(between(1, 50));
    if (one_in(4)) plan_.retention = Duration(plan_.size + plan_.grace + between(0, 200));
    plan_.before = one_in(3);
    plan_.answers = one_in(3);
    plan_.persistent = !one_in(3);
    plan_.logged = !one_in(8);
    if (one_in(4)) plan_.likeness = Likeness::kKafkaStreams;
  }

  // One to eight records, most of them close to the time of the last.
  std::string batch() {
    std::string text;
    for (std::int64_t i = one_in(2) ? 1 : between(1, 8); i > 0; --i) {
      if (!one_in(3)) now_ += one_in(10) ? between(0, 400) : between(0, 12);
      const Timestamp time = std::max<Timestamp>(0, one_in(2) ? now_ : now_ - between(0, 150));
      const std::string value = one_in(8) ? "null" : std::string(1, static_cast<char>('a' + between(0, 25)));
      text += (text.empty() ? "" : " ") +
              std::string(one_in(5)   ? "AA"
                          : one_in(2) ? "A"
                                      : "B") +
              ":" + value + "@" + std::to_string(time);
    }
    return text;
  }

  void feed(TopologyDriver& driver) {
    for (std::int64_t step = between(1, 30); step > 0 && !testing::Test::HasFailure(); --step) {
      if (one_in(12)) {
        ASSERT_TRUE(driver.restart().ok()) << driver.status();
      }
      if (one_in(8)) {
        ASSERT_TRUE(driver.advance_wall_clock(Duration(between(1, 60))).ok());
      }
      const std::string records = batch();
      story_ += "\n  " + records;
      ASSERT_TRUE((driver.pipe<std::string, std::string>("in", "k", records, now_).ok())) << driver.status();
      if (plan_.answers && one_in(2)) ask(driver);
      compare(driver);
    }
  }

  // About a window that may be there, or about none that can be.
  void ask(TopologyDriver& driver) {
    const Timestamp start = std::max<Timestamp>(0, now_ - between(0, 300));
    const Key key{one_in(2) ? "A" : "B",
                  {one_in(6) ? start : start / plan_.advance * plan_.advance, kUnknownEnd}};
    ASSERT_TRUE((driver.pipe<Key, std::string>("questions", key, "?", now_).ok())) << driver.status();
  }

  void compare(TopologyDriver& driver) {
    if (plan_.verb == Verb::kCount) {
      compare<Key, std::int64_t>(driver, "");
    } else {
      compare<Key, std::string>(driver, "");
    }
    compare<std::string, std::string>(driver, "-late");
    compare<std::string, std::string>(driver, "-before");
    compare<Key, std::string>(driver, "-answers");
  }

  template <class K, class V>
  void compare(TopologyDriver& driver, const std::string& what) {
    const auto text = [&](const std::string& topic) {
      std::vector<std::string> lines;
      for (const auto& record : driver.read<K, V>(topic + what)) {
        std::string line = print_record(record.key, record.value, record.timestamp);
        for (const auto& header : record.headers)
          line += " " + header.name + "=" + header.value.value_or("null");
        lines.push_back(std::move(line));
      }
      return lines;
    };
    const auto plain = text("plain");
    EXPECT_EQ(text("sliced"), plain) << "where " << (what.empty() ? "-told" : what).substr(1)
                                     << ", windows of " << plan_.size << " by " << plan_.advance << ", grace "
                                     << plan_.grace << ", verb " << static_cast<int>(plan_.verb)
                                     << ", emission " << static_cast<int>(plan_.emit) << ":" << story_;
    told_ += plain.size();
  }

  const std::uint64_t seed_;
  std::mt19937_64 random_;
  Plan plan_;
  Timestamp now_ = 0;
  std::string story_;

 public:
  std::size_t told_ = 0;
};

TEST(SlicesProperty, TellTheSameAsWindowsWithout) {
  const std::uint64_t first = number_from("WEIR_PROPERTY_SEED", 1);
  const std::uint64_t cases = number_from("WEIR_PROPERTY_CASES", 300);
  std::size_t told = 0;
  for (std::uint64_t seed = first; seed < first + cases && !HasFailure(); ++seed) {
    Case one(seed);
    one.run();
    told += one.told_;
  }
  EXPECT_GT(told, 0U);
}

}  // namespace
}  // namespace weir
