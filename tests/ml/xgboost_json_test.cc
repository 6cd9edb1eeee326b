#include <weir/ml/xgboost_json.h>

#include <unistd.h>

#include <clocale>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <locale>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weir::ml {
namespace {

using nlohmann::json;

// A model by hand. Tree 0 decides by feature 0 at 0.5 between 1 and, by feature 1 at -2 (missing goes left),
// 2 or 4; tree 1 is a leaf of 8.
json small_model() {
  const json tree0 = {{"id", 0},
                      {"left_children", {1, -1, 3, -1, -1}},
                      {"right_children", {2, -1, 4, -1, -1}},
                      {"split_indices", {0, 0, 1, 0, 0}},
                      {"split_conditions", {0.5, 1.0, -2.0, 2.0, 4.0}},
                      {"default_left", {0, 0, 1, 0, 0}},
                      {"split_type", {0, 0, 0, 0, 0}},
                      {"tree_param", {{"num_nodes", "5"}, {"num_feature", "2"}, {"size_leaf_vector", "0"}}}};
  const json tree1 = {{"id", 1},
                      {"left_children", {-1}},
                      {"right_children", {-1}},
                      {"split_indices", {0}},
                      {"split_conditions", {8}},
                      {"default_left", {0}},
                      {"split_type", {0}},
                      {"tree_param", {{"num_nodes", "1"}, {"num_feature", "2"}, {"size_leaf_vector", "0"}}}};
  return {{"version", {1, 7, 4}},
          {"learner",
           {{"attributes", json::object()},
            {"feature_names", json::array()},
            {"feature_types", json::array()},
            {"objective", {{"name", "reg:squarederror"}, {"reg_loss_param", {{"scale_pos_weight", "1"}}}}},
            {"learner_model_param",
             {{"num_feature", "2"}, {"num_class", "0"}, {"num_target", "1"}, {"base_score", "5E-1"}}},
            {"gradient_booster",
             {{"name", "gbtree"},
              {"model",
               {{"gbtree_model_param", {{"num_trees", "2"}, {"num_parallel_tree", "1"}}},
                {"tree_info", {0, 0}},
                {"trees", {tree0, tree1}}}}}}}}};
}

json& learner(json& model) { return model["learner"]; }
json& parameters(json& model) { return model["learner"]["learner_model_param"]; }
json& booster(json& model) { return model["learner"]["gradient_booster"]; }
json& tree(json& model, std::size_t number = 0) { return booster(model)["model"]["trees"][number]; }

std::unique_ptr<const Model> load(const std::string& text, const XgboostOptions& options = {}) {
  absl::StatusOr<std::unique_ptr<const Model>> model = load_xgboost_json(text, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

std::vector<float> scores(const Model& model, const std::vector<float>& row) {
  std::vector<float> result(model.outputs().size());
  const absl::Status status = model.predict_row(row, result);
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

float score(const std::string& text, const std::vector<float>& row) { return scores(*load(text), row).at(0); }

void expect_refused_text(const std::string& text, absl::StatusCode code, const std::string& message,
                         const XgboostOptions& options = {}) {
  const absl::StatusOr<std::unique_ptr<const Model>> model = load_xgboost_json(text, options);
  EXPECT_EQ(model.status().code(), code) << model.status();
  EXPECT_EQ(model.status().message(), message);
}

void expect_refused(const std::function<void(json&)>& change, absl::StatusCode code,
                    const std::string& message, const XgboostOptions& options = {}) {
  json model = small_model();
  change(model);
  expect_refused_text(model.dump(), code, message, options);
}

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
constexpr absl::StatusCode kUnimplemented = absl::StatusCode::kUnimplemented;
constexpr absl::StatusCode kExhausted = absl::StatusCode::kResourceExhausted;

TEST(XgboostJson, AddsLeavesToTheBaseScore) {
  const std::string text = small_model().dump();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(score(text, {0.0f, 0.0f}), 9.5f);
  EXPECT_EQ(score(text, {0.5f, -3.0f}), 10.5f);
  EXPECT_EQ(score(text, {0.5f, 0.0f}), 12.5f);
  EXPECT_EQ(score(text, {nan, nan}), 10.5f);
}

TEST(XgboostJson, NamesTheModel) {
  const std::string text = small_model().dump();
  const std::unique_ptr<const Model> by_default = load(text);
  EXPECT_EQ(by_default->name(), "xgboost");
  EXPECT_EQ(by_default->digest().size(), 64u);
  EXPECT_EQ(by_default->version(), by_default->digest().substr(0, 12));
  EXPECT_EQ(by_default->outputs()[0], "prediction");
  const std::unique_ptr<const Model> named =
      load(text, {.name = "fraud", .version = "9", .output = Output::kMargin});
  EXPECT_EQ(named->name(), "fraud");
  EXPECT_EQ(named->version(), "9");
  EXPECT_EQ(named->digest(), by_default->digest());
  EXPECT_EQ(named->outputs()[0], "margin");
}

TEST(XgboostJson, NamesOneOutputPerClass) {
  json model = small_model();
  learner(model)["objective"]["name"] = "multi:softprob";
  parameters(model)["num_class"] = "3";
  booster(model)["model"]["tree_info"] = {2, 0};
  const std::unique_ptr<const Model> loaded = load(model.dump());
  EXPECT_EQ(std::vector<std::string>(loaded->outputs().begin(), loaded->outputs().end()),
            (std::vector<std::string>{"probability_0", "probability_1", "probability_2"}));
  EXPECT_EQ(scores(*load(model.dump(), {.output = Output::kMargin}), {0.0f, 0.0f}),
            (std::vector<float>{8.5f, 0.5f, 1.5f}));
  learner(model)["objective"]["name"] = "multi:softmax";
  EXPECT_EQ(scores(*load(model.dump()), {0.0f, 0.0f}), std::vector<float>{0.0f});
}

TEST(XgboostJson, GivesEachTargetItsTrees) {
  json model = small_model();
  parameters(model)["num_target"] = "2";
  booster(model)["model"]["tree_info"] = {1, 0};
  EXPECT_EQ(scores(*load(model.dump()), {0.0f, 0.0f}), (std::vector<float>{8.5f, 1.5f}));
}

TEST(XgboostJson, ReadsWhatOldVersionsWrote) {
  json model = small_model();
  model["version"] = {1, 0, 0};
  tree(model)["default_left"] = {false, false, true, false, false};
  tree(model).erase("split_type");
  learner(model).erase("feature_names");
  parameters(model).erase("num_target");
  parameters(model)["base_score"] = "0.500000";
  EXPECT_EQ(score(model.dump(), {0.5f, std::nanf("")}), 10.5f);
}

TEST(XgboostJson, TakesFieldsInAnyOrderAndSkipsStrangers) {
  json model = small_model();
  learner(model)["later"] = json::array({json::array({1, {{"trees", {1, 2}}}}), nullptr, true, 1.5, "text"});
  tree(model)["categories"] = json::array();
  const nlohmann::json learner_text = learner(model);
  std::string text = R"({"zebra":[[[]]],"learner":{"gradient_booster":)" + booster(model).dump();
  for (const char* key : {"objective", "learner_model_param", "later"}) {
    text += fmt::format(R"(,"{}":{})", key, learner_text[key].dump());
  }
  text += R"(},"version":[1,7,4]})";
  EXPECT_EQ(score(text, {0.0f, 0.0f}), 9.5f);
}

TEST(XgboostJson, ReadsFloatsWithASingleRounding) {
  // Just above half way between 1 and the next float. A double holds half way itself, and would round down
  // from there.
  const std::string text = small_model().dump();
  const std::string with_tie = [&] {
    std::string changed = text;
    const std::string from = "\"split_conditions\":[8]";
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos);
    return changed.replace(at, from.size(), "\"split_conditions\":[1.00000005960464477539062500001]");
  }();
  EXPECT_EQ(scores(*load(with_tie, {.output = Output::kMargin}), {0.0f, 0.0f})[0],
            0.5f + 1.0f + std::nextafter(1.0f, 2.0f));
}

TEST(XgboostJson, ReadsNumbersAlikeInEveryLocale) {
  const std::string before = std::setlocale(LC_NUMERIC, nullptr);
  // The C library's locale where one with a decimal comma is installed; the C++ one always.
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "nl_NL.UTF-8"}) {
    if (std::setlocale(LC_NUMERIC, name) != nullptr) break;
  }
  struct Comma final : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
  };
  const std::locale classic = std::locale::global(std::locale(std::locale(), new Comma));
  json model = small_model();
  tree(model, 1)["split_conditions"] = {8.25};
  EXPECT_EQ(score(model.dump(), {0.0f, 0.0f}), 9.75f);
  std::locale::global(classic);
  std::setlocale(LC_NUMERIC, before.c_str());
}

