#include <weir/ml/sketches/hyper_log_log.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/sketches/sketch_hash.h>

namespace weir::ml {
namespace hyper_log_log_test {

Bytes bytes_of(const HyperLogLog& sketch) {
  Bytes bytes;
  sketch.serialise(bytes);
  return bytes;
}

// Adds the integers from `first` on.
void add_many(HyperLogLog& sketch, std::int64_t first, std::int64_t count) {
  for (std::int64_t i = first; i < first + count; ++i) sketch.add(hash_of_integer(i));
}

TEST(HyperLogLog, OfNothingIsZero) {
  EXPECT_EQ(HyperLogLog(4).estimate(), 0);
  EXPECT_TRUE(HyperLogLog(4).is_sparse());
}

TEST(HyperLogLog, IsNearlyExactWhileSparse) {
  HyperLogLog sketch(14);
  for (const std::int64_t count : {1, 10, 100, 3'000}) {
    HyperLogLog one(14);
    add_many(one, 0, count);
    add_many(one, 0, count);
    EXPECT_TRUE(one.is_sparse());
    EXPECT_NEAR(one.estimate(), static_cast<double>(count), 1e-3 * static_cast<double>(count));
  }
}

// Over many sets of each size the error must be what the precision promises, and be about none on average: at every size,
// from the list over its end to many times the registers.
TEST(HyperLogLog, ErrsAsItsPrecisionPromisesAndOnNoSide) {
  constexpr int kSets = 60;
  for (const int precision : {4, 6, 8, 10}) {
    const std::int64_t registers = std::int64_t{1} << precision;
    for (const std::int64_t size :
         {registers / 2, registers, 5 * registers / 2, 5 * registers, 20 * registers}) {
      double sum = 0;
      double squares = 0;
      for (std::int64_t set = 0; set < kSets; ++set) {
        HyperLogLog sketch(precision);
        add_many(sketch, (precision * 1'000 + set) * 1'000'000'000, size);
        const double error = sketch.estimate() / static_cast<double>(size) - 1;
        sum += error;
        squares += error * error;
      }
      const double promised = HyperLogLog(precision).standard_error();
      // Fixed sets. The bounds are wide enough for the chance in 60 of them, at p = 4 too, whose error is not quite normal.
      EXPECT_LT(std::sqrt(squares / kSets), 1.35 * promised) << "p=" << precision << " n=" << size;
      EXPECT_LT(std::abs(sum / kSets), 0.5 * promised) << "p=" << precision << " n=" << size;
    }
  }
}

TEST(HyperLogLog, CountsMillions) {
  HyperLogLog sketch(12);
  add_many(sketch, 7, 1'000'000);
  EXPECT_NEAR(sketch.estimate(), 1e6, 1e6 * 3 * sketch.standard_error());
  EXPECT_EQ(bytes_of(sketch).size(), 4U + 3'072U);
}

// The reference: registers filled straight from the hashes.
TEST(HyperLogLog, HoldsWhatRegistersFromTheStartWouldHold) {
  for (const int precision : {4, 9, 16}) {
    HyperLogLog sketch(precision);
    std::vector<int> registers(std::size_t{1} << precision, 0);
    const std::int64_t count = std::int64_t{1} << precision;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint64_t hash = hash_of_integer(i);
      sketch.add(hash);
      int place = 1;
      while (place <= 64 - precision && (hash << precision << (place - 1) >> 63) == 0) ++place;
      auto& held = registers[hash >> (64 - precision)];
      held = std::max(held, place);
    }
    ASSERT_FALSE(sketch.is_sparse());
    const Bytes bytes = bytes_of(sketch);
    for (std::size_t i = 0; i < registers.size(); ++i) {
      const std::size_t bit = 6 * i;
      const auto byte = [&](std::size_t at) {
        return at < bytes.size() - 4 ? static_cast<unsigned char>(bytes[4 + at]) : 0U;
      };
      const unsigned two = byte(bit / 8) << 8 | byte(bit / 8 + 1);
      ASSERT_EQ(two >> (10 - bit % 8) & 63U, static_cast<unsigned>(registers[i])) << "register " << i;
    }
  }
}

TEST(HyperLogLog, DependsOnTheSetAlone) {
  std::mt19937_64 chance(5);
  for (const int precision : {4, 8, 12}) {
    for (const std::size_t size : {2, 40, 900, 5'000}) {
      std::vector<std::uint64_t> hashes(size);
      for (auto& hash : hashes) hash = chance();
      // Some have the same beginning.
      for (std::size_t i = 0; i + 1 < size; i += 7) hashes[i + 1] = hashes[i] ^ (chance() >> 30);
      HyperLogLog one(precision);
      for (const std::uint64_t hash : hashes) one.add(hash);

      std::vector<HyperLogLog> parts(5, HyperLogLog(precision));
      std::ranges::shuffle(hashes, chance);
      for (const std::uint64_t hash : hashes) {
        parts[chance() % 3].add(hash);
        parts[3 + chance() % 2].add(hash);
      }
      std::ranges::shuffle(parts, chance);
      for (std::size_t i = 1; i < parts.size(); ++i) ASSERT_TRUE(parts[0].merge(parts[i]).ok());
      EXPECT_EQ(parts[0], one) << "p=" << precision << " n=" << size;
      EXPECT_EQ(bytes_of(parts[0]), bytes_of(one));
    }
  }
}

TEST(HyperLogLog, RefusesToMergeOtherPrecisions) {
  HyperLogLog one(8);
  one.add(1);
  EXPECT_EQ(one.merge(HyperLogLog(9)).message(), "HyperLogLog: precisions 8 and 9 cannot be merged");
}

TEST(HyperLogLog, TakesTheNearestPrecisionThereIs) {
  EXPECT_EQ(HyperLogLog(-1).precision(), 4);
  EXPECT_EQ(HyperLogLog(99).precision(), 16);
}

TEST(SketchHash, IsTheSameEverywhere) {
  EXPECT_EQ(hash_of_integer(0), 0xe220a8397b1dcdafU);  // the first output of SplitMix64 seeded with 0
  EXPECT_EQ(hash_of_number(0.0), hash_of_number(-0.0));
  EXPECT_EQ(hash_of_number(std::nan("1")), hash_of_number(-std::nan("2")));
  EXPECT_NE(hash_of_number(1.0), hash_of_number(2.0));
  EXPECT_NE(hash_of_bytes("a"), hash_of_bytes("b"));
}

}  // namespace hyper_log_log_test
}  // namespace weir::ml
