// What the tokens of a group stand for: as text, and how a program that counts otherwise agrees with the others.
#include <weir/core/token_plan.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir {
namespace {

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

using Parts = std::vector<std::set<std::string>>;
using Tokens = std::vector<TokenPlan::Token>;

TokenPlan own(Parts parts, Tokens tokens) { return {0, std::move(parts), std::move(tokens)}; }
TokenPlan recorded(Parts parts, Tokens tokens, int version = 1) {
  return {version, std::move(parts), std::move(tokens)};
}

std::vector<TaskPlan> tasks(int sub_topologies, Partition partitions) {
  std::vector<TaskPlan> result;
  for (Partition partition = 0; partition < partitions; ++partition) {
    for (int part = 0; part < sub_topologies; ++part)
      result.push_back({{part, partition}, {{"t", partition}}});
  }
  return result;
}

std::string names_of(const std::vector<TaskPlan>& tasks) {
  std::string text;
  for (const TaskPlan& task : tasks) text += (text.empty() ? "" : " ") + task.id.name();
  return text;
}

TEST(TokenPlan, IsReadAsItWasWritten) {
  const TokenPlan plan = recorded({{"in", "users"}, {"pattern a\"b.*"}}, {{0, 0}, {1, 0}, {0, 1}}, 7);
  const auto read = decode_tokens(encode_tokens(plan));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, plan);
  EXPECT_EQ(encode_tokens(recorded({{"in"}}, {{0, 0}})),
            R"({"version":1,"parts":[["in"]],"tokens":[[0,0]]})");
}

TEST(TokenPlan, RefusesWhatIsNoPlan) {
  for (const std::string& text : {std::string(), std::string("[]"), std::string("{}"),
                                  std::string(R"({"version":0,"parts":[],"tokens":[]})"),
                                  std::string(R"({"version":1,"parts":[["in"]],"tokens":[[1,0]]})"),
                                  std::string(R"({"version":1,"parts":[["in"]],"tokens":[[0,-1]]})"),
                                  std::string(R"({"version":1,"parts":[["in"]],"tokens":[[0]]})"),
                                  std::string(R"({"version":1,"parts":[[3]],"tokens":[]})")}) {
    EXPECT_FALSE(decode_tokens(text).ok()) << text;
  }
  // A newer version may say more.
  EXPECT_TRUE(decode_tokens(R"({"version":1,"more":{"a":[1]},"parts":[["in"]],"tokens":[[0,0]]})").ok());
}

TEST(TokenPlan, StaysWhenAProgramCountsInAnotherOrder) {
  const TokenPlan there = recorded({{"a"}, {"b"}}, {{0, 0}, {1, 0}, {0, 1}, {1, 1}}, 3);
  // Its sub-topologies have changed places.
  const TokenPlan here = own({{"b"}, {"a"}}, {{0, 0}, {1, 0}, {0, 1}, {1, 1}});
  const auto agreed = agree_on_tokens(there, here);
  ASSERT_TRUE(agreed.ok()) << agreed.status();
  EXPECT_EQ(*agreed, there);
  EXPECT_EQ(names_of(number_tasks(*agreed, here, tasks(2, 2), 4)), "1_0 0_0 1_1 0_1");
}

TEST(TokenPlan, GivesNewTasksTheNextTokens) {
  const TokenPlan there = recorded({{"b"}}, {{0, 0}, {0, 1}}, 3);
  const TokenPlan here = own({{"a"}, {"b"}}, {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {1, 2}});
  const auto agreed = agree_on_tokens(there, here);
  ASSERT_TRUE(agreed.ok()) << agreed.status();
  EXPECT_EQ(*agreed, recorded({{"b"}, {"a"}}, {{0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 2}}, 4));
  std::vector<TaskPlan> all = tasks(2, 2);
  all.push_back({{1, 2}, {{"b", 2}}});
  EXPECT_EQ(names_of(number_tasks(*agreed, here, all, 5)), "1_0 1_1 0_0 0_1 1_2");
  // An old version finds its own, and nothing to add.
  const TokenPlan old = own({{"b"}}, {{0, 0}, {0, 1}});
  EXPECT_EQ(*agree_on_tokens(*agreed, old), *agreed);
  EXPECT_EQ(names_of(number_tasks(*agreed, old, tasks(1, 2), 6)), "0_0 0_1 none none none none");
}

TEST(TokenPlan, LetsASubTopologyReadMore) {
  const auto agreed = agree_on_tokens(recorded({{"a"}}, {{0, 0}}), own({{"a", "c"}}, {{0, 0}}));
  ASSERT_TRUE(agreed.ok()) << agreed.status();
  EXPECT_EQ(*agreed, recorded({{"a", "c"}}, {{0, 0}}, 2));
  // Who reads less is of an older version.
  EXPECT_EQ(*agree_on_tokens(*agreed, own({{"a"}}, {{0, 0}})), *agreed);
}

TEST(TokenPlan, RefusesTasksThatWouldReadWhatOthersRead) {
  const TokenPlan two = recorded({{"a"}, {"b"}}, {{0, 0}, {1, 0}});
  const auto merged = agree_on_tokens(two, own({{"a", "b"}}, {{0, 0}}));
  EXPECT_EQ(merged.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_HAS(message_of(merged.status()), "the sub-topology that reads a, b is 2 there");
  const auto split = agree_on_tokens(recorded({{"a", "b"}}, {{0, 0}}), own({{"a"}, {"b"}}, {{0, 0}, {1, 0}}));
  EXPECT_HAS(message_of(split.status()), "the sub-topology that reads a, b is 2 here");
  const auto other = agree_on_tokens(two, own({{"a"}, {"c"}}, {{0, 0}, {1, 0}}));
  EXPECT_HAS(
      message_of(other.status()),
      "they have the sub-topology that reads b, which is not here, and not the sub-topology that reads c");
}

}  // namespace
}  // namespace weir
