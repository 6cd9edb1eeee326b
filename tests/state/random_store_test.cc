// Stores against a std::map that does the same, under random calls. Set WEIR_SEED to play one seed again.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/key_value_store.h>
#include <weir/state/window_store.h>

#include "random_fixture.h"

namespace weir {
namespace {

using Store = KeyValueStore<std::string, std::string>;
using Windows = WindowStore<std::string, std::string>;

using testing::random_key;
using testing::RandomStoreTest;
using testing::Value;

INSTANTIATE_TEST_SUITE_P(Storage, RandomStoreTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Values(0, 1, 2)),
                         testing::random_store_name);

TEST_P(RandomStoreTest, AKeyValueStoreIsAMap) {
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed_));
  using Map = std::map<std::string, Value>;
  Map now;        // what reads must see
  Map committed;  // what a drop or a restart goes back to
  Map encoded;    // what the next apply makes committed
  Map told;       // what a listener has heard of
  bool is_encoded = false;

  const StoreOptions chosen = options();
  const bool before_wanted = draw(2) == 0;
  Store* s = nullptr;
  const auto listen = [&] {
    s = dynamic_cast<Store*>(task_->find("s"));
    ASSERT_NE(s, nullptr);
    s->on_commit({.before = before_wanted},
                 [&](const std::string& key, const Store::Row* row, const Store::Row* before,
                     Timestamp timestamp, const Headers&, const Origin&) {
                   const auto heard = told.find(key);
                   if (before_wanted) {
                     ASSERT_EQ(before != nullptr, heard != told.end());
                     if (before != nullptr) {
                       ASSERT_EQ((Value{before->value, before->timestamp}), heard->second);
                     }
                   } else {
                     ASSERT_EQ(before, nullptr);
                   }
                   if (row != nullptr) {
                     ASSERT_EQ(row->timestamp, timestamp);
                     told[key] = {row->value, row->timestamp};
                   } else {
                     ASSERT_NE(heard, told.end());
                     told.erase(heard);
                   }
                 });
  };
  const auto start = [&] {
    open(key_value_store_spec<std::string, std::string>("s", chosen));
    if (!HasFatalFailure()) listen();
  };
  start();

  const auto rows_of = [](Store::Cursor cursor) {
    std::vector<std::pair<std::string, Value>> rows;
    while (cursor.next()) rows.emplace_back(cursor.key(), Value{cursor.value(), cursor.timestamp()});
    return rows;
  };
  struct Watched {
    Store::Cursor cursor;
    std::vector<std::pair<std::string, Value>> expected;
  };
  std::vector<Watched> watched;  // opened some time ago

  for (int step = 0; step < 3000 && !HasFailure(); ++step) {
    const std::string key = random_key(chance_);
    const std::string value(draw(40), static_cast<char>('a' + draw(26)));
    const Timestamp time = step;
    switch (draw(16)) {
      case 0:
      case 1:
      case 2:
        s->put(key, value, time);
        now[key] = {value, time};
        break;
      case 3:
        s->erase(key, time);
        now.erase(key);
        break;
      case 4: {
        const auto* found = s->put_if_absent(key, value, time);
        ASSERT_EQ(found != nullptr, now.contains(key));
        now.try_emplace(key, Value{value, time});
        break;
      }
      case 5:
      case 6:
        s->modify(key, time, [&](std::optional<Store::Row>& row) {
          ASSERT_EQ(row.has_value(), now.contains(key));
          if (row && draw(4) == 0) {
            row.reset();
            now.erase(key);
          } else {
            if (!row) row.emplace();
            row->value += value;
            row->timestamp = time;
            now[key].value += value;
            now[key].timestamp = time;
          }
        });
        break;
      case 7:
      case 8:
      case 9: {
        const auto* found = s->find(key);
        const auto expected = now.find(key);
        ASSERT_EQ(found != nullptr, expected != now.end());
        if (found != nullptr) {
          ASSERT_EQ((Value{found->value, found->timestamp}), expected->second);
        }
        break;
      }
      case 10: {
        std::optional<std::string> from;
        std::optional<std::string> to;
        if (draw(4) != 0) from = key;
        if (draw(4) != 0) to = random_key(chance_);
        std::vector<std::pair<std::string, Value>> expected;
        for (const auto& row : now) {
          if ((!from || row.first >= *from) && (!to || row.first <= *to)) expected.emplace_back(row);
        }
        ASSERT_EQ(rows_of(s->range(from, to)), expected);
        std::reverse(expected.begin(), expected.end());
        ASSERT_EQ(rows_of(s->reverse_range(from, to)), expected);
        break;
      }
      case 11: {
        std::vector<std::pair<std::string, Value>> expected;
        for (const auto& row : now) {
          if (row.first.starts_with(key)) expected.emplace_back(row);
        }
        ASSERT_EQ(rows_of(s->prefix_bytes(key)), expected);
        break;
      }
      case 12: {
        Watched opened{draw(2) == 0 ? s->all() : s->reverse_all(), {now.begin(), now.end()}};
        if (watched.size() > 5) {
          auto& old = watched[draw(5)];
          auto rows = rows_of(std::move(old.cursor));
          if (rows.size() > 1 && rows.front().first > rows.back().first)
            std::reverse(rows.begin(), rows.end());
          ASSERT_EQ(rows, old.expected);
          watched.erase(watched.begin() + (&old - watched.data()));
        }
        watched.push_back(std::move(opened));
        break;
      }
      case 13:
        if (draw(3) != 0) break;
        encode();
        ASSERT_EQ(told, now);
        encoded = now;
        is_encoded = true;
        break;
      case 14:
        if (draw(3) == 0) {
          drop();
          now = told = committed;
          is_encoded = false;
        } else {
          if (!is_encoded) {
            encode();
            encoded = now;
          }
          apply();
          committed = encoded;
          is_encoded = false;
        }
        break;
      default:
        if (draw(20) != 0) break;
        watched.clear();  // a cursor would keep the directory in use
        start();
        if (HasFailure()) return;
        now = told = committed;
        encoded_changelog_ = {};
        is_encoded = false;
        break;
    }
  }
  Map logged;
  for (const auto& entry : changelog_.entries) {
    if (entry.value) {
      logged[entry.key] = {*entry.value, entry.timestamp};
    } else {
      logged.erase(entry.key);
    }
  }
  EXPECT_EQ(logged, committed);
  drop();
  EXPECT_EQ(rows_of(s->all()),
            (std::vector<std::pair<std::string, Value>>(committed.begin(), committed.end())));
}

