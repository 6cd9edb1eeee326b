// Views of a global store: what one thread applies, others read.
#include <weir/state/global_store.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weir/state/engine.h>

#include "state_fixture.h"

namespace weir {
namespace {

using Store = KeyValueStore<std::string, std::string>;
using View = GlobalStore<std::string, std::string>;

template <class T>
concept Writable = requires(T& store) { store.put(std::string(), std::string(), Timestamp()); };
template <class T>
concept Erasable = requires(T& store) { store.erase(std::string(), Timestamp()); };
static_assert(Writable<Store> && Erasable<Store>);
static_assert(!Writable<View> && !Erasable<View>);

class GlobalStoreTest : public testing::StateTest {
 protected:
  void SetUp() override { open({global_store_spec<std::string, std::string>("g", persistent())}); }

  void put(const std::string& key, const std::string& value) { store<Store>("g").put(key, value, 1); }

  std::unique_ptr<View> view() {
    std::unique_ptr<StateStore> opened = task_->open_view("g");
    auto* typed = dynamic_cast<View*>(opened.get());
    if (typed == nullptr) return nullptr;
    static_cast<void>(opened.release());
    return std::unique_ptr<View>(typed);
  }

  static std::string value(View& view, const std::string& key) {
    const auto* row = view.find(key);
    return row == nullptr ? "-" : row->value + "@" + std::to_string(row->timestamp);
  }
};

INSTANTIATE_TEST_SUITE_P(Any, GlobalStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(GlobalStoreTest, AViewShowsWhatWasApplied) {
  const auto rows = view();
  ASSERT_NE(rows, nullptr);
  put("a", "1");
  EXPECT_EQ(value(*rows, "a"), "-");
  commit();
  EXPECT_EQ(value(*rows, "a"), "1@1");
  EXPECT_EQ(value(*rows, "b"), "-");
  EXPECT_TRUE(rows->failure().ok());
}

TEST_P(GlobalStoreTest, ARowThatWasReadIsReadAgainWhenItChanges) {
  const auto rows = view();
  put("a", "1");
  put("b", "1");
  commit();
  EXPECT_EQ(value(*rows, "a"), "1@1");
  EXPECT_EQ(value(*rows, "a"), "1@1");
  put("a", "2");
  store<Store>("g").erase("b", 3);
  put("c", "3");
  EXPECT_EQ(value(*rows, "c"), "-");
  commit();
  EXPECT_EQ(value(*rows, "a"), "2@1");
  EXPECT_EQ(value(*rows, "b"), "-");
  EXPECT_EQ(value(*rows, "c"), "3@1");
  ASSERT_TRUE(task_->clear("g").ok());
  EXPECT_EQ(value(*rows, "a"), "-");
}

TEST_P(GlobalStoreTest, ACursorWalksOverTheRowsAsTheyWere) {
  const auto rows = view();
  for (const char* key : {"b", "a", "d", "c"}) put(key, "1");
  commit();
  auto cursor = rows->range("b", std::nullopt);
  store<Store>("g").erase("c", 2);
  put("e", "2");
  commit();
  std::string seen;
  for (const auto& [key, row] : cursor) seen += key + row.value + " ";
  EXPECT_EQ(seen, "b1 c1 d1 ");
  seen.clear();
  for (const auto& [key, row] : rows->all()) seen += key + row.value + " ";
  EXPECT_EQ(seen, "a1 b1 d1 e2 ");
}

TEST_P(GlobalStoreTest, OnlyGlobalStoresHaveViews) {
  open({key_value_store_spec<std::string, std::string>("own", {.persistent = persistent()}),
        global_store_spec<std::string, std::string>("g", persistent())});
  EXPECT_EQ(task_->open_view("own"), nullptr);
  EXPECT_EQ(task_->open_view("nowhere"), nullptr);
  EXPECT_NE(task_->open_view("g"), nullptr);
}

TEST_P(GlobalStoreTest, AReadThatFailsIsRemembered) {
  StoreSpec other = global_store_spec<std::string, std::string>("g", persistent());
  other.view_builder = global_store_spec<std::string, std::int64_t>("g", persistent()).view_builder;
  open({other});
  put("a", "no number");
  commit();
  const auto opened = task_->open_view("g");
  auto* rows = dynamic_cast<GlobalStore<std::string, std::int64_t>*>(opened.get());
  ASSERT_NE(rows, nullptr);
  EXPECT_TRUE(rows->failure().ok());
  EXPECT_EQ(rows->find("a"), nullptr);
  EXPECT_FALSE(rows->failure().ok());
}

// Two rows always change together and grow. A reader must never see one go back, whatever it remembers.
TEST_P(GlobalStoreTest, ManyThreadsReadWhileOneWrites) {
  constexpr int kBatches = 300;
  put("a", "0");
  put("b", "0");
  commit();
  std::atomic<bool> over{false};
  std::atomic<int> backwards{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, rows = view()] {
      int last = 0;
      while (!over.load()) {
        const int a = std::stoi(rows->find("a")->value);
        if (a < last) ++backwards;
        last = a;
        int walked = 0;
        for (const auto& [key, row] : rows->all()) walked = std::max(walked, std::stoi(row.value));
        if (walked < last) ++backwards;
      }
      if (rows->find("b")->value != std::to_string(kBatches)) ++backwards;
    });
  }
  for (int i = 1; i <= kBatches; ++i) {
    put("a", std::to_string(i));
    put("b", std::to_string(i));
    commit();
  }
  over.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(backwards.load(), 0);
}

}  // namespace
}  // namespace weir