TEST(XgboostJson, MovesBaseScoreInwardsOnlyWhereTheTrainerDoes) {
  const auto set = [](json& model, std::vector<int> version) {
    learner(model)["objective"]["name"] = "binary:logistic";
    parameters(model)["base_score"] = "0E0";
    model["version"] = version;
  };
  expect_refused([&](json& model) { set(model, {1, 7, 4}); }, kInvalid, "base_score is not a probability: 0");
  json model = small_model();
  set(model, {3, 2, 0});
  EXPECT_NEAR(scores(*load(model.dump(), {.output = Output::kMargin}), {0.0f, 0.0f})[0], std::log(1e-6) + 9.0,
              1e-4);
}

TEST(XgboostJson, RefusesWhatIsNotJson) {
  expect_refused_text("", kInvalid, "the model is empty");
  expect_refused_text("[1]", kInvalid, "the document is an array, not an object");
  expect_refused_text("7", kInvalid, "the document is a number, not an object");
  expect_refused_text("{}", kInvalid, "version is missing or not three numbers: not a model of XGBoost");
  const absl::Status status = load_xgboost_json(small_model().dump() + "x").status();
  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_TRUE(std::string(status.message()).starts_with("not JSON at byte ")) << status;
  EXPECT_FALSE(load_xgboost_json(std::string(1'000'000, 'x')).ok());
}

