// What the loader of ONNX models accepts, what it refuses, and what models give.
#include <weir/ml/load_model.h>
#include <weir/ml/onnx/onnx_model.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "loaded_bytes.h"
#include "onnx_graph.h"

namespace weir::ml {
namespace {

using testing::attribute;
using testing::constant;
using testing::learned;
using testing::model;
using testing::node;
using testing::refusal_of;
using testing::scores_of;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(OnnxModel, NamesColumnsAfterTheGraph) {
  const auto loaded = load_model(testing::network_model());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->name(), "onnx");
  EXPECT_EQ((*loaded)->version(), (*loaded)->digest().substr(0, 12));
  EXPECT_EQ(std::vector<std::string>((*loaded)->inputs().begin(), (*loaded)->inputs().end()),
            (std::vector<std::string>{"X_0", "X_1"}));
  EXPECT_EQ(std::vector<std::string>((*loaded)->outputs().begin(), (*loaded)->outputs().end()),
            (std::vector<std::string>{"c_0", "c_1", "c_2", "label"}));
}

TEST(OnnxModel, RunsANetwork) {
  EXPECT_EQ(scores_of(testing::network_model(), {1, 1}), (Floats{4, 7, 10, 2}));
  EXPECT_EQ(scores_of(testing::network_model(), {1, -1}), (Floats{0, 0, 0, 0}));
}

TEST(OnnxModel, GivesLabelsThatAreTextsAsNumbers) {
  EXPECT_EQ(scores_of(testing::stumps_model(), {0.5f, 0}), (Floats{1, -2, 2}));
  EXPECT_EQ(scores_of(testing::stumps_model(), {0.75f, -1.5f}), (Floats{0, 7, -7}));
  EXPECT_EQ(scores_of(testing::stumps_model(), {kNan, kNan}), (Floats{0, 10, -10}));
}

TEST(OnnxModel, GivesNothingForARowThatHasNoResult) {
  const std::string strict = model(learned("OneHotEncoder", {"X"}, {"Y"},
                                           attribute("cats_int64s", Integers{1, 2}) + attribute("zeros", 0)),
                                   1, {"Y"});
  EXPECT_EQ(scores_of(strict, {2}), (Floats{0, 1}));
  for (const float score : scores_of(strict, {3})) EXPECT_TRUE(std::isnan(score));
  const auto loaded = load_model(strict);
  Floats scores(6);
  ASSERT_TRUE((*loaded)->predict(RowBatch(Floats{1, 9, 2}, 1), scores).ok());
  EXPECT_EQ(scores[0], 1);
  EXPECT_TRUE(std::isnan(scores[2]));
  EXPECT_EQ(scores[5], 1);
}

TEST(OnnxModel, RefusesWhatItDoesNotKnowByName) {
  EXPECT_EQ(refusal_of(model(node("Conv", {"X"}, {"Y"}), 2, {"Y"})), "the operator Conv is not supported");
  EXPECT_EQ(refusal_of(model(node("Add", {"X", "X"}, {"Y"}, "", "com.example"), 2, {"Y"})),
            "the operator com.example.Add is not supported");
  EXPECT_EQ(refusal_of(model(learned("DictVectorizer", {"X"}, {"Y"}, ""), 2, {"Y"})),
            "the operator ai.onnx.ml.DictVectorizer is not supported");
  EXPECT_EQ(refusal_of(model(node("Relu", {"X"}, {"Y"}, attribute("slope", 1)), 2, {"Y"})),
            "Relu 'n': the attribute 'slope' is not supported");
}

TEST(OnnxModel, RefusesGraphsThatMixRows) {
  const std::string shape = constant("S", {2}, Integers{1, -1});
  EXPECT_EQ(refusal_of(model(shape + node("Reshape", {"X", "S"}, {"Y"}), 2, {"Y"})),
            "Reshape 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(node("Concat", {"X", "X"}, {"Y"}, attribute("axis", 0)), 2, {"Y"})),
            "'Y' is a list of all rows");
  EXPECT_EQ(refusal_of(model(node("ArgMax", {"X"}, {"Y"}), 2, {"Y"})),
            "ArgMax 'n': its axis mixes rows, or is none");
  const std::string column = constant("C", {3, 1}, Floats{1, 2, 3});
  EXPECT_EQ(refusal_of(model(column + node("Add", {"X", "C"}, {"Y"}), 2, {"Y"})),
            "Add 'n': the shapes of its inputs do not fit, row by row");
}

TEST(OnnxModel, KeepsRowsApartWhereverTheyStand) {
  // The rows become columns, and rows again.
  const std::string turned = constant("W", {2, 3}, Floats{1, 2, 3, 4, 5, 6}) +
                             node("Transpose", {"X"}, {"a"}) + node("MatMul", {"W", "a"}, {"b"}) +
                             node("Transpose", {"b"}, {"Y"});
  EXPECT_EQ(scores_of(model(turned, 3, {"Y"}), {1, 0, 2}), (Floats{7, 16}));
  EXPECT_EQ(refusal_of(model(node("Transpose", {"X"}, {"a"}) + node("MatMul", {"a", "X"}, {"Y"}), 3, {"Y"})),
            "MatMul 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(node("ReduceSum", {"X"}, {"Y"}), 3, {"Y"})), "ReduceSum 'n': mixes rows");
}

TEST(OnnxModel, RunsLoopsOverWhatIsNotRows) {
  EXPECT_EQ(scores_of(testing::neighbours_model(), {3, 0}), (Floats{9, 16, 4, 30, 10, 3, 0}));
  EXPECT_EQ(scores_of(testing::neighbours_model(), {3, 4}), (Floats{25, 0, 20, 20, 30, 3, 4}));

  // What is carried from round to round, with values of the graph around it.
  const std::string rounds = node("Mul", {"sum", "half"}, {"less"}) + node("Add", {"less", "one"}, {"now"});
  const auto carries = [&](const std::string& more) {
    return constant("half", {1}, Floats{0.5f}) + constant("known", {3, 2}, Floats{0, 0, 3, 4, 1, 0}) +
           node("Scan", {"X", "known"}, {"Y"},
                attribute("num_scan_inputs", 1) + more + testing::body(rounds, {"sum", "one"}, {"now"}));
  };
  EXPECT_EQ(scores_of(model(carries(""), 2, {"Y"}), {8, 16}), (Floats{1 + 1.5f + 1, 2 + 2}));
  EXPECT_EQ(refusal_of(model(carries(attribute("scan_input_directions", Integers{1})), 2, {"Y"})),
            "Scan 'n': goes another way than along the first dimension, forwards");
}

TEST(OnnxModel, RefusesLoopsItCannotRun) {
  const auto scan = [](const std::string& rounds, const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs) {
    return model(constant("known", {3, 2}, Floats{0, 0, 3, 4, 1, 0}) +
                     node("Scan", {"known", "X"}, {"s", "Y"},
                          attribute("num_scan_inputs", 1) + testing::body(rounds, inputs, outputs)),
                 2, {"Y"});
  };
  const std::string keeps = node("Identity", {"a"}, {"c"});
  EXPECT_EQ(refusal_of(scan(keeps + node("Neg", {"b"}, {"d"}), {"a", "b"}, {"c", "d"})),
            "Scan 'n': is a loop over rows");
  EXPECT_EQ(refusal_of(scan(keeps, {"a"}, {"c"})),
            "Scan 'n': its body takes or makes another number of values");
  EXPECT_EQ(refusal_of(model(node("Scan", {"X"}, {"Y"}, attribute("num_scan_inputs", 1)), 2, {"Y"})),
            "Scan 'n': has no body");
  const std::string within =
      node("Scan", {"b"}, {"d"}, attribute("num_scan_inputs", 1) + testing::body(keeps, {"a"}, {"c"}));
  EXPECT_EQ(refusal_of(model(constant("known", {3, 2}, Floats{0, 0, 3, 4, 1, 0}) +
                                 node("Scan", {"X", "known"}, {"s", "Y"},
                                      attribute("num_scan_inputs", 1) +
                                          testing::body(keeps + within, {"a", "b"}, {"c", "d"})),
                             2, {"Y"})),
            "Scan 'n': is a loop within a loop");
}

TEST(OnnxModel, KeepsRowsApartInLists) {
  const std::string list = constant("lists", {2}, Integers{-1, 2}) + constant("K", {2}, Floats{1, 2}) +
                           constant("two", {}, Floats{2}) +
                           node("Flatten", {"X"}, {"a"}, attribute("axis", 0));
  EXPECT_EQ(scores_of(model(list + node("Mul", {"a", "two"}, {"b"}) + node("Reshape", {"b", "lists"}, {"Y"}),
                            2, {"Y"}),
                      {3, 4}),
            (Floats{6, 8}));
  EXPECT_EQ(refusal_of(model(list + node("Mul", {"a", "K"}, {"Y"}), 2, {"Y"})), "Mul 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(list + node("Softmax", {"a"}, {"Y"}), 2, {"Y"})), "Softmax 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(list, 2, {"a"})), "'a' is a list of all rows");
}

TEST(OnnxModel, LooksAtNumbersInListsForThemselves) {
  const std::string graph = constant("lists", {2}, Integers{-1, 2}) + constant("other", {}, Floats{9}) +
                            node("Flatten", {"X"}, {"a"}, attribute("axis", 0)) +
                            node("IsNaN", {"a"}, {"b"}) + node("Where", {"b", "other", "a"}, {"c"}) +
                            node("Reshape", {"c", "lists"}, {"Y"});
  EXPECT_EQ(scores_of(model(graph, 2, {"Y"}), {3, kNan}), (Floats{3, 9}));
}

TEST(OnnxModel, KeepsRowsApartBehindEachOther) {
  // All rows' sums, then all rows' largest numbers; again a row for each after that.
  const std::string stack = constant("one", {1}, Integers{1}) + constant("two", {2}, Integers{2, -1}) +
                            constant("wrong", {2}, Integers{-1, 2}) + node("ReduceSum", {"X", "one"}, {"a"}) +
                            node("ReduceMax", {"X"}, {"b"}, attribute("axes", Integers{1})) +
                            node("Concat", {"a", "b"}, {"c"}, attribute("axis", 0));
  const std::string apart = stack + node("Reshape", {"c", "two"}, {"d"}) + node("Transpose", {"d"}, {"Y"});
  const auto loaded = load_model(model(apart, 2, {"Y"}));
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  Floats scores(6);
  ASSERT_TRUE((*loaded)->predict(RowBatch(Floats{1, 2, 30, 4, -5, -6}, 2), scores).ok());
  EXPECT_EQ(scores, (Floats{3, 2, 34, 30, -11, -5}));
  EXPECT_EQ(refusal_of(model(stack + node("Reshape", {"c", "wrong"}, {"Y"}), 2, {"Y"})),
            "Reshape 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(stack + node("Neg", {"c"}, {"Y"}), 2, {"Y"})), "Neg 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(stack + node("Concat", {"a", "X"}, {"Y"}, attribute("axis", 0)), 2, {"Y"})),
            "Concat 'n': its axis mixes rows");
}

