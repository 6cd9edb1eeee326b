#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/join_store.h>

#include "random_fixture.h"

namespace weir {
namespace {

using Store = JoinStore<std::string, std::string>;
using Entry = std::tuple<std::string, Timestamp, std::string>;

class RandomJoinStoreTest : public testing::RandomStoreTest {};

INSTANTIATE_TEST_SUITE_P(Storage, RandomJoinStoreTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Values(0, 1, 2)),
                         testing::random_store_name);

std::vector<Entry> rows_of(Store::Cursor cursor) {
  std::vector<Entry> rows;
  while (cursor.next()) rows.emplace_back(cursor.key(), cursor.time(), cursor.value());
  return rows;
}

TEST_P(RandomJoinStoreTest, AJoinStoreIsAListThatForgets) {
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed_));
  struct Model {
    std::vector<Entry> rows;  // as they came
    Timestamp clock = kNoTimestamp;
  };
  Lives<Model> lives;
  Model& now = lives.now;

  const Timestamp retention = draw(5) == 0 ? -1 : draw(400);
  const Timestamp segment = 1 + draw(200);
  const auto first_live = [&] {
    return retention < 0 ? 0 : std::max<Timestamp>(0, now.clock - retention + 1);
  };
  const StoreOptions chosen = options();
  Store* j = nullptr;
  const auto start = [&] {
    open(join_store_spec<std::string, std::string>("j", Duration(retention), Duration(segment), chosen));
    j = task_ == nullptr ? nullptr : dynamic_cast<Store*>(task_->find("j"));
    ASSERT_NE(j, nullptr);
  };
  start();

  const auto expect = [&](const std::string& key, Timestamp from, Timestamp to) {
    std::vector<Entry> rows;
    for (const Entry& row : now.rows) {
      const Timestamp time = std::get<1>(row);
      if (std::get<0>(row) == key && time >= std::max(from, first_live()) && time <= to) rows.push_back(row);
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Entry& left, const Entry& right) {
      return std::get<1>(left) < std::get<1>(right);
    });
    return rows;
  };
  const auto all = [&] {
    std::vector<Entry> rows = now.rows;
    std::erase_if(rows, [&](const Entry& row) { return std::get<1>(row) < first_live(); });
    std::sort(rows.begin(), rows.end());
    return rows;
  };
  struct Watched {
    Store::Cursor cursor;
    std::vector<Entry> expected;
  };
  std::vector<Watched> watched;

  Timestamp around = 0;
  for (int step = 0; step < 4000 && !HasFailure(); ++step) {
    around += draw(12) == 0 ? draw(100) : draw(4);
    std::string key = testing::random_key(chance_);
    if (!now.rows.empty() && draw(2) == 0)
      key = std::get<0>(now.rows[now.rows.size() - 1 - draw(10) % now.rows.size()]);
    const Timestamp at = std::max<Timestamp>(0, around - draw(draw(2) == 0 ? 300 : 4));
    switch (draw(6)) {
      case 0:
      case 1:
      case 2: {
        const std::string value = std::to_string(step) + std::string(draw(40), 'x');
        now.clock = std::max(now.clock, at);
        const bool live = at >= first_live();
        ASSERT_EQ(j->put(key, at, value), live);
        if (live) now.rows.emplace_back(key, at, value);
        break;
      }
      case 3:
      case 4: {
        const Timestamp to = at + draw(300);
        auto expected = expect(key, at, to);
        std::vector<Entry> visited;
        j->visit(key, at, to,
                 [&](Timestamp time, const std::string& value) { visited.emplace_back(key, time, value); });
        ASSERT_EQ(visited, expected);
        ASSERT_EQ(rows_of(j->fetch(key, at, to)), expected);
        std::reverse(expected.begin(), expected.end());
        ASSERT_EQ(rows_of(j->reverse_fetch(key, at, to)), expected);
        break;
      }
      default:
        watched.push_back({j->all(), all()});
        if (watched.size() > 5) {
          auto rows = rows_of(std::move(watched.front().cursor));
          std::sort(rows.begin(), rows.end());
          ASSERT_EQ(rows, watched.front().expected);
          watched.erase(watched.begin());
        }
        break;
    }
    if (HasFailure()) return;
    const Turn turned = turn(lives);
    if (turned == Turn::kRestart) {
      watched.clear();  // a cursor would keep the directory in use
      start();
      if (HasFailure()) return;
      if (!persistent()) {
        // Its clock is that of what was logged: a refused row that is younger than all others moved it too.
        now.clock = j->observed_time();
        ASSERT_LE(now.clock, lives.committed.clock);
        lives.committed.clock = now.clock;
      }
    }
    if (turned != Turn::kNothing) {
      ASSERT_EQ(j->observed_time(), now.clock);
    }
  }
  drop();
  now = lives.committed;
  auto rows = rows_of(j->all());
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, all());
}

}  // namespace
}  // namespace weir