TEST(XgboostJson, NamesOtherFormatsOfTheTrainer) {
  expect_refused_text(std::string("{L\0\0\0\0\0\0\0\7learner", 17), kInvalid,
                      "looks like UBJSON, not JSON: load_xgboost_ubjson reads it");
  expect_refused_text(
      "binf0000", kUnimplemented,
      "looks like the old binary format: save the model under a name that ends in .json or .ubj");
}

// Two targets; leaves 1, 3 and 4 of tree 0 have vectors, as has the leaf of tree 1.
json vector_model() {
  json model = small_model();
  parameters(model)["num_target"] = "2";
  tree(model, 0)["tree_param"]["size_leaf_vector"] = "2";
  tree(model, 0)["base_weights"] = {0, 0, 1, -1, 0, 0, 2, -2, 4, -4};
  tree(model, 1)["tree_param"]["size_leaf_vector"] = "2";
  tree(model, 1)["base_weights"] = {8, 16};
  return model;
}

TEST(XgboostJson, AddsLeavesThatAreVectors) {
  json model = vector_model();
  const std::vector<float> expected = {10.5f, 14.5f};
  EXPECT_EQ(scores(*load(model.dump()), {1.0f, -3.0f}), expected);
  EXPECT_EQ(scores(*load(model.dump()), {0.0f, 0.0f}), (std::vector<float>{9.5f, 15.5f}));
  // Later versions number the leaves where other nodes have their right child.
  for (json* each : {&tree(model, 0), &tree(model, 1)}) each->erase("base_weights");
  tree(model, 0)["right_children"] = {2, 2, 4, 0, 1};
  tree(model, 0)["leaf_weights"] = {2, -2, 4, -4, 1, -1};
  tree(model, 1)["right_children"] = {0};
  tree(model, 1)["leaf_weights"] = {8, 16};
  EXPECT_EQ(scores(*load(model.dump()), {1.0f, -3.0f}), expected);
}

TEST(XgboostJson, RefusesVectorsThatAreNotThere) {
  json few = vector_model();
  tree(few, 0)["base_weights"].erase(9);
  EXPECT_THAT(load_xgboost_json(few.dump()).status().message(),
              ::testing::HasSubstr("tree 0 has 9 weights for 5 nodes of 2"));
  json beyond = vector_model();
  tree(beyond, 1)["right_children"] = {1};
  tree(beyond, 1)["leaf_weights"] = {8, 16};
  EXPECT_THAT(load_xgboost_json(beyond.dump()).status().message(),
              ::testing::HasSubstr("tree 1 node 0 is leaf 1, and there are fewer"));
  EXPECT_TRUE(absl::IsResourceExhausted(
      load_xgboost_json(vector_model().dump(), {.limits = {.nodes = 11}}).status()));
}

