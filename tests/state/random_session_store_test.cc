#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/session_store.h>

#include "random_fixture.h"

namespace weir {
namespace random_session_store_test {

using testing::Value;
using Store = SessionStore<std::string, std::string>;
using Session = std::tuple<std::string, Timestamp, Timestamp, Value>;  // key, start, end

class RandomSessionStoreTest : public testing::RandomStoreTest {};

INSTANTIATE_TEST_SUITE_P(Storage, RandomSessionStoreTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Values(0, 1, 2)),
                         testing::random_store_name);

std::vector<Session> sessions_of(Store::Cursor cursor) {
  std::vector<Session> sessions;
  while (cursor.next()) {
    sessions.emplace_back(cursor.key(), cursor.start(), cursor.end_time(),
                          Value{cursor.value(), cursor.timestamp()});
  }
  return sessions;
}

TEST_P(RandomSessionStoreTest, ASessionStoreIsAMapThatForgets) {
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed_));
  struct Model {
    std::map<std::tuple<std::string, Timestamp, Timestamp>, Value> sessions;  // by key, end, start
    Timestamp clock = kNoTimestamp;
  };
  Lives<Model> lives;
  Model& now = lives.now;

  const Timestamp retention = draw(5) == 0 ? -1 : 1 + draw(400);
  const Timestamp segment = 1 + draw(200);
  const auto first_live = [&] {
    return retention < 0 ? 0 : std::max<Timestamp>(0, now.clock - retention + 1);
  };
  const StoreOptions chosen = options();
  Store* s = nullptr;
  const auto start = [&] {
    open(session_store_spec<std::string, std::string>("s", Duration(retention), Duration(segment), chosen));
    s = task_ == nullptr ? nullptr : dynamic_cast<Store*>(task_->find("s"));
    ASSERT_NE(s, nullptr);
  };
  start();

  const auto expect = [&](const std::string* key, Timestamp earliest_end, Timestamp latest_start) {
    std::vector<Session> sessions;
    for (const auto& [at, value] : now.sessions) {
      const auto& [of, end, begin] = at;
      if (key != nullptr && of != *key) continue;
      if (end >= std::max(earliest_end, first_live()) && begin <= latest_start)
        sessions.emplace_back(of, begin, end, value);
    }
    return sessions;
  };
  const auto in_store_order = [&](std::vector<Session> sessions) {
    std::sort(sessions.begin(), sessions.end(), [&](const Session& left, const Session& right) {
      const auto bytes = [&](const Session& session) {
        const auto& [key, begin, end, value] = session;
        Bytes out;
        encode_session_key(end / segment, key, begin, end, out);
        return out;
      };
      return bytes(left) < bytes(right);
    });
    return sessions;
  };
  struct Watched {
    Store::Cursor cursor;
    std::vector<Session> expected;
  };
  std::vector<Watched> watched;

  Timestamp around = 0;
  for (int step = 0; step < 4000 && !HasFailure(); ++step) {
    around += draw(12) == 0 ? draw(300) : draw(4);
    const std::string key = testing::random_key(chance_);
    const Timestamp end = std::max<Timestamp>(0, around - draw(300));
    const Timestamp begin = std::max<Timestamp>(0, end - draw(50));
    const std::string value(draw(40), static_cast<char>('a' + draw(26)));
    switch (draw(8)) {
      case 0:
      case 1:
      case 2: {
        now.clock = std::max(now.clock, end);
        const bool live = end >= first_live();
        ASSERT_EQ(s->put(key, begin, end, value, step), live);
        if (live) now.sessions[{key, end, begin}] = {value, step};
        break;
      }
      case 3: {
        const auto near = now.sessions.lower_bound({key, end, begin});
        const auto target = near == now.sessions.end() ? std::tuple(key, end, begin) : near->first;
        now.clock = std::max(now.clock, std::get<1>(target));
        const bool live = std::get<1>(target) >= first_live();
        ASSERT_EQ(s->erase(std::get<0>(target), std::get<2>(target), std::get<1>(target), step), live);
        if (live) now.sessions.erase(target);
        break;
      }
      case 4: {
        const auto near = now.sessions.lower_bound({key, end, begin});
        const auto target = near == now.sessions.end() ? std::tuple(key, end, begin) : near->first;
        const auto expected = now.sessions.find(target);
        const auto* found = s->find(std::get<0>(target), std::get<2>(target), std::get<1>(target));
        const bool visible = expected != now.sessions.end() && std::get<1>(target) >= first_live();
        ASSERT_EQ(found != nullptr, visible);
        if (visible) {
          ASSERT_EQ((Value{found->value, found->timestamp}), expected->second);
        }
        break;
      }
      case 5: {
        const auto near = now.sessions.lower_bound({key, 0, 0});
        const std::string target = near == now.sessions.end() ? key : std::get<0>(near->first);
        const Timestamp latest_start = begin + draw(300);
        auto expected = expect(&target, end, latest_start);
        ASSERT_EQ(sessions_of(s->find_sessions(target, end, latest_start)), expected);
        std::vector<Session> visited;
        s->visit_sessions(target, end, latest_start,
                          [&](Timestamp from, Timestamp to, const Store::Row& row) {
                            visited.emplace_back(target, from, to, Value{row.value, row.timestamp});
                          });
        ASSERT_EQ(visited, expected);
        std::reverse(expected.begin(), expected.end());
        ASSERT_EQ(sessions_of(s->reverse_find_sessions(target, end, latest_start)), expected);
        break;
      }
      case 6: {
        const Timestamp to = end + draw(300);
        auto expected = expect(nullptr, end, kLastTimestamp);
        std::erase_if(expected, [&](const Session& session) { return std::get<2>(session) > to; });
        std::sort(expected.begin(), expected.end(), [](const Session& left, const Session& right) {
          return std::tie(std::get<2>(left), std::get<1>(left), std::get<0>(left)) <
                 std::tie(std::get<2>(right), std::get<1>(right), std::get<0>(right));
        });
        std::vector<Session> found;
        for (const auto& session : s->find_sessions_all(end, to)) {
          ASSERT_EQ(session.key_bytes, session.key);
          found.emplace_back(session.key, session.start, session.end,
                             Value{session.row.value, session.row.timestamp});
        }
        ASSERT_EQ(found, expected);
        break;
      }
      default: {
        std::string to = testing::random_key(chance_);
        auto expected = in_store_order(expect(nullptr, end, kLastTimestamp));
        std::erase_if(expected, [&](const Session& session) {
          return std::get<0>(session) < key || std::get<0>(session) > to;
        });
        ASSERT_EQ(sessions_of(s->find_sessions_range(key, to, end, kLastTimestamp)), expected);
        std::reverse(expected.begin(), expected.end());
        ASSERT_EQ(sessions_of(s->reverse_find_sessions_range(key, to, end, kLastTimestamp)), expected);
        watched.push_back({s->all(), in_store_order(expect(nullptr, 0, kLastTimestamp))});
        if (watched.size() > 5) {
          ASSERT_EQ(sessions_of(std::move(watched.front().cursor)), watched.front().expected);
          watched.erase(watched.begin());
        }
        break;
      }
    }
    if (HasFailure()) return;
    const Turn turned = turn(lives);
    if (turned == Turn::kRestart) {
      watched.clear();  // a cursor would keep the directory in use
      start();
      if (HasFailure()) return;
      if (!persistent()) {
        // Its clock is that of what was logged: one that only refused or erased sessions moved is not known.
        now.clock = s->observed_time();
        ASSERT_LE(now.clock, lives.committed.clock);
        lives.committed.clock = now.clock;
      }
    }
    if (turned != Turn::kNothing) {
      ASSERT_EQ(s->observed_time(), now.clock);
    }
  }
  drop();
  now = lives.committed;
  EXPECT_EQ(sessions_of(s->all()), in_store_order(expect(nullptr, 0, kLastTimestamp)));
}

}  // namespace random_session_store_test
}  // namespace weir
