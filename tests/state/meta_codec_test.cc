#include <weir/state/meta_codec.h>

#include <random>

#include <gtest/gtest.h>

namespace weir {
namespace {

TaskMeta example() {
  TaskMeta meta;
  meta.positions[{"orders", 0}] = 12;
  meta.positions[{"orders", 1}] = 0;
  meta.positions[{"", -1}] = -1;
  meta.changelogs["counts"] = std::numeric_limits<Offset>::max();
  meta.values["time"] = Bytes("\0\xff", 2);
  meta.values["empty"] = "";
  meta.wall = 1'700'000'000'000;
  return meta;
}

bool same(const TaskMeta& left, const TaskMeta& right) {
  return left.positions == right.positions && left.changelogs == right.changelogs &&
         left.values == right.values && left.wall == right.wall;
}

TEST(MetaCodec, ComesBackAsItWas) {
  for (const TaskMeta& meta : {TaskMeta{}, example()}) {
    const auto decoded = decode_meta(encode_meta(meta));
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_TRUE(same(*decoded, meta));
  }
}

TEST(MetaCodec, RefusesEveryTruncation) {
  const Bytes bytes = encode_meta(example());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(decode_meta(BytesView(bytes).substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
}

TEST(MetaCodec, RefusesMoreThanWasWritten) {
  EXPECT_EQ(decode_meta(encode_meta(example()) + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST(MetaCodec, RefusesOtherVersionsAndSaysWhich) {
  Bytes bytes = encode_meta(example());
  bytes[0] = 9;
  const auto decoded = decode_meta(bytes);
  ASSERT_FALSE(decoded.ok());
  EXPECT_NE(decoded.status().ToString().find("version 9"), std::string::npos) << decoded.status();
}

TEST(MetaCodec, SurvivesGarbage) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 chance(seed);
  const Bytes good = encode_meta(example());
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = good;
    for (unsigned edits = 1 + chance() % 4; edits > 0; --edits) {
      bytes[chance() % bytes.size()] = static_cast<char>(chance() % 256);
    }
    const auto decoded = decode_meta(bytes);
    // What is accepted means exactly these bytes.
    if (decoded.ok()) {
      EXPECT_EQ(encode_meta(*decoded), bytes);
    }
  }
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes(1, '\1');
    for (unsigned size = chance() % 64; size > 0; --size)
      bytes.push_back(static_cast<char>(chance() % 4 == 0 ? chance() % 256 : 0));
    const auto decoded = decode_meta(bytes);
    if (decoded.ok()) {
      EXPECT_EQ(encode_meta(*decoded), bytes);
    }
  }
}

}  // namespace
}  // namespace weir
