// Whatever bytes arrive, the loaders answer with a model or a status, and a model they give can be asked. Meant to
// run under the address and undefined-behaviour sanitizers too.
//
// WEIR_MUTATION_SEED and WEIR_MUTATION_ROUNDS choose another run.
#include <weir/ml/load_model.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "lightgbm_sample.h"
#include "model_trials.h"
#include "support/environment.h"
#include "trainer.h"

namespace weir::ml {
namespace {

using testing::can_be_asked;
using testing::generate;
using testing::kSmallLimits;
using testing::Label;
using testing::Trained;

bool loads(const std::string& bytes) { return can_be_asked(load_model(bytes, {.limits = kSmallLimits})); }

// What a model file is made of, and what it should not be.
constexpr std::array<std::string_view, 56> kWords = {"{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     ",",
                                                     ":",
                                                     "\"",
                                                     "null",
                                                     "true",
                                                     "false",
                                                     "-1",
                                                     "0",
                                                     "1",
                                                     "2",
                                                     "3",
                                                     "7",
                                                     "255",
                                                     "2147483647",
                                                     "2147483648",
                                                     "-9E99",
                                                     "1E-45",
                                                     "1E38",
                                                     "1E39",
                                                     "0.1",
                                                     "1e400",
                                                     "\\u0000",
                                                     "\xff",
                                                     "[[[[[[[[",
                                                     "{\"a\":{",
                                                     "NaN",
                                                     "\"-1\"",
                                                     "\"99999999999\"",
                                                     "\"0\"",
                                                     "\"1\"",
                                                     "\"nan\"",
                                                     "[1,2,3]",
                                                     "[]",
                                                     "{}",
                                                     "\"trees\":[]",
                                                     "\"weight_drop\":[0.5]",
                                                     "\n",
                                                     "=",
                                                     " ",
                                                     "=1 2 ",
                                                     "inf",
                                                     "nan",
                                                     "num_cat=1",
                                                     "1e-35",
                                                     "-2",
                                                     "33",
                                                     "[$d#L",
                                                     "[#l",
                                                     "{$i#U",
                                                     "L\x7F\xFF",
                                                     "\x7F\xC0",
                                                     "SL"};

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::string mutate(std::string bytes) {
    for (std::size_t count = 1 + below(4); count > 0; --count) mutate_once(bytes);
    return bytes;
  }

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

 private:
  void mutate_once(std::string& bytes) {
    if (bytes.empty()) return;
    const std::size_t at = below(bytes.size());
    const std::size_t length = std::min(1 + below(40), bytes.size() - at);
    const std::string word(kWords[below(kWords.size())]);
    switch (below(9)) {
      case 0:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 1:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.resize(at);
        break;
      case 3:
        bytes.erase(at, length);
        break;
      case 4:
        bytes.insert(at, word);
        break;
      case 5:
        bytes.insert(below(bytes.size()), bytes.substr(at, length));
        break;
      default:
        replace_value(bytes, at, word);
        break;
    }
  }

  // Puts `word` in place of the number or string nearest behind `at`: most of these are still JSON.
  static void replace_value(std::string& bytes, std::size_t at, const std::string& word) {
    const auto is_of_number = [](char c) {
      return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'E' || c == 'e';
    };
    std::size_t begin = at;
    while (begin < bytes.size() && !(bytes[begin] >= '0' && bytes[begin] <= '9')) ++begin;
    std::size_t end = begin;
    while (begin > 0 && is_of_number(bytes[begin - 1])) --begin;
    while (end < bytes.size() && is_of_number(bytes[end])) ++end;
    bytes.replace(begin, end - begin, word);
  }