TEST(XgboostJson, RefusesKindsItCannotScore) {
  expect_refused([](json& model) { booster(model)["name"] = "gbforest"; }, kUnimplemented,
                 "booster gbforest is not supported");
  expect_refused([](json& model) { tree(model, 1)["tree_param"]["size_leaf_vector"] = "3"; }, kUnimplemented,
                 "tree 1: leaves of 3 numbers for 1 outputs of a gbtree are not supported");
  expect_refused([](json& model) { learner(model)["objective"]["name"] = "reg:expectileerror"; },
                 kUnimplemented, "objective reg:expectileerror is not supported",
                 {.output = Output::kMargin});
  expect_refused(
      [](json& model) {
        model["version"] = {4, 0, 0};
      },
      kUnimplemented, "models of XGBoost 4.0 are not known");
  expect_refused(
      [](json& model) {
        parameters(model)["num_target"] = "2";
        parameters(model)["num_class"] = "2";
      },
      kUnimplemented, "2 classes and 2 targets at once");
}

TEST(XgboostJson, GivesAnUnknownObjectiveItsMarginsOnly) {
  const auto rename = [](json& model) { learner(model)["objective"]["name"] = "my:own"; };
  expect_refused(rename, kUnimplemented,
                 "objective my:own is not known: its scores can be had as margins only (Output::kMargin)");
  json model = small_model();
  rename(model);
  EXPECT_EQ(scores(*load(model.dump(), {.output = Output::kMargin}), {0.0f, 0.0f}), std::vector<float>{9.5f});
}

TEST(XgboostJson, RefusesTreesThatAreNone) {
  expect_refused([](json& model) { tree(model)["left_children"][2] = 9; }, kInvalid,
                 "tree 0 node 2: has child 9 of 5 nodes");
  expect_refused([](json& model) { tree(model)["right_children"][2] = 0; }, kInvalid,
                 "tree 0 node 2: has child 0, which has a parent already or is the root");
  expect_refused([](json& model) { tree(model)["split_indices"][0] = 2; }, kInvalid,
                 "tree 0 node 0: decides by feature 2 of 2");
  expect_refused([](json& model) { tree(model)["split_indices"][0] = 4294967295u; }, kInvalid,
                 "tree 0 node 0: decides by feature -2147483648 of 2");
  expect_refused([](json& model) { tree(model)["split_conditions"][0] = 1e39; }, kInvalid,
                 "tree 0 node 0: threshold is inf");
  expect_refused([](json& model) { tree(model)["split_conditions"][3] = -1e300; }, kInvalid,
                 "tree 0 node 3: leaf is -inf");
  expect_refused([](json& model) { tree(model)["default_left"].erase(0); }, kInvalid,
                 "tree 0 has arrays of another length than its 5 nodes");
  expect_refused([](json& model) { tree(model)["tree_param"]["num_nodes"] = "6"; }, kInvalid,
                 "tree 0 has arrays of another length than its 6 nodes");
  expect_refused([](json& model) { tree(model)["tree_param"].erase("num_nodes"); }, kInvalid,
                 "tree 0 num_nodes is missing");
  expect_refused([](json& model) { tree(model, 1)["id"] = 0; }, kInvalid,
                 "tree 1 has another place by its id: 0");
  expect_refused([](json& model) { tree(model)["split_type"][0] = 5; }, kInvalid,
                 "tree 0 node 0: split_type 5 is not known");
}

TEST(XgboostJson, RefusesAModelThatContradictsItself) {
  expect_refused([](json& model) { booster(model)["model"]["gbtree_model_param"]["num_trees"] = "3"; },
                 kInvalid, "num_trees=3, but there are 2 trees");
  expect_refused([](json& model) { booster(model)["model"]["tree_info"] = {0}; }, kInvalid,
                 "tree_info does not speak of 2 trees");
  expect_refused(
      [](json& model) {
        booster(model)["model"]["tree_info"] = {0, 1};
      },
      kInvalid, "tree 1 belongs to output 1 of 1");
  expect_refused([](json& model) { learner(model)["feature_names"] = {"a"}; }, kInvalid,
                 "1 feature names for 2 features");
  expect_refused(
      [](json& model) {
        learner(model)["feature_names"] = {"a", "a"};
      },
      kInvalid, "two features are called a");
  expect_refused([](json& model) { parameters(model)["num_feature"] = "0"; }, kInvalid, "num_feature is 0");
  expect_refused([](json& model) { parameters(model)["num_feature"] = "-2"; }, kInvalid,
                 "num_feature is not a count: -2");
  expect_refused([](json& model) { parameters(model)["num_feature"] = "99999999999"; }, kInvalid,
                 "num_feature is not a count: 99999999999");
  expect_refused([](json& model) { parameters(model)["base_score"] = "[1E0,2E0]"; }, kInvalid,
                 "base_score has more than 1 values");
  expect_refused([](json& model) { parameters(model)["base_score"] = "[]"; }, kInvalid,
                 "base_score is not a number or a list of them: []");
  expect_refused([](json& model) { parameters(model)["base_score"] = "nan"; }, kInvalid,
                 "base_score is not a number or a list of them: nan");
  expect_refused([](json& model) { learner(model)["objective"]["name"] = "multi:softprob"; }, kInvalid,
                 "multi:softprob without num_class");
  expect_refused(
      [](json& model) {
        learner(model)["objective"]["name"] = "count:poisson";
        parameters(model)["base_score"] = "-1E0";
      },
      kInvalid, "base_score is below zero: -1");
  expect_refused(
      [](json& model) {
        booster(model) = {
            {"name", "dart"}, {"gbtree", {{"model", booster(model)["model"]}}}, {"weight_drop", {0.5}}};
      },
      kInvalid, "weight_drop has 1 weights for 2 trees");
  expect_refused(
      [](json& model) {
        booster(model)["gbtree"] = {{"model", booster(model)["model"]}};
      },
      kInvalid, "there are two models");
  expect_refused([](json& model) { booster(model).erase("name"); }, kInvalid,
                 "gradient_booster.name is missing: not a model of XGBoost");
  expect_refused([](json& model) { learner(model).erase("objective"); }, kInvalid,
                 "objective.name is missing: not a model of XGBoost");
}

