// What an on_commit listener hears.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/key_value_store.h>
#include <weir/state/window_store.h>

#include "state_fixture.h"

namespace weir {
namespace {

using Store = KeyValueStore<std::string, std::string>;
using Windows = WindowStore<std::string, std::string>;

template <class Row>
std::string text_of(const Row* row) {
  return row == nullptr ? "-" : row->value;
}

class EmissionTest : public testing::StateTest {
 protected:
  void SetUp() override {
    open({key_value_store_spec<std::string, std::string>("s",
                                                         {.persistent = persistent(), .cache_bytes = 300})});
  }

  void listen(bool before) {
    s().on_commit(
        {.before = before}, [this](const std::string& key, const Store::Row* now, const Store::Row* then,
                                   Timestamp timestamp, const Headers&, const Origin&) {
          if (!heard_.empty()) heard_ += ' ';
          heard_ += key + ':' + text_of(then) + '>' + text_of(now) + '@' + std::to_string(timestamp);
        });
  }

  Store& s() { return store<Store>("s"); }
  void put(const std::string& key, const std::string& value, Timestamp timestamp) {
    s().put(key, value, timestamp);
  }

  // Returns what the listener heard in a commit.
  std::string heard() {
    heard_.clear();
    commit();
    return heard_;
  }

  std::string heard_;
};

INSTANTIATE_TEST_SUITE_P(Storage, EmissionTest, ::testing::Bool(), testing::storage_name);

TEST_P(EmissionTest, TellsTheLastRowsInTheOrderOfTheirLastWrite) {
  listen(false);
  put("a", "1", 1);
  put("b", "2", 2);
  put("c", "3", 3);
  put("a", "4", 4);
  EXPECT_EQ(heard(), "b:->2@2 c:->3@3 a:->4@4");
  EXPECT_EQ(heard(), "");
}

TEST_P(EmissionTest, TellsTheRowThatWasEmittedLast) {
  listen(true);
  put("a", "1", 1);
  put("a", "2", 2);
  EXPECT_EQ(heard(), "a:->2@2");
  put("a", "3", 3);
  put("a", "4", 4);
  EXPECT_EQ(heard(), "a:2>4@4");
  s().erase("a", 5);
  EXPECT_EQ(heard(), "a:4>-@5");
  put("a", "6", 6);
  EXPECT_EQ(heard(), "a:->6@6");
}

TEST_P(EmissionTest, ReadsTheRowBeforeWhereItWasNotInMemory) {
  listen(true);
  for (int i = 0; i < 50; ++i) put(std::to_string(i), "old", i);
  commit();
  for (int i = 0; i < 50; ++i) put(std::to_string(i), "new", i);
  heard_.clear();
  commit();
  EXPECT_EQ(heard_.substr(0, 22), "0:old>new@0 1:old>new@");
  EXPECT_EQ(std::count(heard_.begin(), heard_.end(), '-'), 0);
}

TEST_P(EmissionTest, SaysNothingOfARowMadeAndErasedInBetween) {
  for (const bool before : {false, true}) {
    listen(before);
    put("a", "1", 1);
    s().erase("a", 2);
    EXPECT_EQ(heard(), "");
    s().modify("b", 1, [](auto& row) { row = Store::Row{"1", 1}; });
    s().modify("b", 2, [](auto& row) { row.reset(); });
    EXPECT_EQ(heard(), "");
    s().erase("never", 3);
    EXPECT_EQ(heard(), "");
  }
}

TEST_P(EmissionTest, TellsTheErasureOfARowThatWasThere) {
  listen(false);
  for (int i = 0; i < 50; ++i) put(std::to_string(i), "v", i);
  commit();
  s().erase("3", 100);  // most likely not in memory
  s().modify("4", 101, [](auto& row) { row.reset(); });
  put("5", "w", 102);
  s().erase("5", 103);
  EXPECT_EQ(heard(), "3:->-@100 4:->-@101 5:->-@103");
}

TEST_P(EmissionTest, TellsARowErasedAndMadeAgainAsAChange) {
  listen(true);
  put("a", "1", 1);
  commit();
  s().erase("a", 2);
  put("a", "2", 3);
  EXPECT_EQ(heard(), "a:1>2@3");
}

TEST_P(EmissionTest, KeepsHeadersAndOriginOfTheLastWrite) {
  std::vector<std::string> seen;
  s().on_commit({}, [&](const std::string& key, const Store::Row*, const Store::Row*, Timestamp,
                        const Headers& headers, const Origin& origin) {
    seen.push_back(key + ' ' + (headers.empty() ? "none" : headers.last("h")->value.value()) + ' ' +
                   std::string(origin.topic) + '/' + std::to_string(origin.partition) + '/' +
                   std::to_string(origin.offset));
  });
  {
    const Headers first{{"h", "1"}};
    const Headers second{{"h", "2"}};
    const RecordInfo one{1, first, {"in", 3, 10}};
    const RecordInfo two{2, second, {"in", 3, 11}};
    s().put("a", "1", 1, {}, &one);
    s().put("a", "2", 2, {}, &two);
    s().modify(
        "b", 1,
        [](auto& row) {
          row = Store::Row{"1", 1};
        },
        {}, &one);
    s().put("c", "1", 1, {}, &one);
    s().put("c", "1", 1);
  }
  commit();
  EXPECT_EQ(seen, (std::vector<std::string>{"a 2 in/3/11", "b 1 in/3/10", "c none /-1/-1"}));
}

TEST_P(EmissionTest, ForgetsWhatWaitedWhenTheTaskDrops) {
  listen(true);
  put("a", "1", 1);
  commit();
  put("a", "2", 2);
  put("b", "2", 2);
  task_->drop();
  EXPECT_EQ(heard(), "");
  put("a", "3", 3);
  EXPECT_EQ(heard(), "a:1>3@3");
}

TEST_P(EmissionTest, HearsAgainOfRowsEmittedAndThenDropped) {
  listen(true);
  put("a", "1", 1);
  while (task_->emit_pending()) {
  }
  testing::RecordedChangelog changelog;
  ASSERT_TRUE(task_->encode(changelog).ok());
  task_->drop();
  put("a", "1", 1);
  EXPECT_EQ(heard(), "a:->1@1");
}

TEST_P(EmissionTest, AListenerMayWriteTheStoreItListensTo) {
  int rounds = 0;
  s().on_commit({.before = true}, [&](const std::string& key, const Store::Row* now, const Store::Row* before,
                                      Timestamp timestamp, const Headers&, const Origin&) {
    heard_ += key + ':' + text_of(before) + '>' + text_of(now) + ' ';
    if (++rounds < 3) {
      put(key, now->value + "+", timestamp + 1);
      EXPECT_EQ(now->value, std::string("x") + std::string(static_cast<std::size_t>(rounds - 1), '+'));
    }
  });
  put("a", "x", 1);
  EXPECT_TRUE(task_->emit_pending());
  EXPECT_EQ(rounds, 1);
  EXPECT_TRUE(task_->emit_pending());
  EXPECT_TRUE(task_->emit_pending());
  EXPECT_FALSE(task_->emit_pending());
  EXPECT_EQ(heard_, "a:->x a:x>x+ a:x+>x++ ");
  commit();
  EXPECT_EQ(changelog_.text(), "a=x++@3");
}

TEST_P(EmissionTest, RefusesToEncodeWhileUpdatesWait) {
  listen(false);
  put("a", "x", 1);
  testing::RecordedChangelog changelog;
  EXPECT_EQ(task_->encode(changelog).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_P(EmissionTest, AListenerThatThrowsLosesOnlyItsOwnRow) {
  bool thrown = false;
  std::string seen;
  s().on_commit({}, [&](const std::string& key, const Store::Row*, const Store::Row*, Timestamp,
                        const Headers&, const Origin&) {
    seen += key;
    if (!thrown) {
      thrown = true;
      throw std::runtime_error("no");
    }
  });
  put("a", "1", 1);
  put("b", "1", 1);
  EXPECT_THROW(task_->emit_pending(), std::runtime_error);
  EXPECT_TRUE(task_->emit_pending());
  EXPECT_EQ(seen, "ab");
  EXPECT_FALSE(task_->emit_pending());
}

TEST_P(EmissionTest, TellsChangedWindows) {
  open({window_store_spec<std::string, std::string>("w", Duration(100), Duration(30),
                                                    {.persistent = persistent()})});
  auto& windows = store<Windows>("w");
  windows.on_commit({.before = true},
                    [this](const std::string& key, Timestamp start, const Windows::Row* now,
                           const Windows::Row* before, Timestamp timestamp, const Headers&, const Origin&) {
                      heard_ += key + '[' + std::to_string(start) + "]:" + text_of(before) + '>' +
                                text_of(now) + '@' + std::to_string(timestamp) + ' ';
                    });
  EXPECT_TRUE(windows.put("a", 0, "1", 5));
  EXPECT_TRUE(windows.put("a", 10, "1", 15));
  EXPECT_TRUE(windows.put("a", 0, "2", 6));
  EXPECT_EQ(heard(), "a[10]:->1@15 a[0]:->2@6 ");
  EXPECT_TRUE(windows.put("a", 10, "3", 16));
  EXPECT_TRUE(windows.erase("a", 0, 7));
  EXPECT_TRUE(windows.put("b", 500, "4", 500));  // expires both
  EXPECT_EQ(heard(), "a[10]:1>3@16 a[0]:2>-@7 b[500]:->4@500 ");
}

}  // namespace
}  // namespace weir
