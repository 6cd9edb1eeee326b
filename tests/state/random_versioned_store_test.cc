#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/versioned_store.h>

#include "random_fixture.h"

namespace weir {
namespace random_versioned_store_test {

using Store = VersionedStore<std::string, std::string>;
using History = std::map<Timestamp, std::optional<std::string>>;

struct Model {
  std::map<std::string, History> keys;
  Timestamp clock = kNoTimestamp;
};

class RandomVersionedStoreTest : public testing::RandomStoreTest {};

INSTANTIATE_TEST_SUITE_P(Storage, RandomVersionedStoreTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Values(0, 1, 2)),
                         testing::random_store_name);

// What the model knows of a key as of a time: value and timestamp.
std::optional<std::pair<std::string, Timestamp>> as_of(const Model& model, const std::string& key,
                                                       Timestamp time, Timestamp history) {
  const auto found = model.keys.find(key);
  if (found == model.keys.end()) return std::nullopt;
  auto next = found->second.upper_bound(time);
  if (next != found->second.end() && history >= 0 && time < model.clock - history) return std::nullopt;
  if (next == found->second.begin()) return std::nullopt;
  --next;
  if (!next->second) return std::nullopt;
  return std::pair(*next->second, next->first);
}

TEST_P(RandomVersionedStoreTest, AVersionedStoreIsAMapOfMapsThatForgets) {
  SCOPED_TRACE("WEIR_SEED=" + std::to_string(seed_));
  Lives<Model> lives;
  Model& now = lives.now;

  const Timestamp history = draw(5) == 0 ? -1 : draw(400);
  const Timestamp segment = 1 + draw(200);
  const StoreOptions chosen = options();
  Store* v = nullptr;
  const auto start = [&] {
    open(versioned_store_spec<std::string, std::string>("v", Duration(history), Duration(segment), chosen));
    v = task_ == nullptr ? nullptr : dynamic_cast<Store*>(task_->find("v"));
    ASSERT_NE(v, nullptr);
  };
  start();

  Timestamp around = 0;
  for (int step = 0; step < 5000 && !HasFailure(); ++step) {
    around += draw(20) == 0 ? draw(200) : draw(4);
    std::string key = testing::random_key(chance_);
    if (!now.keys.empty() && draw(3) != 0) {
      const auto near = now.keys.lower_bound(key);
      if (near != now.keys.end()) key = near->first;
    }
    Timestamp at = std::max<Timestamp>(0, around - (draw(3) == 0 ? draw(500) : draw(30)));
    if (draw(4) == 0) at -= at % 16;  // so that timestamps meet
    switch (draw(8)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        std::optional<std::string> value;
        if (draw(4) != 0) value = std::to_string(step) + std::string(draw(40), 'x');
        const bool accepted = history < 0 || at >= now.clock - history;
        ASSERT_EQ(v->accepts(at), accepted);
        std::optional<Timestamp> valid_to;
        if (accepted) {
          now.clock = std::max(now.clock, at);
          History& versions = now.keys[key];
          versions[at] = value;
          if (const auto next = versions.upper_bound(at); next != versions.end()) valid_to = next->first;
        }
        const VersionPut done = v->put(key, value, at);
        ASSERT_EQ(done.accepted, accepted);
        ASSERT_EQ(done.valid_to, valid_to);
        break;
      }
      case 4: {
        const auto* found = v->find(key);
        const auto expected = as_of(now, key, kLastTimestamp, history);
        ASSERT_EQ(found != nullptr, expected.has_value());
        if (found != nullptr) {
          ASSERT_EQ(std::pair(found->value, found->timestamp), *expected);
        }
        break;
      }
      case 5:
      case 6: {
        const auto* found = v->find_as_of(key, at);
        const auto expected = as_of(now, key, at, history);
        ASSERT_EQ(found != nullptr, expected.has_value()) << "as of " << at << ", clock " << now.clock;
        if (found != nullptr) {
          ASSERT_EQ(std::pair(found->value, found->timestamp), *expected);
        }
        break;
      }
      default: {
        const Timestamp to = at + draw(100);
        std::vector<Version<std::string>> expected;
        if (const auto known = now.keys.find(key); known != now.keys.end()) {
          for (auto version = known->second.begin(); version != known->second.end(); ++version) {
            const auto next = std::next(version);
            std::optional<Timestamp> end;
            if (next != known->second.end()) end = next->first;
            if (!version->second || version->first > to) continue;
            if (end && (*end <= at || (history >= 0 && *end <= now.clock - history))) continue;
            expected.push_back({*version->second, version->first, end});
          }
        }
        ASSERT_EQ(v->versions(key, at, to), expected);
        break;
      }
    }
    if (HasFailure()) return;
    const Turn turned = turn(lives);
    if (turned == Turn::kRestart) {
      start();
      if (HasFailure()) return;
    }
    if (turned != Turn::kNothing) {
      ASSERT_EQ(v->observed_time(), now.clock);
    }
  }
  drop();
  now = lives.committed;
  std::map<std::string, std::string> latest;
  for (const auto& [key, versions] : now.keys) {
    if (versions.rbegin()->second) latest[key] = *versions.rbegin()->second;
  }
  const auto rows_of = [](Store& store) {
    std::map<std::string, std::string> rows;
    for (auto cursor = store.all(); cursor.next();) rows[cursor.key()] = cursor.value();
    return rows;
  };
  EXPECT_EQ(rows_of(*v), latest);

  // Of a compacted changelog the latest versions are left.
  testing::RecordedChangelog compacted;
  for (auto entry = changelog_.entries.begin(); entry != changelog_.entries.end(); ++entry) {
    if (std::none_of(std::next(entry), changelog_.entries.end(),
                     [&](const auto& later) { return later.key == entry->key; })) {
      compacted.entries.push_back(*entry);
    }
  }
  for (auto& entry : compacted.entries) entry.store = "compacted";
  changelog_ = {};
  open(versioned_store_spec<std::string, std::string>("compacted", Duration(history), Duration(segment),
                                                      chosen));
  if (HasFailure()) return;
  restore("compacted", compacted.records("compacted"));
  EXPECT_EQ(rows_of(*dynamic_cast<Store*>(task_->find("compacted"))), latest);
}

}  // namespace random_versioned_store_test
}  // namespace weir
