// Chains of joins of tables against an interpreter that keeps every table in a map: random kinds, with and without stores,
// telling of every update or at commits, in memory and on disk, with restarts between records.
//
// WEIR_TABLE_JOIN_CASES says how many are played (default 200, and a thirtieth as many on disk).
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <weir/operators/join_table.h>
#include <weir/operators/join_tables.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/random_cases.h"
#include "support/records.h"

namespace weir {
namespace join_tables_random_test {

using Text = std::optional<std::string>;
using Texts = KTable<std::string, std::string>;

std::string joined(const Text& left, const Text& right) {
  return "(" + left.value_or("-") + "," + right.value_or("-") + ")";
}

struct JoinPlan {
  JoinKind kind = JoinKind::kInner;
  bool keeps = false;
  Emit emit = Emit::kEveryUpdate;  // if it keeps its rows
};

struct Plan {
  JoinPlan first;   // of "a" with "b", or with "a" again
  JoinPlan second;  // of that with "c"
  bool with_itself = false;
  Emit emit = Emit::kEveryUpdate;
};

// ---------------------------------------------------------------------------------------------------- the interpreter

struct Row {
  std::string value;
  Timestamp time = 0;
};
using Rows = std::map<std::string, Row>;
using Read = std::function<std::optional<Row>(const std::string& key)>;

struct Told {
  std::string key;
  Text now;
  Text before;
  Timestamp time = 0;
};

std::optional<Row> find(const Rows& rows, const std::string& key) {
  const auto found = rows.find(key);
  return found == rows.end() ? std::nullopt : std::optional<Row>(found->second);
}

class Join {
 public:
  Join(JoinPlan plan, Read left, Read right)
      : plan_(plan), left_(std::move(left)), right_(std::move(right)) {}

  [[nodiscard]] std::optional<Row> read(const std::string& key) const {
    if (plan_.keeps) return find(kept_, key);
    const auto left = left_(key);
    const auto right = right_(key);
    const Text value = combine(value_of(left), value_of(right));
    if (!value) return std::nullopt;
    return Row{*value, std::max(left ? left->time : kNoTimestamp, right ? right->time : kNoTimestamp)};
  }

  // A side changed; returns what the join tells.
  std::optional<Told> change(bool from_left, const Told& told) {
    const auto other = from_left ? right_(told.key) : left_(told.key);
    if (!other) {
      if (plan_.kind == JoinKind::kInner || (plan_.kind == JoinKind::kLeft && !from_left))
        return std::nullopt;
      if (!told.now && !told.before) return std::nullopt;
    }
    const auto result = [&](const Text& mine) {
      return from_left ? combine(mine, value_of(other)) : combine(value_of(other), mine);
    };
    Told out{told.key, result(told.now), result(told.before),
             std::max(told.time, other ? other->time : kNoTimestamp)};
    if (!plan_.keeps) return out;
    out.before = value_of(find(kept_, told.key));
    kept_.erase(told.key);
    if (out.now) kept_[told.key] = {*out.now, out.time};
    if (plan_.emit == Emit::kOnCommit && !out.now && !out.before) return std::nullopt;
    return out;
  }

 private:
  static Text value_of(const std::optional<Row>& row) { return row ? Text(row->value) : Text(); }

  [[nodiscard]] Text combine(const Text& left, const Text& right) const {
    const bool there = plan_.kind == JoinKind::kInner  ? left && right
                       : plan_.kind == JoinKind::kLeft ? left.has_value()
                                                       : left || right;
    return there ? Text(joined(left, right)) : Text();
  }

  const JoinPlan plan_;
  const Read left_;
  const Read right_;
  Rows kept_;
};

class Interpreter {
 public:
  explicit Interpreter(const Plan& plan)
      : plan_(plan),
        first_(
            plan.first, [this](const std::string& key) { return find(rows_["a"], key); },
            [this](const std::string& key) { return find(rows_[plan_.with_itself ? "a" : "b"], key); }),
        second_(
            plan.second, [this](const std::string& key) { return first_.read(key); },
            [this](const std::string& key) { return find(rows_["c"], key); }) {}

  std::string feed(const std::string& table, const std::string& key, const Text& value, Timestamp time) {
    out_.clear();
    Rows& rows = rows_[table];
    const auto row = find(rows, key);
    // A table that tells at commits says nothing of a deletion of what is not there.
    if (plan_.emit == Emit::kOnCommit && !value && !row) return "";
    const Told told{key, value, row ? Text(row->value) : Text(), time};
    rows.erase(key);
    if (value) rows[key] = {*value, time};
    if (table == "c") {
      tell(second_.change(/*from_left=*/false, told));
      return out_;
    }
    if (table == "a") first_told(first_.change(/*from_left=*/true, told));
    if (plan_.with_itself ? table == "a" : table == "b") first_told(first_.change(/*from_left=*/false, told));
    return out_;
  }

  [[nodiscard]] std::optional<Row> read(const std::string& key) const { return second_.read(key); }