TEST_P(RandomStoreTest, AWindowStoreIsAMapThatForgets) {
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed_));
  struct Model {
    std::map<std::pair<std::string, Timestamp>, Value> windows;
    Timestamp clock = kNoTimestamp;
  };
  Model now;
  Model committed;
  Model encoded;
  bool is_encoded = false;

  const Timestamp retention = draw(5) == 0 ? -1 : 1 + draw(400);
  const Timestamp segment = 1 + draw(200);
  const auto first_live = [&](Timestamp clock) {
    return retention < 0 ? 0 : std::max<Timestamp>(0, clock - retention + 1);
  };
  const StoreOptions chosen = options();
  Windows* w = nullptr;
  const auto start = [&] {
    open(window_store_spec<std::string, std::string>("w", Duration(retention), Duration(segment), chosen));
    w = task_ == nullptr ? nullptr : dynamic_cast<Windows*>(task_->find("w"));
    ASSERT_NE(w, nullptr);
  };
  start();

  using Window = std::tuple<std::string, Timestamp, Value>;
  const auto windows_of = [](Windows::Cursor cursor) {
    std::vector<Window> windows;
    while (cursor.next())
      windows.emplace_back(cursor.key(), cursor.start(), Value{cursor.value(), cursor.timestamp()});
    return windows;
  };
  // What a walk must yield, in its order.
  const auto expect = [&](const std::string* key, Timestamp from, Timestamp to) {
    std::vector<Window> windows;
    for (const auto& [at, value] : now.windows) {
      if (key != nullptr && at.first != *key) continue;
      if (at.second < std::max(from, first_live(now.clock)) || at.second > to) continue;
      windows.emplace_back(at.first, at.second, value);
    }
    std::stable_sort(windows.begin(), windows.end(), [&](const Window& left, const Window& right) {
      return std::get<1>(left) / segment < std::get<1>(right) / segment;
    });
    // Within a bucket the order is that of key and start run together.
    std::stable_sort(windows.begin(), windows.end(), [&](const Window& left, const Window& right) {
      const auto bytes = [&](const Window& window) {
        Bytes out;
        encode_window_key(std::get<1>(window) / segment, std::get<0>(window), std::get<1>(window), out);
        return out;
      };
      return bytes(left) < bytes(right);
    });
    return windows;
  };
  struct Watched {
    Windows::Cursor cursor;
    std::vector<Window> expected;
  };
  std::vector<Watched> watched;

  Timestamp around = 0;
  for (int step = 0; step < 3000 && !HasFailure(); ++step) {
    around += draw(12) == 0 ? draw(300) : draw(4);
    const std::string key = random_key(chance_);
    const Timestamp at = std::max<Timestamp>(0, around - draw(300));
    const std::string value(draw(40), static_cast<char>('a' + draw(26)));
    const Timestamp time = step;
    const bool live = at >= first_live(std::max(now.clock, at));
    switch (draw(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        ASSERT_EQ(w->accepts(at), live);
        ASSERT_EQ(w->put(key, at, value, time), live);
        now.clock = std::max(now.clock, at);
        if (live) now.windows[{key, at}] = {value, time};
        break;
      case 4: {
        // Preferably one that is there.
        auto near = now.windows.lower_bound({key, at});
        const auto target = near == now.windows.end() ? std::pair(key, at) : near->first;
        const bool taken = target.second >= first_live(std::max(now.clock, target.second));
        ASSERT_EQ(w->erase(target.first, target.second, time), taken);
        now.clock = std::max(now.clock, target.second);
        if (taken) now.windows.erase(target);
        break;
      }
      case 5: {
        bool called = false;
        w->modify(key, at, time, [&](std::optional<Windows::Row>& row) {
          called = true;
          ASSERT_EQ(row.has_value(), now.windows.contains({key, at}));
          if (!row) row.emplace();
          row->value += value;
          row->timestamp = time;
          auto& expected = now.windows[{key, at}];
          expected.value += value;
          expected.timestamp = time;
        });
        now.clock = std::max(now.clock, at);
        ASSERT_EQ(called, live);
        break;
      }
      case 6:
      case 7: {
        auto near = now.windows.lower_bound({key, at});
        const auto target = near == now.windows.end() || draw(3) == 0 ? std::pair(key, at) : near->first;
        const auto* found = w->find(target.first, target.second);
        const auto expected = now.windows.find(target);
        const bool visible = expected != now.windows.end() && target.second >= first_live(now.clock);
        ASSERT_EQ(found != nullptr, visible);
        if (visible) {
          ASSERT_EQ((Value{found->value, found->timestamp}), expected->second);
        }
        break;
      }
      case 8: {
        const auto near = now.windows.lower_bound({key, 0});
        const std::string target = near == now.windows.end() ? key : near->first.first;
        const Timestamp to = at + draw(300);
        auto expected = expect(&target, at, to);
        ASSERT_EQ(windows_of(w->fetch(target, at, to)), expected);
        std::reverse(expected.begin(), expected.end());
        ASSERT_EQ(windows_of(w->reverse_fetch(target, at, to)), expected);
        break;
      }
      case 9: {
        const Timestamp to = at + draw(300);
        auto expected = expect(nullptr, at, to);
        ASSERT_EQ(windows_of(w->fetch_all(at, to)), expected);
        std::reverse(expected.begin(), expected.end());
        ASSERT_EQ(windows_of(w->reverse_fetch_all(at, to)), expected);
        break;
      }
      case 10:
        watched.push_back({w->all(), expect(nullptr, 0, kLastTimestamp)});
        if (watched.size() > 5) {
          ASSERT_EQ(windows_of(std::move(watched.front().cursor)), watched.front().expected);
          watched.erase(watched.begin());
        }
        break;
      case 11:
        if (draw(3) != 0) break;
        encode();
        encoded = now;
        is_encoded = true;
        break;
      case 12:
        if (draw(3) == 0) {
          drop();
          now = committed;
          is_encoded = false;
        } else {
          if (!is_encoded) {
            encode();
            encoded = now;
          }
          apply();
          committed = encoded;
          is_encoded = false;
        }
        ASSERT_EQ(w->observed_time(), now.clock);
        break;
      default: {
        if (draw(20) != 0) break;
        watched.clear();  // a cursor would keep the directory in use
        start();
        if (HasFailure()) return;
        now = committed;
        encoded_changelog_ = {};
        is_encoded = false;
        if (!persistent()) {
          // Its clock is that of what was logged: one that only refused or erased windows moved is not known.
          now.clock = w->observed_time();
          ASSERT_LE(now.clock, committed.clock);
          committed.clock = now.clock;
        }
        ASSERT_EQ(w->observed_time(), now.clock);
        break;
      }
    }
  }
  drop();
  now = committed;
  EXPECT_EQ(windows_of(w->all()), expect(nullptr, 0, kLastTimestamp));
}

}  // namespace
}  // namespace weir
