// Written sketches come back as they were, and bytes that no sketch wrote are refused or are harmless: what is accepted is
// written again as the same bytes, and can be asked, added to and merged.
//
// WEIR_MUTATION_SEED and WEIR_MUTATION_ROUNDS choose another run.
#include <weir/ml/sketches/sketch_serde.h>

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/sketches/dd_sketch.h>
#include <weir/ml/sketches/hyper_log_log.h>
#include <weir/ml/sketches/kll_sketch.h>
#include <weir/ml/sketches/sketch_hash.h>
#include <weir/ml/sketches/space_saving.h>
#include <weir/ml/sketches/t_digest.h>

#include "ml/sketches/samples.h"
#include "support/random_cases.h"

namespace weir::ml {
namespace sketch_bytes_test {

void feed(HyperLogLog& sketch, double value) { sketch.add(hash_of_number(value)); }
void feed(SpaceSaving& sketch, double value) { sketch.add(std::to_string(value).substr(0, 4)); }
template <class S>
void feed(S& sketch, double value) {
  sketch.add(value);
}

double ask(const HyperLogLog& sketch) { return sketch.estimate(); }
double ask(const SpaceSaving& sketch) { return static_cast<double>(sketch.top(5).size()); }
template <class S>
double ask(const S& sketch) {
  double sum = 0;
  for (const double q : {0.0, 0.3, 0.9, 1.0}) sum += sketch.quantile(q).value_or(0);
  return sum + sketch.share_up_to(1).value_or(0);
}

template <class S>
Bytes bytes_of(const S& sketch) {
  Bytes bytes;
  Serde<S>::encode(sketch, bytes);
  return bytes;
}

template <class S>
class SketchBytes : public ::testing::Test {
 protected:
  // Small ones and large ones of each shape of numbers.
  static std::vector<S> sketches() {
    std::vector<S> all;
    for (const std::size_t count : {0U, 1U, 5U, 300U}) {
      for (const auto& [name, values] : testing::samples(count, 8)) {
        for (const double parameter : {4.0, 12.0, 40.0}) {
          S sketch = make(parameter);
          for (const double value : values) feed(sketch, value);
          all.push_back(sketch);
        }
      }
    }
    return all;
  }

 private:
  static S make(double parameter) {
    if constexpr (std::same_as<S, DdSketch>) {
      return S(1 / parameter, 20);
    } else {
      return S(static_cast<std::uint16_t>(parameter));
    }
  }
};

using All = ::testing::Types<HyperLogLog, DdSketch, KllSketch, TDigest, SpaceSaving>;
TYPED_TEST_SUITE(SketchBytes, All);

TYPED_TEST(SketchBytes, ComeBackAsTheyWere) {
  static_assert(Serializable<TypeParam>);
  for (const TypeParam& sketch : this->sketches()) {
    TypeParam read;
    ASSERT_TRUE(Serde<TypeParam>::decode(bytes_of(sketch), read).ok());
    EXPECT_EQ(read, sketch);
    EXPECT_EQ(bytes_of(read), bytes_of(sketch));
  }
}

TYPED_TEST(SketchBytes, AreRefusedWhenCutOrContinued) {
  for (const TypeParam& sketch : this->sketches()) {
    const Bytes bytes = bytes_of(sketch);
    const std::size_t step = 1 + bytes.size() / 100;
    for (std::size_t size = 0; size < bytes.size(); size += step) {
      const auto read = TypeParam::parse(BytesView(bytes).substr(0, size));
      ASSERT_FALSE(read.ok()) << size;
      ASSERT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    }
    EXPECT_FALSE(TypeParam::parse(bytes + '\0').ok());
  }
}

TYPED_TEST(SketchBytes, OfAnotherKindOrVersionAreRefused) {
  Bytes bytes = bytes_of(TypeParam());
  bytes[1] = 2;
  EXPECT_NE(TypeParam::parse(bytes).status().message().find("version is not known"), std::string::npos);
  bytes = bytes_of(TypeParam());
  bytes[0] = '?';
  EXPECT_NE(TypeParam::parse(bytes).status().message().find("no sketch of this kind"), std::string::npos);
}

TYPED_TEST(SketchBytes, DamagedAreRefusedOrHarmless) {
  const unsigned seed = number_from_environment("WEIR_MUTATION_SEED", 1);
  const unsigned rounds = number_from_environment("WEIR_MUTATION_ROUNDS", 4'000);
  SCOPED_TRACE("WEIR_MUTATION_SEED=" + std::to_string(seed));
  std::mt19937 chance(seed);
  const std::vector<TypeParam> sketches = this->sketches();
  unsigned accepted = 0;
  for (unsigned round = 0; round < rounds; ++round) {
    Bytes bytes = bytes_of(sketches[chance() % sketches.size()]);
    for (unsigned change = 1 + chance() % 3; change-- > 0;) {
      // The front says most.
      const std::size_t at =
          chance() % (chance() % 2 == 0 ? std::min<std::size_t>(bytes.size(), 24) : bytes.size());
      switch (chance() % 5) {
        case 0:
          bytes[at] = static_cast<char>(chance());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << chance() % 8));
          break;
        case 2:
          bytes.insert(at, 1, static_cast<char>(chance() % 2 == 0 ? 0xff : chance()));
          break;
        case 3:
          if (bytes.size() > 1) bytes.erase(at, 1);
          break;
        default:
          bytes.replace(at, std::min<std::size_t>(8, bytes.size() - at), 8,
                        static_cast<char>(chance() % 2 == 0 ? 0xff : 0x7f));
      }
    }
    const auto read = TypeParam::parse(bytes);
    if (!read.ok()) continue;
    ++accepted;
    ASSERT_EQ(bytes_of(*read), bytes);
    TypeParam sketch = *read;
    static_cast<void>(ask(sketch));
    for (int i = 0; i < 20; ++i) feed(sketch, i * 0.7 - 3);
    ASSERT_TRUE(sketch.merge(*read).ok());
    static_cast<void>(ask(sketch));
  }
  // Some damage is to a number, which may be another: the test would see nothing if nothing were accepted.
  EXPECT_GT(accepted, rounds / 100);
  EXPECT_LT(accepted, rounds);
}

}  // namespace sketch_bytes_test
}  // namespace weir::ml
