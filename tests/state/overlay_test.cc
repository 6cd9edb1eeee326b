#include <weir/state/overlay.h>

#include <set>
#include <string>

#include <gtest/gtest.h>

#include <weir/state/key_filter.h>

namespace weir {
namespace {

class OverlayTest : public ::testing::Test, public SlotOwner {
 protected:
  void release_slot(Slot slot) noexcept override { released_.insert(slot); }

  Slot add(BytesView key) { return overlay_.insert(key, /*known_absent=*/true); }
  Slot write(BytesView key, Timestamp timestamp = 1) {
    Slot slot = overlay_.find(key);
    if (slot == kNoSlot) slot = add(key);
    overlay_.write(slot, /*present=*/true, timestamp);
    return slot;
  }
  std::string dirty() {
    std::string out;
    for (Slot slot = overlay_.first_dirty(); slot != kNoSlot; slot = overlay_.next_dirty(slot)) {
      out += Bytes(overlay_.key(slot)) + ' ';
    }
    return out;
  }
  std::string sorted(const ByteRange& range = {}, const KeyFilter* filter = nullptr) {
    std::string out;
    overlay_.visit_uncommitted(range, filter, [&](Slot slot) { out += Bytes(overlay_.key(slot)) + ' '; });
    return out;
  }

  std::set<Slot> released_;
  Overlay overlay_{this, 10};
};

TEST_F(OverlayTest, FindsWhatWasInserted) {
  EXPECT_EQ(overlay_.find("a"), kNoSlot);
  const Slot a = add("a");
  const Slot empty = add("");
  const Slot zeros = add(BytesView("\0\0", 2));
  const Slot large = add(Bytes(1000, 'x'));
  EXPECT_EQ(overlay_.find("a"), a);
  EXPECT_EQ(overlay_.find(""), empty);
  EXPECT_EQ(overlay_.find(BytesView("\0\0", 2)), zeros);
  EXPECT_EQ(overlay_.find(BytesView("\0", 1)), kNoSlot);
  EXPECT_EQ(overlay_.find(Bytes(1000, 'x')), large);
  EXPECT_EQ(overlay_.key(large), Bytes(1000, 'x'));
  EXPECT_EQ(overlay_.size(), 4u);
}

TEST_F(OverlayTest, KeepsKeysOfEveryLengthAroundTheInlineOne) {
  for (std::size_t size = 20; size < 40; ++size) add(Bytes(size, static_cast<char>('a' + size % 26)));
  for (std::size_t size = 20; size < 40; ++size) {
    const Bytes key(size, static_cast<char>('a' + size % 26));
    ASSERT_NE(overlay_.find(key), kNoSlot);
    EXPECT_EQ(overlay_.key(overlay_.find(key)), key);
  }
}

TEST_F(OverlayTest, OrdersDirtyRowsByTheirLastWrite) {
  for (const char* key : {"a", "b", "c", "a"}) write(key);
  EXPECT_EQ(dirty(), "b c a ");
  write("a");
  EXPECT_EQ(dirty(), "b c a ");
  write("b");
  EXPECT_EQ(dirty(), "c a b ");
}

TEST_F(OverlayTest, AnAbandonedRowWasNeverWritten) {
  for (const char* key : {"a", "b", "c"}) write(key);
  EXPECT_EQ(sorted(), "a b c ");
  const Slot abandoned = overlay_.find("b");
  overlay_.abandon(abandoned);
  EXPECT_EQ(released_, std::set<Slot>{abandoned});
  EXPECT_EQ(overlay_.find("b"), kNoSlot);
  EXPECT_EQ(dirty(), "a c ");
  EXPECT_EQ(sorted(), "a c ");
  write("b");
  EXPECT_EQ(sorted(), "a b c ");
}

TEST_F(OverlayTest, CleanRowsAreNotDirty) {
  add("a");
  EXPECT_FALSE(overlay_.has_uncommitted());
  write("a");
  EXPECT_TRUE(overlay_.has_uncommitted());
  overlay_.mark_encoded();
  EXPECT_TRUE(overlay_.has_uncommitted());
  EXPECT_EQ(dirty(), "");
  overlay_.applied();
  EXPECT_FALSE(overlay_.has_uncommitted());
  EXPECT_NE(overlay_.find("a"), kNoSlot);
}

TEST_F(OverlayTest, DropReleasesTheUncommittedAndKeepsTheClean) {
  const Slot a = write("a");
  overlay_.mark_encoded();
  const Slot b = write("b");
  const Slot c = add("c");
  overlay_.drop();
  EXPECT_EQ(released_, (std::set<Slot>{a, b}));
  EXPECT_EQ(overlay_.find("a"), kNoSlot);
  EXPECT_EQ(overlay_.find("c"), c);
  EXPECT_EQ(overlay_.uncommitted_bytes(), 0u);
  EXPECT_EQ(dirty(), "");
}

TEST_F(OverlayTest, UsesReleasedSlotsAgain) {
  const Slot a = write("a");
  overlay_.drop();
  EXPECT_EQ(add("b"), a);
  EXPECT_EQ(overlay_.timestamp(a), kNoTimestamp);
}

TEST_F(OverlayTest, ARowWrittenAfterItWasEncodedStaysDirty) {
  write("a");
  write("b");
  overlay_.mark_encoded();
  write("a", 2);
  EXPECT_EQ(dirty(), "a ");
  EXPECT_EQ(sorted(), "a b ");
  overlay_.applied();
  EXPECT_EQ(dirty(), "a ");
  EXPECT_EQ(sorted(), "a ");
  overlay_.mark_encoded();
  overlay_.applied();
  EXPECT_FALSE(overlay_.has_uncommitted());
}

TEST_F(OverlayTest, EncodingTwiceAppliesBoth) {
  write("a");
  overlay_.mark_encoded();
  write("b");
  overlay_.mark_encoded();
  overlay_.mark_encoded();
  overlay_.applied();
  EXPECT_TRUE(overlay_.clean(overlay_.find("a")));
  EXPECT_TRUE(overlay_.clean(overlay_.find("b")));
}

TEST_F(OverlayTest, KnowsWhichKeysTheCommittedPartHasNot) {
  const Slot a = add("a");
  EXPECT_TRUE(overlay_.known_absent(a));
  overlay_.write(a, true, 1);
  EXPECT_TRUE(overlay_.known_absent(a));
  EXPECT_EQ(overlay_.growth(), 1);
  overlay_.mark_encoded();
  EXPECT_FALSE(overlay_.known_absent(a));  // the batch puts it
  overlay_.applied();
  overlay_.write(a, false, 2);
  EXPECT_FALSE(overlay_.known_absent(a));
  EXPECT_EQ(overlay_.growth(), -1);
  overlay_.mark_encoded();
  overlay_.applied();
  EXPECT_TRUE(overlay_.known_absent(a));
}

TEST_F(OverlayTest, VisitsUncommittedRowsInByteOrder) {
  write("c");
  write("a");
  add("clean");
  EXPECT_EQ(sorted(), "a c ");
  write("b");  // from now on kept sorted
  write("\xff");
  EXPECT_EQ(sorted(), "a b c \xff ");
  EXPECT_EQ(sorted({"b", "c"}), "b ");
  EXPECT_EQ(sorted({"bb", std::nullopt}), "c \xff ");
  overlay_.drop();
  EXPECT_EQ(sorted(), "");
}

class EveryOther final : public KeyFilter {
 public:
  Verdict judge(BytesView key, Direction, Bytes& target) const override {
    if (key == "a") return Verdict::kSkip;
    if (key == "c") {
      target = "f";
      return Verdict::kLeap;
    }
    if (key == "g") return Verdict::kStop;
    return Verdict::kTake;
  }
};

TEST_F(OverlayTest, ObeysTheFilter) {
  for (const char* key : {"a", "b", "c", "d", "e", "f", "g", "h"}) write(key);
  const EveryOther filter;
  EXPECT_EQ(sorted({}, &filter), "b f ");
}

TEST_F(OverlayTest, ShrinkForgetsWhatWasNotUsedLately) {
  for (int i = 0; i < 100; ++i) add(std::to_string(1000 + i));
  const std::size_t each = overlay_.clean_bytes() / 100;
  overlay_.shrink(each * 90);
  EXPECT_EQ(overlay_.size(), 90u);
  for (int i = 50; i < 100; ++i) EXPECT_NE(overlay_.find(std::to_string(1000 + i)), kNoSlot);
  overlay_.shrink(each * 50);
  for (int i = 50; i < 100; ++i) EXPECT_NE(overlay_.find(std::to_string(1000 + i)), kNoSlot) << i;
  EXPECT_EQ(overlay_.size(), 50u);
  overlay_.shrink(each * 10);  // all were used: the first to become clean go first
  EXPECT_EQ(overlay_.size(), 10u);
  for (int i = 90; i < 100; ++i) EXPECT_NE(overlay_.find(std::to_string(1000 + i)), kNoSlot) << i;
}

TEST_F(OverlayTest, ShrinkTakesNoLongerWhereMuchIsDirty) {
  for (int i = 0; i < 100'000; ++i) write(std::to_string(i));
  for (int i = 0; i < 100'000; ++i) {
    const Slot slot = add("clean" + std::to_string(i));
    overlay_.shrink(0, slot);
    ASSERT_EQ(overlay_.size(), 100'001u);
  }
}

TEST_F(OverlayTest, ShrinkSparesTheUncommittedAndTheOneToKeep) {
  write("dirty");
  write("encoded");
  overlay_.mark_encoded();
  write("dirty");
  const Slot keep = add("keep");
  add("clean");
  overlay_.shrink(0, keep);
  EXPECT_NE(overlay_.find("dirty"), kNoSlot);
  EXPECT_NE(overlay_.find("encoded"), kNoSlot);
  EXPECT_EQ(overlay_.find("keep"), keep);
  EXPECT_EQ(overlay_.find("clean"), kNoSlot);
}

TEST_F(OverlayTest, ForgetsACleanRowOnly) {
  add("clean");
  write("dirty");
  overlay_.forget("clean");
  overlay_.forget("dirty");
  overlay_.forget("unknown");
  EXPECT_EQ(overlay_.find("clean"), kNoSlot);
  EXPECT_NE(overlay_.find("dirty"), kNoSlot);
}

TEST_F(OverlayTest, CountsBytesByState) {
  const Slot a = add("a");
  const std::size_t small = overlay_.clean_bytes();
  EXPECT_GT(small, 0u);
  overlay_.set_value_bytes(a, 1000);
  EXPECT_EQ(overlay_.clean_bytes(), small + 1000);
  overlay_.write(a, true, 1);
  EXPECT_EQ(overlay_.clean_bytes(), 0u);
  EXPECT_EQ(overlay_.uncommitted_bytes(), small + 1000);
  overlay_.set_value_bytes(a, 10);
  EXPECT_EQ(overlay_.uncommitted_bytes(), small + 10);
  overlay_.mark_encoded();
  EXPECT_EQ(overlay_.uncommitted_bytes(), small + 10);
  overlay_.applied();
  EXPECT_EQ(overlay_.uncommitted_bytes(), 0u);
  EXPECT_EQ(overlay_.clean_bytes(), small + 10);
  overlay_.forget_clean();
  EXPECT_EQ(overlay_.clean_bytes(), 0u);
  EXPECT_EQ(overlay_.size(), 0u);
}

}  // namespace
}  // namespace weir