 private:
  void first_told(const std::optional<Told>& told) {
    if (told) tell(second_.change(/*from_left=*/true, *told));
  }

  void tell(const std::optional<Told>& told) {
    if (!told) return;
    if (!out_.empty()) out_ += ' ';
    out_ += print_record(told->key, told->now, told->time);
  }

  const Plan plan_;
  std::map<std::string, Rows> rows_;
  Join first_;
  Join second_;
  std::string out_;
};

// ------------------------------------------------------------------------------------------------------------ the cases

Texts join(const Texts& left, const Texts& right, const JoinPlan& plan, const std::string& store) {
  ViewOptions options;
  if (plan.keeps) options.store = StoreName(store);
  options.emit = plan.emit;
  if (plan.kind == JoinKind::kInner) {
    return left.join(options, right, [](const std::string& l, const std::string& r) { return joined(l, r); });
  }
  if (plan.kind == JoinKind::kLeft) {
    return left.left_join(options, right, [](const std::string& l, const Text& r) { return joined(l, r); });
  }
  return left.outer_join(options, right, joined);
}

class RandomTableJoin {
 public:
  explicit RandomTableJoin(unsigned seed) : chance_(seed) {
    plan_.first = {static_cast<JoinKind>(draw(3)), draw(2) == 0};
    plan_.second = {static_cast<JoinKind>(draw(3)), draw(2) == 0};
    plan_.with_itself = draw(4) == 0;
    if (draw(3) == 0) plan_.emit = Emit::kOnCommit;
    // Two changes of one row by one record would be told as one.
    if (!plan_.with_itself && draw(3) == 0) plan_.first.emit = plan_.second.emit = Emit::kOnCommit;
  }

  void play(const std::string& directory) {
    DriverOptions options;
    options.state_directory = directory;
    TextDriver driver([this](StreamBuilder& builder) { describe(builder); }, options);
    Interpreter interpreter(plan_);
    std::string story = "first " + shown(plan_.first) + ", second " + shown(plan_.second) +
                        (plan_.with_itself ? ", with itself" : "") +
                        (plan_.emit == Emit::kOnCommit ? ", at commits" : "") + "\n";
    for (unsigned left = 20 + draw(60); left > 0; --left) {
      const std::string table(1, static_cast<char>('a' + draw(3)));
      const std::string key = key_at(draw(3));
      const Text value = draw(3) == 0 ? Text() : Text(table + std::to_string(count_++));
      const Timestamp time = draw(100);
      const std::string record = print_record(key, value, time);
      driver.feed<std::string, Text>(table, record);
      const std::string expected = interpreter.feed(table, key, value, time);
      story += table + " " + record + " -> " + expected + "\n";
      ASSERT_EQ((driver.take<std::string, Text>("out")), expected) << story;
      if (draw(20) != 0) continue;
      ASSERT_TRUE(driver.driver().restart().ok());
      story += "restart\n";
    }
    for (unsigned i = 0; i < 3; ++i) {
      driver.feed<std::string, std::string>("ask", key_at(i) + ":?@0");
      const auto row = interpreter.read(key_at(i));
      ASSERT_EQ((driver.take<std::string, std::string>("answer")),
                key_at(i) + ":" + (row ? row->value : "-") + "@0")
          << story;
    }
  }

 private:
  unsigned draw(unsigned below) { return chance_() % below; }
  static std::string key_at(unsigned i) { return std::string(1, static_cast<char>('k' + i)); }
  static std::string shown(const JoinPlan& plan) {
    return "kind " + std::to_string(static_cast<int>(plan.kind)) + (plan.keeps ? " keeps" : "") +
           (plan.emit == Emit::kOnCommit ? " at commits" : "");
  }

  void describe(StreamBuilder& builder) const {
    const auto table = [&](const char* topic) {
      return builder.table<std::string, std::string>(topic, {.store = topic, .emit = plan_.emit});
    };
    const Texts a = table("a");
    const Texts b = table("b");
    const Texts first = join(a, plan_.with_itself ? a : b, plan_.first, "first");
    const Texts second = join(first, table("c"), plan_.second, "second");
    second.to_stream().to("out");
    builder.stream<std::string, std::string>("ask")
        .left_join(second, [](const std::string&, const Text& row) { return row.value_or("-"); })
        .to("answer");
  }

  std::mt19937 chance_;
  Plan plan_;
  int count_ = 0;
};

unsigned cases() { return number_from_environment("WEIR_TABLE_JOIN_CASES", 200); }
void play(unsigned seed, const std::string& directory) { RandomTableJoin(seed).play(directory); }

TEST(RandomTableJoins, InMemoryAreWhatTheInterpreterSays) { play_cases(cases(), /*on_disk=*/false, play); }
TEST(RandomTableJoins, OnDiskAreWhatTheInterpreterSays) {
  play_cases(cases() / 30 + 1, /*on_disk=*/true, play);
}

}  // namespace join_tables_random_test
}  // namespace weir
