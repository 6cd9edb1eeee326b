#include <weir/state/key_value_store.h>

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include <weir/state/byte_queryable.h>

#include "state_fixture.h"

namespace weir {
namespace {

using Store = KeyValueStore<std::string, std::string>;

template <class Cursor>
std::string text_of(Cursor cursor) {
  std::string out;
  while (cursor.next()) {
    if (!out.empty()) out += ' ';
    out += cursor.key() + ':' + cursor.value() + '@' + std::to_string(cursor.timestamp());
  }
  return out;
}

std::string numbered(const char* name, int number) {
  return std::string(name).append(std::to_string(number));
}

class KeyValueStoreTest : public testing::StateTest {
 protected:
  void SetUp() override { open_with({}); }
  void open_with(StoreOptions options) {
    options.persistent = persistent();
    open({key_value_store_spec<std::string, std::string>("s", options)});
  }
  Store& s() { return store<Store>("s"); }
  std::string row(const std::string& key) {
    const auto* found = s().find(key);
    return found == nullptr ? "-" : found->value + '@' + std::to_string(found->timestamp);
  }
  void put(const std::string& key, const std::string& value, Timestamp timestamp) {
    s().put(key, value, timestamp);
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, KeyValueStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(KeyValueStoreTest, FindsNothingInAnEmptyStore) {
  EXPECT_EQ(row("a"), "-");
  EXPECT_EQ(text_of(s().all()), "");
  EXPECT_EQ(s().approximate_size(), 0u);
}

TEST_P(KeyValueStoreTest, FindsWhatWasPutBeforeAndAfterTheCommit) {
  put("a", "x", 1);
  EXPECT_EQ(row("a"), "x@1");
  commit();
  EXPECT_EQ(row("a"), "x@1");
  put("a", "y", 2);
  EXPECT_EQ(row("a"), "y@2");
}

TEST_P(KeyValueStoreTest, FindsTheCommittedRowsAfterAReopening) {
  put("a", "x", 1);
  put("b", "y", 2);
  commit();
  put("c", "lost", 3);
  reopen();
  EXPECT_EQ(text_of(s().all()), "a:x@1 b:y@2");
}

TEST_P(KeyValueStoreTest, KeepsEmptyKeysAndEmptyValues) {
  put("", "", 7);
  commit();
  reopen();
  EXPECT_EQ(row(""), "@7");
  EXPECT_EQ(changelog_.entries.size(), 1u);
  EXPECT_TRUE(changelog_.entries[0].value.has_value());
}

TEST_P(KeyValueStoreTest, EraseHidesTheCommittedRow) {
  put("a", "x", 1);
  commit();
  s().erase("a", 5);
  EXPECT_EQ(row("a"), "-");
  EXPECT_EQ(text_of(s().all()), "");
  commit();
  EXPECT_EQ(changelog_.text(), "a=-@5");
  reopen();
  EXPECT_EQ(row("a"), "-");
}

TEST_P(KeyValueStoreTest, LogsInTheOrderOfTheLastWrite) {
  put("a", "1", 1);
  put("b", "2", 2);
  put("c", "3", 3);
  put("a", "4", 4);
  commit();
  EXPECT_EQ(changelog_.text(), "b=2@2 c=3@3 a=4@4");
}

TEST_P(KeyValueStoreTest, LogsAnEntryOncePerCommit) {
  for (int i = 0; i < 100; ++i) put("a", std::to_string(i), i);
  commit();
  EXPECT_EQ(changelog_.text(), "a=99@99");
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(KeyValueStoreTest, DoesNotLogARowThatIsKnownToHaveNeverBeen) {
  EXPECT_EQ(row("a"), "-");
  put("a", "x", 1);
  s().erase("a", 2);
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(KeyValueStoreTest, LogsTheDeletionOfARowThatWasEncodedBefore) {
  EXPECT_EQ(row("a"), "-");
  put("a", "x", 1);
  testing::RecordedChangelog changelog;
  ASSERT_TRUE(task_->encode(changelog).ok());
  s().erase("a", 2);
  ASSERT_TRUE(task_->encode(changelog).ok());
  ASSERT_TRUE(task_->apply(task_->meta()).ok());
  EXPECT_EQ(changelog.text(), "a=x@1 a=-@2");
  EXPECT_EQ(row("a"), "-");
  open(specs_);
  EXPECT_EQ(row("a"), "-");
}

TEST_P(KeyValueStoreTest, KeepsAWriteBetweenEncodingAndApplyingForTheNextCommit) {
  put("a", "1", 1);
  testing::RecordedChangelog changelog;
  ASSERT_TRUE(task_->encode(changelog).ok());
  put("a", "2", 2);
  put("b", "3", 3);
  ASSERT_TRUE(task_->apply(task_->meta()).ok());
  EXPECT_EQ(row("a"), "2@2");
  EXPECT_EQ(text_of(s().all()), "a:2@2 b:3@3");
  task_->drop();
  EXPECT_EQ(text_of(s().all()), "a:1@1");
}

TEST_P(KeyValueStoreTest, DropTakesBackEverythingSinceTheLastApply) {
  put("a", "x", 1);
  put("b", "y", 1);
  commit();
  put("a", "other", 2);
  s().erase("b", 2);
  put("c", "new", 2);
  s().modify("b", 3, [](auto& found) { found = Store::Row{"again", 3}; });
  task_->drop();
  EXPECT_EQ(text_of(s().all()), "a:x@1 b:y@1");
  EXPECT_EQ(row("c"), "-");
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(KeyValueStoreTest, DropAfterEncodingTakesBackTheEncodedToo) {
  put("a", "x", 1);
  commit();
  put("a", "other", 2);
  testing::RecordedChangelog changelog;
  ASSERT_TRUE(task_->encode(changelog).ok());
  task_->drop();
  EXPECT_EQ(row("a"), "x@1");
  commit();
  reopen();
  EXPECT_EQ(row("a"), "x@1");
}

TEST_P(KeyValueStoreTest, PutIfAbsentReturnsTheRowThatIsThere) {
  EXPECT_EQ(s().put_if_absent("a", "x", 1), nullptr);
  const auto* found = s().put_if_absent("a", "y", 2);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->value, "x");
  commit();
  EXPECT_NE(s().put_if_absent("a", "y", 2), nullptr);
  s().erase("a", 3);
  EXPECT_EQ(s().put_if_absent("a", "z", 4), nullptr);
  EXPECT_EQ(row("a"), "z@4");
}

TEST_P(KeyValueStoreTest, ModifySeesTheRowAndWritesWhatIsLeft) {
  const auto count = [&](const std::string& key, Timestamp timestamp) {
    return s().modify(key, timestamp, [&](std::optional<Store::Row>& found) {
      if (!found) found.emplace(Store::Row{"", timestamp});
      found->value += 'i';
      found->timestamp = std::max(found->timestamp, timestamp);
    });
  };
  EXPECT_EQ(count("a", 5)->value, "i");
  EXPECT_EQ(count("a", 3)->value, "ii");
  commit();
  EXPECT_EQ(changelog_.text(), "a=ii@5");
  EXPECT_EQ(count("a", 9)->value, "iii");
  reopen();
  EXPECT_EQ(row("a"), "ii@5");
}

TEST_P(KeyValueStoreTest, ModifyErasesWhatIsLeftEmpty) {
  put("a", "x", 1);
  commit();
  EXPECT_EQ(s().modify("a", 8, [](auto& found) { found.reset(); }), nullptr);
  commit();
  EXPECT_EQ(changelog_.text(), "a=-@8");
  EXPECT_EQ(s().modify("a", 9, [](auto&) {}), nullptr);
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(KeyValueStoreTest, AModificationThatThrowsBeforeItChangesAnythingWritesNothing) {
  put("a", "x", 1);
  commit();
  EXPECT_THROW(s().modify("a", 2, [](std::optional<Store::Row>&) { throw std::runtime_error("no"); }),
               std::runtime_error);
  EXPECT_EQ(row("a"), "x@1");
  commit();
  EXPECT_EQ(changelog_.text(), "");
}

TEST_P(KeyValueStoreTest, RangesMergeCommittedAndUncommittedInByteOrder) {
  put("b", "1", 1);
  put("d", "1", 1);
  put("f", "1", 1);
  put("h", "1", 1);
  commit();
  put("c", "2", 2);
  put("d", "2", 2);
  s().erase("f", 2);
  put("z", "2", 2);
  put("a", "2", 2);
  EXPECT_EQ(text_of(s().all()), "a:2@2 b:1@1 c:2@2 d:2@2 h:1@1 z:2@2");
  EXPECT_EQ(text_of(s().reverse_all()), "z:2@2 h:1@1 d:2@2 c:2@2 b:1@1 a:2@2");
  EXPECT_EQ(text_of(s().range("b", "f")), "b:1@1 c:2@2 d:2@2");
  EXPECT_EQ(text_of(s().reverse_range("b", "h")), "h:1@1 d:2@2 c:2@2 b:1@1");
  EXPECT_EQ(text_of(s().range("e", std::nullopt)), "h:1@1 z:2@2");
  EXPECT_EQ(text_of(s().range(std::nullopt, "b")), "a:2@2 b:1@1");
  EXPECT_EQ(text_of(s().reverse_range(std::nullopt, "b")), "b:1@1 a:2@2");
  EXPECT_EQ(text_of(s().range("h", "b")), "");
  EXPECT_EQ(text_of(s().reverse_range("h", "b")), "");
  EXPECT_EQ(text_of(s().range("d", "d")), "d:2@2");
}

TEST_P(KeyValueStoreTest, OrdersKeysByUnsignedBytes) {
  const std::string zero(1, '\0');
  for (const std::string& key :
       {std::string("\xff"), zero, zero + zero, std::string(), std::string("a"), std::string("a\0", 2),
        std::string("\x7f"), std::string("\x80"), std::string("\xff\xff")}) {
    put(key, "", 0);
  }
  const std::vector<std::string> expected{"",     zero,   zero + zero, "a",       std::string("a\0", 2),
                                          "\x7f", "\x80", "\xff",      "\xff\xff"};
  for (int round = 0; round < 2; ++round) {
    std::vector<std::string> keys;
    for (const auto& entry : s().all()) keys.push_back(entry.key);
    EXPECT_EQ(keys, expected);
    commit();
  }
  EXPECT_EQ(text_of(s().range(std::string("\xff"), std::nullopt)), "\xff:@0 \xff\xff:@0");
  EXPECT_EQ(text_of(s().range(std::string("a"), std::string("a"))), "a:@0");
}

TEST_P(KeyValueStoreTest, PrefixesEndWhereTheNextPrefixBegins) {
  put("a", "", 0);
  put("ab", "", 0);
  put("ab\xff\xff", "", 0);
  put("ac", "", 0);
  put("\xff", "", 0);
  put("\xff\xff\x01", "", 0);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(text_of(s().prefix(std::string("ab"))), "ab:@0 ab\xff\xff:@0");
    EXPECT_EQ(text_of(s().prefix_bytes("ab\xff")), "ab\xff\xff:@0");
    EXPECT_EQ(text_of(s().prefix_bytes("\xff\xff")), "\xff\xff\x01:@0");
    EXPECT_EQ(text_of(s().prefix_bytes("\xff")), "\xff:@0 \xff\xff\x01:@0");
    EXPECT_EQ(text_of(s().prefix_bytes("b")), "");
    commit();
  }
}

TEST_P(KeyValueStoreTest, ACursorShowsTheStoreAsItWas) {
  put("a", "1", 1);
  put("b", "1", 1);
  put("c", "1", 1);
  commit();
  put("b", "2", 2);
  auto cursor = s().all();
  ASSERT_TRUE(cursor.next());
  EXPECT_EQ(cursor.key(), "a");
  put("a", "3", 3);
  put("b", "3", 3);
  s().erase("c", 3);
  put("d", "3", 3);
  commit();
  put("b", "4", 4);
  EXPECT_EQ(cursor.value(), "1");
  EXPECT_EQ(text_of(std::move(cursor)), "b:2@2 c:1@1");
  EXPECT_EQ(text_of(s().all()), "a:3@3 b:4@4 d:3@3");
}

TEST_P(KeyValueStoreTest, ACursorSurvivesADropAndItsStore) {
  put("a", "1", 1);
  commit();
  put("b", "2", 2);
  auto cursor = s().all();
  task_->drop();
  close();
  EXPECT_EQ(text_of(std::move(cursor)), "a:1@1 b:2@2");
}

TEST_P(KeyValueStoreTest, RowsMayBeErasedWhileWalking) {
  for (int i = 0; i < 50; ++i) put(numbered("k", 100 + i), "v", i);
  commit();
  int seen = 0;
  for (const auto& [key, row] : s().all()) {
    ++seen;
    s().erase(key, row.timestamp);
  }
  EXPECT_EQ(seen, 50);
  EXPECT_EQ(text_of(s().all()), "");
}

TEST_P(KeyValueStoreTest, ANewRowThatIsRemovedLeavesNoTrace) {
  s().put_new("a", "x", 1);
  s().put_new("b", "y", 2);
  EXPECT_EQ(row("a"), "x@1");
  EXPECT_TRUE(s().remove("a", 3));
  EXPECT_FALSE(s().remove("a", 3));
  EXPECT_EQ(row("a"), "-");
  EXPECT_EQ(text_of(s().all()), "b:y@2");
  commit();
  EXPECT_EQ(changelog_.text(), "b=y@2");
  s().put_new("a", "z", 4);
  EXPECT_EQ(text_of(s().all()), "a:z@4 b:y@2");
  // What was committed must be deleted there.
  EXPECT_TRUE(s().remove("b", 5));
  commit();
  EXPECT_EQ(changelog_.text(), "a=z@4 b=-@5");
  reopen();
  EXPECT_EQ(text_of(s().all()), "a:z@4");
}

TEST_P(KeyValueStoreTest, VisitsARangeAndMayRemoveWhileVisiting) {
  put("a", "1", 1);
  put("b", "2", 2);
  commit();
  s().put_new("bb", "3", 3);
  put("c", "4", 4);
  std::string seen;
  s().visit("b", "c", [&](const std::string& key, const auto& found) {
    seen += key + found.value;
    EXPECT_TRUE(s().remove(key, 5));
    s().put_new("z" + key, "new", 6);
  });
  EXPECT_EQ(seen, "b2bb3c4");
  EXPECT_EQ(text_of(s().all()), "a:1@1 zb:new@6 zbb:new@6 zc:new@6");
}

TEST_P(KeyValueStoreTest, UsesTheKeyBytesItIsGiven) {
  open({key_value_store_spec<std::int64_t, std::string>("n", {.persistent = persistent()})});
  auto& numbers = store<KeyValueStore<std::int64_t, std::string>>("n");
  Bytes bytes;
  Serde<std::int64_t>::encode(258, bytes);
  numbers.put(258, "x", 1, bytes);
  ASSERT_NE(numbers.find(258), nullptr);
  ASSERT_NE(numbers.find(258, bytes), nullptr);
  commit();
  EXPECT_EQ(changelog_.entries[0].key, bytes);
  EXPECT_EQ(numbers.find(259), nullptr);
}

struct Loose {
  std::string text;
};

}  // namespace

// Equal values with different bytes: what came in must not be taken for the key.
template <>
struct Serde<Loose> {
  static constexpr std::string_view kFormat = "loose";
  static constexpr bool kCanonical = false;
  static void encode(const Loose& value, Bytes& out) { out.append(value.text); }
  static absl::Status decode(BytesView bytes, Loose& out) {
    out.text = bytes;
    return absl::OkStatus();
  }
};

namespace {

TEST_P(KeyValueStoreTest, IgnoresGivenKeyBytesWhereTheSerdeIsNotCanonical) {
  open({key_value_store_spec<Loose, std::string>("l", {.persistent = persistent()})});
  auto& loose = store<KeyValueStore<Loose, std::string>>("l");
  loose.put({"a"}, "x", 1, "  a ");
  EXPECT_NE(loose.find({"a"}), nullptr);
  commit();
  EXPECT_EQ(changelog_.text(), "a=x@1");
}

TEST_P(KeyValueStoreTest, EvictsWhatItCachesDownToItsBudget) {
  open_with({.cache_bytes = 20'000});
  for (int i = 0; i < 2000; ++i) put(numbered("key", i), std::string(50, 'v'), i);
  EXPECT_GT(task_->uncommitted_bytes(), 2000u * 50u);
  commit();
  EXPECT_EQ(task_->uncommitted_bytes(), 0u);
  EXPECT_LE(task_->cached_bytes(), 20'000u);
  EXPECT_GT(task_->cached_bytes(), 10'000u);
  for (int i = 0; i < 2000; ++i)
    ASSERT_EQ(row(numbered("key", i)), std::string(50, 'v') + '@' + std::to_string(i));
  EXPECT_LE(task_->cached_bytes(), 20'000u);
  EXPECT_GT(task_->stored_bytes(), 2000u * 50u);
}

TEST_P(KeyValueStoreTest, WorksWithoutAnyCache) {
  open_with({.cache_bytes = 0});
  put("a", "x", 1);
  commit();
  EXPECT_EQ(row("a"), "x@1");
  EXPECT_EQ(row("b"), "-");
  s().modify("a", 2, [](auto& found) { found->value += 'y'; });
  s().modify("c", 2, [](auto& found) { found = Store::Row{"z", 2}; });
  commit();
  EXPECT_EQ(text_of(s().all()), "a:xy@1 c:z@2");
}

TEST_P(KeyValueStoreTest, NeverEvictsWhatIsDirty) {
  open_with({.cache_bytes = 1000});
  for (int i = 0; i < 500; ++i) put(numbered("old", i), "v", i);
  commit();
  for (int i = 0; i < 100; ++i) put(numbered("new", i), "w", i);
  for (int i = 0; i < 500; ++i) ASSERT_NE(s().find(numbered("old", i)), nullptr);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(s().find(numbered("new", i))->value, "w");
  commit();
  EXPECT_EQ(changelog_.entries.size(), 100u);
}

TEST_P(KeyValueStoreTest, EstimatesItsSizeWithWhatIsUncommitted) {
  for (int i = 0; i < 10; ++i) put(std::to_string(i), "v", i);
  commit();
  ASSERT_EQ(row("x"), "-");
  put("x", "v", 1);
  s().erase("3", 1);
  s().erase("4", 1);
  EXPECT_EQ(s().approximate_size(), 9u);
}

TEST_P(KeyValueStoreTest, AQueryInBytesSeesUncommittedRows) {
  put("a", "1", 1);
  put("b", "1", 1);
  put("c", "1", 1);
  commit();
  put("b", "2", 2);
  s().erase("c", 2);
  put("d", "2", 2);
  std::string seen;
  auto& query = dynamic_cast<ByteQueryable&>(*task_->find("s"));
  const auto visit = [&](BytesView key, BytesView value, Timestamp timestamp) {
    seen += Bytes(key) + ':' + Bytes(value) + '@' + std::to_string(timestamp) + ' ';
  };
  ASSERT_TRUE(query.for_each(std::nullopt, std::nullopt, visit).ok());
  EXPECT_EQ(seen, "a:1@1 b:2@2 d:2@2 ");
  seen.clear();
  ASSERT_TRUE(query.for_each("b", "c", visit).ok());
  EXPECT_EQ(seen, "b:2@2 ");
}

TEST_P(KeyValueStoreTest, FailsTheCommitAfterAReadThatDidNotDecode) {
  open({key_value_store_spec<std::string, std::int64_t>("n", {.persistent = persistent()})});
  RawRecord damaged;
  damaged.key = "a";
  damaged.value = "short";
  std::vector<RawRecord> records;
  records.push_back(std::move(damaged));
  ASSERT_TRUE(task_->restore("n", records, 1).ok());
  auto& numbers = store<KeyValueStore<std::string, std::int64_t>>("n");
  EXPECT_EQ(numbers.find("a"), nullptr);
  numbers.put("b", 1, 1);
  const absl::Status status = try_commit(task_->meta());
  EXPECT_FALSE(status.ok());
  EXPECT_NE(message_of(status).find("'n'"), std::string::npos) << status;
  EXPECT_NE(message_of(status).find("expected 8 bytes, got 5"), std::string::npos) << status;
  task_->drop();
  EXPECT_TRUE(numbers.failure().ok());
  EXPECT_EQ(numbers.find("b"), nullptr);
  EXPECT_TRUE(try_commit(task_->meta()).ok());
  auto cursor = numbers.all();
  EXPECT_FALSE(cursor.next());
  EXPECT_FALSE(try_commit(task_->meta()).ok());
}

TEST_P(KeyValueStoreTest, KeepsLargeKeysAndValues) {
  const std::string key(100'000, 'k');
  const std::string value(1'000'000, 'v');
  s().put(key, value, 1);
  commit();
  reopen();
  ASSERT_NE(s().find(key), nullptr);
  EXPECT_EQ(s().find(key)->value, value);
}

TEST_P(KeyValueStoreTest, HasSeveralStoresInOneCommit) {
  open({key_value_store_spec<std::string, std::string>("one", {.persistent = persistent()}),
        key_value_store_spec<std::string, std::string>("two", {.persistent = persistent()})});
  store<Store>("one").put("k", "1", 1);
  store<Store>("two").put("k", "2", 2);
  commit();
  EXPECT_EQ(changelog_.text(), "k=1@1 k=2@2");
  reopen();
  EXPECT_EQ(store<Store>("one").find("k")->value, "1");
  EXPECT_EQ(store<Store>("two").find("k")->value, "2");
  EXPECT_EQ(task_->find("three"), nullptr);
}

TEST_P(KeyValueStoreTest, AnUnloggedStoreSendsNothing) {
  open({key_value_store_spec<std::string, std::string>("u", {.persistent = persistent(), .logged = false})});
  auto& unlogged = store<Store>("u");
  unlogged.put("a", "x", 1);
  commit();
  EXPECT_EQ(changelog_.text(), "");
  ASSERT_NE(unlogged.find("a"), nullptr);
}

class BoundedStoreTest : public testing::StateTest {
 protected:
  void SetUp() override {
    open({key_value_store_spec<std::string, std::string>("s", {.persistent = persistent(), .max_rows = 2})});
  }
  Store& s() { return store<Store>("s"); }
  std::string keys() {
    std::string out;
    for (auto cursor = s().all(); cursor.next();) out += cursor.key();
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Storage, BoundedStoreTest, ::testing::Bool(), testing::storage_name);

TEST_P(BoundedStoreTest, ErasesTheRowUsedLeastLately) {
  s().put("a", "1", 1);
  s().put("b", "2", 2);
  EXPECT_EQ(keys(), "ab");
  EXPECT_NE(s().find("a"), nullptr);
  s().put("c", "3", 3);
  EXPECT_EQ(keys(), "ac");
  s().modify("a", 4, [](auto& row) { row->value = "4"; });
  EXPECT_EQ(s().put_if_absent("d", "5", 5), nullptr);
  EXPECT_EQ(keys(), "ad");
  EXPECT_EQ(s().find("c"), nullptr);
  s().erase("a", 6);
  s().put("e", "6", 6);
  EXPECT_EQ(keys(), "de");
}

TEST_P(BoundedStoreTest, LogsWhatItErases) {
  s().put("a", "1", 1);
  s().put("b", "2", 2);
  commit();
  s().put("c", "3", 3);
  commit();
  EXPECT_EQ(changelog_.text(), "c=3@3 a=-@3");
  s().put("d", "4", 4);
  s().put("e", "5", 5);
  s().put("f", "6", 6);
  commit();
  EXPECT_EQ(changelog_.text(), "b=-@4 e=5@5 c=-@5 f=6@6 d=-@6");
}

TEST_P(BoundedStoreTest, SaysNothingOfWhatItErases) {
  std::string told;
  s().on_commit({}, [&](const std::string& key, const Store::Row* now, const Store::Row*, Timestamp,
                        const Headers&, const Origin&) { told += key + (now == nullptr ? "- " : "+ "); });
  s().put("a", "1", 1);
  s().put("b", "2", 2);
  commit();
  s().put("a", "3", 3);
  s().put("c", "4", 4);
  s().put("d", "5", 5);
  commit();
  EXPECT_EQ(told, "a+ b+ c+ d+ ");
}

TEST_P(BoundedStoreTest, ADropBringsBackWhatItErased) {
  s().put("a", "1", 1);
  s().put("b", "2", 2);
  commit();
  s().put("c", "3", 3);
  s().put("d", "3", 3);
  task_->drop();
  EXPECT_EQ(keys(), "ab");
  s().put("c", "3", 3);
  EXPECT_EQ(keys(), "bc");
}

TEST_P(BoundedStoreTest, GoesByTimestampsAfterARestart) {
  s().put("a", "1", 5);
  s().put("b", "2", 3);
  commit();
  reopen();
  s().put("c", "3", 6);
  EXPECT_EQ(keys(), "ac");
}

}  // namespace
}  // namespace weir