  std::mt19937_64 random_;
};

testing::Data with_categories() {
  testing::Data data = generate(7, 120, 6, Label::kBinary);
  for (std::size_t row = 0; row < data.rows; ++row) data.values[row * 6] = static_cast<float>(row % 40);
  return data;
}

// Leaves that are vectors, as version 3.1 writes them, by node, or as 3.2 does, by leaf.
std::string with_vectors(bool by_leaf) {
  const std::string leaves =
      by_leaf ? R"("right_children":[2,2,4,0,1],"leaf_weights":[2,-2,4,-4,1,-1],)"
              : R"("right_children":[2,-1,4,-1,-1],"base_weights":[0,0,1,-1,0,0,2,-2,4,-4],)";
  return R"({"version":[3,2,0],"learner":{"feature_names":[],"objective":{"name":"reg:squarederror"},
"learner_model_param":{"num_feature":"2","num_class":"0","num_target":"2","base_score":"[5E-1,1E0]"},
"gradient_booster":{"name":"gbtree","model":{"gbtree_model_param":{"num_trees":"1"},"tree_info":[0],"trees":[{"id":0,
"left_children":[1,-1,3,-1,-1],)" +
         leaves + R"("split_indices":[0,0,1,0,0],"split_conditions":[0.5,0,-2,0,0],"default_left":[0,0,1,0,0],
"split_type":[0,0,0,0,0],"tree_param":{"num_nodes":"5","num_feature":"2","size_leaf_vector":"2"}}]}}}})";
}

struct Format {
  std::string name;
  std::vector<std::string> models;
};

std::ostream& operator<<(std::ostream& out, const Format& format) { return out << format.name; }

std::vector<Format> formats() {
  const testing::Data classes = generate(5, 120, 6, Label::kClass);
  const testing::Data binary = generate(6, 120, 6, Label::kBinary);
  const Trained of_categories(with_categories(),
                              {{"objective", "binary:logistic"}, {"max_depth", "3"}, {"tree_method", "hist"}},
                              3, {}, {"c", "float", "float", "float", "float", "float"});
  const Trained linear(binary, {{"booster", "gblinear"}, {"updater", "coord_descent"}}, 2);
  const Trained of_classes(classes, {{"objective", "multi:softmax"}, {"num_class", "3"}, {"max_depth", "2"}},
                           2);
  const Trained dropped(binary, {{"booster", "dart"}, {"rate_drop", "0.5"}, {"max_depth", "2"}}, 3,
                        {"a", "b", "c", "d", "e", "f"});
  return {
      {"json",
       {of_categories.json(), linear.json(), of_classes.json(), dropped.json(), with_vectors(false),
        with_vectors(true)}},
      {"ubjson", {of_categories.ubjson(), linear.ubjson(), of_classes.ubjson(), dropped.ubjson()}},
      {"lightgbm",
       {testing::lightgbm_sample(), testing::with(testing::lightgbm_sample(), "objective=regression",
                                                  "objective=binary sigmoid:1\naverage_output")}},
  };
}

class ModelMutation : public ::testing::TestWithParam<Format> {};

TEST_P(ModelMutation, NoMutatedModelDoesHarm) {
  const std::uint64_t seed = number_from("WEIR_MUTATION_SEED", 20240607);
  const std::uint64_t rounds = number_from("WEIR_MUTATION_ROUNDS", 10'000);
  fmt::print("seed {} rounds {}\n", seed, rounds);
  Mutator mutator(seed);
  const std::vector<std::string>& models = GetParam().models;
  for (const std::string& model : models) ASSERT_TRUE(loads(model));
  std::uint64_t accepted = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    if (loads(mutator.mutate(models[mutator.below(models.size())]))) ++accepted;
    ASSERT_FALSE(HasFailure()) << "seed " << seed << " round " << round;
  }
  fmt::print("accepted {} of {}\n", accepted, rounds);
  // Some mutations hit fields that do not matter and some leaf values; most do not get through. Were it all
  // or nothing, the mutations would not reach what they are meant to.
  EXPECT_GT(accepted, rounds / 50);
  EXPECT_LT(accepted, rounds * 9 / 10);
}

TEST_P(ModelMutation, NoTruncatedModelLoads) {
  for (const std::string& model : GetParam().models) {
    // What stands behind the trees of LightGBM's text does not count.
    const std::size_t end = std::min(model.find("end of trees"), model.size() - 1);
    for (std::size_t length = 0; length < end; length += 13) {
      ASSERT_FALSE(loads(model.substr(0, length))) << "length " << length;
    }
    ASSERT_FALSE(loads(model.substr(0, end)));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ModelMutation, ::testing::ValuesIn(formats()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace weir::ml