TEST(XgboostJson, BeginsAtARateOfNothing) {
  json model = small_model();
  learner(model)["objective"]["name"] = "count:poisson";
  parameters(model)["base_score"] = "0E0";
  EXPECT_EQ(score(model.dump(), {0.0f, 0.0f}), 0.0f);
  EXPECT_EQ(scores(*load(model.dump(), {.output = Output::kMargin}), {0.0f, 0.0f})[0],
            -std::numeric_limits<float>::infinity());
}

TEST(XgboostJson, ScoresWhatWasNeverTrainedAsTheTrainerDoes) {
  const auto margin = [](std::vector<int> version, const char* from_average) {
    json model = small_model();
    model["version"] = version;
    learner(model)["objective"]["name"] = "reg:gamma";
    parameters(model)["boost_from_average"] = from_average;
    booster(model)["model"] = {
        {"gbtree_model_param", {{"num_trees", "0"}}}, {"tree_info", json::array()}, {"trees", json::array()}};
    return scores(*load(model.dump(), {.output = Output::kMargin}), {0.0f, 0.0f})[0];
  };
  EXPECT_EQ(margin({3, 0, 0}, "1"), std::log(0.5f));
  EXPECT_EQ(margin({3, 1, 0}, "0"), std::log(0.5f));
  EXPECT_EQ(margin({3, 1, 0}, "1"), 0.5f);

  json model = small_model();
  booster(model) = {{"name", "gblinear"}, {"model", {{"weights", json::array()}}}};
  EXPECT_EQ(score(model.dump(), {1.0f, 1.0f}), 0.5f);
}

TEST(XgboostJson, WeighsTheTreesOfDart) {
  json model = small_model();
  booster(model) = {{"name", "dart"},
                    {"gbtree", {{"name", "gbtree"}, {"model", booster(model)["model"]}}},
                    {"weight_drop", {0.5, 2}}};
  EXPECT_EQ(score(model.dump(), {0.0f, 0.0f}), 0.5f + 0.5f + 16.0f);
}

TEST(XgboostJson, RefusesFieldsOfAnotherType) {
  expect_refused([](json& model) { booster(model)["name"] = 7; }, kInvalid,
                 "name must be a string, not a number");
  expect_refused([](json& model) { booster(model)["model"]["trees"] = 1.5; }, kInvalid,
                 "trees must be an array of objects, not a fraction");
  expect_refused([](json& model) { booster(model)["model"]["trees"] = {1}; }, kInvalid,
                 "trees holds a number");
  expect_refused([](json& model) { tree(model)["left_children"][0] = 1.5; }, kInvalid,
                 "tree 0 left_children holds a fraction");
  expect_refused([](json& model) { tree(model)["left_children"][0] = json::array(); }, kInvalid,
                 "tree 0 left_children holds an array");
  expect_refused([](json& model) { tree(model)["left_children"] = json::object(); }, kInvalid,
                 "tree 0 left_children must be an array of whole numbers, not an object");
  expect_refused([](json& model) { tree(model, 1)["split_conditions"][0] = "8"; }, kInvalid,
                 "tree 1 split_conditions holds a string");
  expect_refused([](json& model) { tree(model, 1)["split_conditions"][0] = true; }, kInvalid,
                 "tree 1 split_conditions holds a boolean");
  expect_refused(
      [](json& model) {
        learner(model)["feature_names"] = {1, 2};
      },
      kInvalid, "feature_names holds a number");
  expect_refused([](json& model) { learner(model) = nullptr; }, kInvalid,
                 "learner must be an object, not null");
  expect_refused([](json& model) { learner(model) = json::array(); }, kInvalid,
                 "learner must be an object, not an array");
}