TEST(OnnxModel, PicksColumnsOfATableRowByRow) {
  const std::string whole = constant("table", {2, 3}, Floats{1, 2, 3, 10, 20, 30}) +
                            constant("cube", {3}, Integers{2, -1, 2}) +
                            node("Cast", {"X"}, {"i"}, attribute("to", 7)) +
                            learned("ArrayFeatureExtractor", {"table", "i"}, {"a"}, "");
  EXPECT_EQ(scores_of(model(whole + node("Transpose", {"a"}, {"Y"}), 1, {"Y"}), {2}), (Floats{3, 30}));
  for (const float score : scores_of(model(whole + node("Transpose", {"a"}, {"Y"}), 1, {"Y"}), {3}))
    EXPECT_TRUE(std::isnan(score));
  const std::string several = whole + node("Reshape", {"a", "cube"}, {"b"}) +
                              node("Transpose", {"b"}, {"Y"}, attribute("perm", Integers{1, 0, 2}));
  EXPECT_EQ(scores_of(model(several, 2, {"Y"}), {2, 0}), (Floats{3, 1, 30, 10}));
}

TEST(OnnxModel, SumsProductsAlongLetters) {
  const auto einsum = [](std::string_view equation, const std::vector<std::string>& inputs) {
    return constant("W", {2, 3}, Floats{1, 2, 3, 4, 5, 6}) + constant("S", {2, 2}, Floats{1, 2, 3, 4}) +
           node("Einsum", inputs, {"Y"}, attribute("equation", equation));
  };
  EXPECT_EQ(scores_of(model(einsum("bi,ij->bj", {"X", "W"}), 2, {"Y"}), {10, 1}), (Floats{14, 25, 36}));
  EXPECT_EQ(scores_of(model(einsum("ij, bi -> bj", {"W", "X"}), 2, {"Y"}), {10, 1}), (Floats{14, 25, 36}));
  EXPECT_EQ(scores_of(model(einsum("bi,bi->b", {"X", "X"}), 2, {"Y"}), {3, 4}), (Floats{25}));
  EXPECT_EQ(scores_of(model(einsum("bi,bj->bji", {"X", "X"}), 2, {"Y"}), {3, 4}), (Floats{9, 12, 12, 16}));
  // Without an arrow: the letters that are there once, in order. A letter twice in one input is its diagonal.
  EXPECT_EQ(scores_of(model(einsum("bz,ya", {"X", "W"}), 2, {"Y"}), {1, 10}),
            (Floats{1, 10, 4, 40, 2, 20, 5, 50, 3, 30, 6, 60}));
  EXPECT_EQ(scores_of(model(einsum("bi,jj->bi", {"X", "S"}), 2, {"Y"}), {1, 10}), (Floats{5, 50}));
  EXPECT_EQ(refusal_of(model(einsum("bi->i", {"X"}), 2, {"Y"})), "Einsum 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(einsum("bi,ib->i", {"X", "X"}), 2, {"Y"})), "Einsum 'n': mixes rows");
  EXPECT_EQ(refusal_of(model(einsum("bi,bj->bij", {"X", "S"}), 2, {"Y"})),
            "Einsum 'n': has a letter of two sizes");
  EXPECT_EQ(refusal_of(model(einsum("b...,ij->bj", {"X", "W"}), 2, {"Y"})),
            "Einsum 'n': its equation has more than letters");
  // What a short file could ask for without end.
  const std::string wide = constant("V", {3000}, Floats(3000, 1.0f));
  EXPECT_EQ(refusal_of(model(wide + node("Einsum", {"V", "V"}, {"Z"}, attribute("equation", "i,j->")) +
                                 node("Einsum", {"V", "V"}, {"a"}, attribute("equation", "i,j->ij")) +
                                 node("Einsum", {"a", "a"}, {"b"}, attribute("equation", "ij,kl->")) +
                                 node("Add", {"X", "b"}, {"Y"}),
                             2, {"Y"})),
            "Einsum 'n': its result is empty, or too large");
}

TEST(OnnxModel, TakesSquaresThatNoFloatHoldsForInfinite) {
  const std::string graph = constant("S", {2}, Floats{1, 1}) + constant("B", {2}, Floats{5, 6}) +
                            node("ReduceL2", {"X"}, {"a"}, attribute("axes", Integers{1})) +
                            node("LayerNormalization", {"X", "S", "B"}, {"b"});
  const Floats scores = scores_of(model(graph, 2, {"a", "b"}), {3e30f, 4e30f});
  EXPECT_TRUE(std::isinf(scores[0]));
  EXPECT_EQ(scores, (Floats{scores[0], 5, 6}));
  EXPECT_EQ(scores_of(model(graph, 2, {"a"}), {3, 4}), (Floats{5}));
}

TEST(OnnxModel, HandsSequencesOutSideBySide) {
  const std::string graph = node("Neg", {"X"}, {"a"}) + node("SequenceConstruct", {"X", "a", "X"}, {"Y"});
  EXPECT_EQ(scores_of(model(graph, 2, {"Y"}), {1, 2}), (Floats{1, 2, -1, -2, 1, 2}));
  EXPECT_EQ(refusal_of(model(graph + node("Neg", {"Y"}, {"Z"}), 2, {"Z"})), "Neg 'n': takes a sequence");
}

TEST(OnnxModel, ShapesMayNameTheRows) {
  const std::string graph = constant("zero", {1}, Integers{0}) + constant("open", {1}, Integers{-1}) +
                            node("Shape", {"X"}, {"s"}) + node("Gather", {"s", "zero"}, {"n"}) +
                            node("Concat", {"n", "open"}, {"t"}, attribute("axis", 0)) +
                            node("Reshape", {"X", "t"}, {"a"}) + node("ConstantOfShape", {"s"}, {"b"}) +
                            node("Concat", {"a", "b"}, {"Y"}, attribute("axis", 1));
  EXPECT_EQ(scores_of(model(graph, 2, {"Y"}), {3, 4}), (Floats{3, 4, 0, 0}));
  // How many rows there are is no number that a row may know.
  const std::string leaks = node("Shape", {"X"}, {"s"}) + node("Cast", {"s"}, {"c"}, attribute("to", 1)) +
                            node("Add", {"X", "c"}, {"Y"});
  EXPECT_FALSE(load_model(model(leaks, 2, {"Y"})).ok());
  const std::string adds = constant("one", {2}, Integers{1, 1}) + node("Shape", {"X"}, {"s"}) +
                           node("Add", {"s", "one"}, {"t"}) + node("Reshape", {"X", "t"}, {"Y"});
  EXPECT_EQ(refusal_of(model(adds, 2, {"Y"})), "Add 'n': input 0 depends on how many rows there are");
}

TEST(OnnxModel, KeepsWhatIsUsedTwiceOfANetwork) {
  // The sums come out before and after what is done to them.
  const std::string graph = constant("W", {2, 2}, Floats{1, 2, 3, 4}) + constant("B", {2}, Floats{-5, 1}) +
                            constant("V", {2, 1}, Floats{1, 10}) + node("MatMul", {"X", "W"}, {"a"}) +
                            node("Add", {"B", "a"}, {"b"}) + node("Relu", {"b"}, {"c"}) +
                            node("MatMul", {"c", "V"}, {"d"}) + node("Neg", {"d"}, {"e"});
  EXPECT_EQ(scores_of(model(graph, 2, {"e"}), {1, 1}), (Floats{-70}));
  EXPECT_EQ(scores_of(model(graph, 2, {"e", "a"}), {1, 1}), (Floats{-70, 4, 6}));
  EXPECT_EQ(scores_of(model(graph, 2, {"b", "e"}), {1, 1}), (Floats{-1, 7, -70}));
  EXPECT_EQ(scores_of(model(graph, 2, {"c", "e", "d"}), {1, 1}), (Floats{0, 7, -70, 70}));
  EXPECT_EQ(scores_of(model(graph + node("Add", {"b", "b"}, {"f"}), 2, {"f"}), {1, 1}), (Floats{-2, 14}));
}

TEST(OnnxModel, RunsOperatorsOfConstantsOnce) {
  const std::string graph = constant("A", {2}, Floats{1, 4}) + node("Sqrt", {"A"}, {"b"}) +
                            node("Mul", {"b", "A"}, {"c"}) + node("Add", {"X", "c"}, {"Y"});
  EXPECT_EQ(scores_of(model(graph, 2, {"Y"}), {1, 1}), (Floats{2, 9}));
  EXPECT_EQ(refusal_of(model(graph + node("Neg", {"c"}, {"Z"}), 2, {"Z"})), "'Z' does not depend on the row");
}

TEST(OnnxModel, RefusesGraphsThatAreBroken) {
  EXPECT_EQ(refusal_of(std::string("\x08\x08")), "not a model of ONNX");
  EXPECT_EQ(refusal_of(std::string("\x08")),
            "not a model of ONNX: the bytes are cut off, or of something else");
  EXPECT_EQ(refusal_of(model(node("Relu", {"Z"}, {"Y"}), 2, {"Y"})),
            "Relu 'n' takes the value 'Z' that nothing before has made");
  EXPECT_EQ(refusal_of(model(node("Relu", {"X"}, {"X"}), 2, {"X"})),
            "the value 'X' is made twice, or has no name");
  EXPECT_EQ(refusal_of(model("", 2, {"Y"})), "nothing makes the output 'Y'");
  const std::string matrix = constant("W", {2, 2}, Floats{1, 2, 3});
  EXPECT_EQ(refusal_of(model(matrix + node("MatMul", {"X", "W"}, {"Y"}), 2, {"Y"})),
            "constant 'W': a tensor has not the 4 elements of its shape");
}

TEST(OnnxModel, RefusesBrokenTrees) {
  const auto stump = [](Integers yes, Integers features, const Floats& values) {
    return model(
        learned("TreeEnsembleRegressor", {"X"}, {"Y"},
                attribute("nodes_treeids", Integers{0, 0, 0}) +
                    attribute("nodes_nodeids", Integers{0, 1, 2}) + attribute("nodes_featureids", features) +
                    attribute("nodes_modes", std::vector<std::string>{"BRANCH_LEQ", "LEAF", "LEAF"}) +
                    attribute("nodes_values", values) + attribute("nodes_truenodeids", yes) +
                    attribute("nodes_falsenodeids", Integers{2, 0, 0}) +
                    attribute("target_treeids", Integers{0, 0}) +
                    attribute("target_nodeids", Integers{1, 2}) + attribute("target_ids", Integers{0, 0}) +
                    attribute("target_weights", Floats{1, 2}) + attribute("n_targets", 1)),
        2, {"Y"});
  };
  EXPECT_EQ(scores_of(stump({1, 0, 0}, {1, 0, 0}, {0, 0, 0}), {0, 1}), (Floats{2}));
  EXPECT_EQ(refusal_of(stump({0, 0, 0}, {1, 0, 0}, {0, 0, 0})),
            "TreeEnsembleRegressor: some nodes belong to no tree");
  EXPECT_EQ(refusal_of(stump({2, 0, 0}, {1, 0, 0}, {0, 0, 0})),
            "TreeEnsembleRegressor 'n': tree 0 has two roots");
  EXPECT_EQ(refusal_of(stump({7, 0, 0}, {1, 0, 0}, {0, 0, 0})),
            "TreeEnsembleRegressor 'n': a child of node 0 of tree 0 is no node");
  EXPECT_EQ(refusal_of(stump({1, 0, 0}, {2, 0, 0}, {0, 0, 0})),
            "TreeEnsembleRegressor: node 0 of the trees looks at a column that rows do not have");
  EXPECT_EQ(refusal_of(stump({1, 0, 0}, {1, 0, 0}, {kNan, 0, 0})),
            "TreeEnsembleRegressor: node 0 of the trees has a threshold that is no number");
}

// A tree for each of `ids`: X_0 <= 0 leads to a leaf that votes for the first target, if `weights` has one for the tree, and
// everything else to one that does not vote.
std::string partial_trees(const Integers& ids, const Floats& weights, const std::string& more) {
  Integers trees, nodes, features, yes, no, vote_nodes;
  std::vector<std::string> modes;
  for (const std::int64_t id : ids) {
    for (std::int64_t i = 0; i < 3; ++i) {
      trees.push_back(id);
      nodes.push_back(i);
      features.push_back(0);
      modes.emplace_back(i == 0 ? "BRANCH_LEQ" : "LEAF");
      yes.push_back(i == 0 ? 1 : 0);
      no.push_back(i == 0 ? 2 : 0);
    }
    vote_nodes.push_back(1);
  }
  return model(
      learned("TreeEnsembleRegressor", {"X"}, {"Y"},
              attribute("nodes_treeids", trees) + attribute("nodes_nodeids", nodes) +
                  attribute("nodes_featureids", features) + attribute("nodes_modes", modes) +
                  attribute("nodes_values", Floats(trees.size())) + attribute("nodes_truenodeids", yes) +
                  attribute("nodes_falsenodeids", no) + attribute("target_treeids", ids) +
                  attribute("target_nodeids", vote_nodes) + attribute("target_ids", Integers(ids.size())) +
                  attribute("target_weights", weights) + more),
      1, {"Y"});
}

TEST(OnnxModel, AddsTheBaseToWhatLeavesVoteFor) {
  const std::string two = attribute("n_targets", 2) + attribute("base_values", Floats{10, 20});
  EXPECT_EQ(scores_of(partial_trees({0}, {1}, two), {0}), (Floats{11, 0}));
  EXPECT_EQ(scores_of(partial_trees({0}, {1}, two), {1}), (Floats{0, 0}));
  // Of a single target, always; nor is it bent by a transform but PROBIT.
  const std::string one = attribute("n_targets", 1) + attribute("base_values", Floats{10}) +
                          attribute("post_transform", "LOGISTIC");
  EXPECT_EQ(scores_of(partial_trees({0}, {1}, one), {0}), (Floats{11}));
  EXPECT_EQ(scores_of(partial_trees({0}, {1}, one), {1}), (Floats{10}));
}

TEST(OnnxModel, TakesALeafWithoutAVoteForOneOfZero) {
  const std::string least = attribute("n_targets", 1) + attribute("aggregate_function", "MIN");
  EXPECT_EQ(scores_of(partial_trees({0, 1}, {3, 5}, least), {0}), (Floats{3}));
  EXPECT_EQ(scores_of(partial_trees({0, 1}, {3, 5}, least), {1}), (Floats{0}));
}

TEST(OnnxModel, AddsTreesInTheOrderOfTheFile) {
  // In float, 1 is lost beside 2^24, unless it comes after.
  const Floats weights = {16777216, -16777216, 1};
  EXPECT_EQ(scores_of(partial_trees({2, 1, 0}, weights, attribute("n_targets", 1)), {0}), (Floats{1}));
  EXPECT_EQ(scores_of(partial_trees({0, 2, 1}, {16777216, 1, -16777216}, attribute("n_targets", 1)), {0}),
            (Floats{0}));
}

TEST(OnnxModel, HasNoMargins) {
  EXPECT_EQ(load_model(testing::stumps_model(), {.output = Output::kMargin}).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(OnnxModel, StaysWithinTheLimits) {
  const std::string bytes = testing::stumps_model();
  EXPECT_TRUE(absl::IsResourceExhausted(load_onnx(bytes, {.limits = {.bytes = 100}}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(load_onnx(bytes, {.limits = {.trees = 1}}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(load_onnx(bytes, {.limits = {.nodes = 5}}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(load_onnx(bytes, {.limits = {.depth = 0}}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(load_onnx(bytes, {.limits = {.features = 1}}).status()));
  EXPECT_TRUE(absl::IsResourceExhausted(load_onnx(bytes, {.limits = {.outputs = 2}}).status()));
}

}  // namespace
}  // namespace weir::ml