TEST(XgboostJson, RefusesAFieldThatIsThereTwice) {
  std::string text = small_model().dump();
  const std::string key = R"("num_feature":"2")";
  // The first one belongs to the learner, the others to trees, where nobody asks.
  const std::size_t at = text.find(key, text.find("learner_model_param"));
  ASSERT_NE(at, std::string::npos);
  text.insert(at, R"("num_feature":"1",)");
  expect_refused_text(text, kInvalid, "num_feature is there twice");
}

TEST(XgboostJson, RefusesNestingBeyondMeasure) {
  const std::string deep(2'000'000, '[');
  expect_refused_text(R"({"a":)" + deep, kExhausted, "nested deeper than 64");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  expect_refused_text(objects, kExhausted, "nested deeper than 64");
}

TEST(XgboostJson, RefusesMoreThanTheLimitsAllow) {
  const auto same = [](json&) {};
  const std::size_t size = small_model().dump().size();
  expect_refused(same, kExhausted, fmt::format("{} bytes, at most 100 allowed", size),
                 {.limits = {.bytes = 100}});
  expect_refused(same, kExhausted, "more than 1 trees", {.limits = {.trees = 1}});
  expect_refused(same, kExhausted, "tree 0 default_left is too long", {.limits = {.nodes = 4}});
  expect_refused(same, kExhausted, "tree 1: more than 5 nodes in all", {.limits = {.nodes = 5}});
  expect_refused(same, kExhausted, "tree 0: deeper than 1", {.limits = {.depth = 1}});
  expect_refused(same, kExhausted, "2 features, at most 1 allowed", {.limits = {.features = 1}});
  expect_refused([](json& model) { parameters(model)["num_feature"] = "4000000000"; }, kExhausted,
                 "4000000000 features, at most 1000000 allowed");
  expect_refused([](json& model) { parameters(model)["num_target"] = "5000"; }, kExhausted,
                 "5000 outputs, at most 4096 allowed");
  expect_refused([](json& model) { parameters(model)["num_target"] = "3"; }, kExhausted,
                 "3 outputs, at most 2 allowed", {.limits = {.outputs = 2}});
}

class XgboostJsonFile : public ::testing::Test {
 protected:
  XgboostJsonFile()
      : folder_(std::filesystem::temp_directory_path() / fmt::format("weir-xgboost-{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~XgboostJsonFile() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& bytes) const {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path.string();
  }

  const std::filesystem::path folder_;
};

TEST_F(XgboostJsonFile, LoadsAndTakesItsNameFromTheFile) {
  const std::string text = small_model().dump();
  const absl::StatusOr<std::unique_ptr<const Model>> model =
      load_xgboost_json_file(write("fraud.json", text));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->name(), "fraud");
  EXPECT_EQ((*model)->digest(), load(text)->digest());
}

TEST_F(XgboostJsonFile, SaysWhichFileIsWrong) {
  const std::string path = write("broken.json", "{");
  const absl::Status status = load_xgboost_json_file(path).status();
  EXPECT_EQ(status.code(), kInvalid);
  EXPECT_TRUE(std::string(status.message()).starts_with(path + ": not JSON at byte ")) << status;
}

TEST_F(XgboostJsonFile, ReportsAMissingFile) {
  EXPECT_EQ(load_xgboost_json_file((folder_ / "none.json").string()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(XgboostJsonFile, RefusesWhatIsNoRegularFileOrTooLarge) {
  EXPECT_EQ(load_xgboost_json_file(folder_.string()).status().message(),
            folder_.string() + ": not a regular file");
  EXPECT_EQ(load_xgboost_json_file("/dev/zero").status().code(), kInvalid);
  const std::string path = write("large.json", std::string(101, ' '));
  EXPECT_EQ(load_xgboost_json_file(path, {.limits = {.bytes = 100}}).status().message(),
            path + ": 101 bytes, at most 100 allowed");
}

}  // namespace
}  // namespace weir::ml
