#include <weir/operators/merge_laws.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir {
namespace {

using Texts = std::vector<std::string>;

std::string nothing() { return ""; }
std::string sorted(std::string text) {
  std::sort(text.begin(), text.end());
  return text;
}
std::string joined(const std::string& left, const std::string& right) { return left + right; }
std::string mixed(const std::string& left, const std::string& right) { return sorted(left + right); }

std::int64_t zero() { return 0; }
std::int64_t length_added(const std::string& value, std::int64_t sum) {
  return sum + static_cast<std::int64_t>(value.size());
}
std::int64_t sum(std::int64_t left, std::int64_t right) { return left + right; }

std::string message(const absl::Status& status) { return status.ok() ? "ok" : std::string(status.message()); }

TEST(MergeLaws, HoldForASumAndForASetOfLetters) {
  EXPECT_EQ(message(check_merge_laws(zero, length_added, sum, Texts{"", "a", "bcd"})), "ok");
  EXPECT_EQ(message(check_merge_laws(nothing, mixed, mixed, Texts{"", "b", "a", "ca"})), "ok");
}

TEST(MergeLaws, TellOfAMergerThatIsNotCommutative) {
  const auto append = [](const std::string& value, const std::string& text) { return text + value; };
  const absl::Status status = check_merge_laws(nothing, append, joined, Texts{"x", "y"});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(message(status),
            "the merger is not commutative: merge(a, b) is \"xy\", merge(b, a) is \"yx\"; a is made of "
            "values {0}, b "
            "is made of values {1}");
}

TEST(MergeLaws, TellOfAMergerThatIsNotAssociative) {
  const auto distance = [](std::int64_t left, std::int64_t right) { return std::abs(left - right); };
  const auto text = message(check_merge_laws(zero, length_added, distance, Texts{"a", "bb"}));
  EXPECT_NE(text, "ok");
  const auto mean = [](std::int64_t left, std::int64_t right) { return (left + right) / 2; };
  const auto reduced = message(check_reducer_laws(mean, mean, std::vector<std::int64_t>{0, 4, 8}));
  EXPECT_NE(reduced.find("the merger is not associative: merge(merge(a, b), c) is "), std::string::npos)
      << reduced;
}

TEST(MergeLaws, TellOfAnInitialValueThatChangesSomething) {
  const auto one = [] { return std::int64_t{1}; };
  const auto text = message(check_merge_laws(one, length_added, sum, Texts{"a"}));
  EXPECT_EQ(
      text,
      "the merger changes an aggregate by the initial value: a is 1, merge(a, initial) is 2; a is made of "
      "values {}");
}

TEST(MergeLaws, TellOfAMergerThatDoesNotGoWithTheAggregator) {
  // The largest of the sums is a fine merger, but not of sums.
  const auto larger = [](std::int64_t left, std::int64_t right) { return std::max(left, right); };
  const auto text = message(check_merge_laws(zero, length_added, larger, Texts{"ab"}));
  EXPECT_NE(
      text.find(
          "the merger does not go with the aggregator: a value added to merge(a, b) is 4, merge(a, b with "
          "the value added) is 2"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(", the value is 0"), std::string::npos) << text;
}

TEST(MergeLaws, HoldForAReducerThatIsItsOwnMergerOnlyIfItObeysThem) {
  EXPECT_EQ(message(check_reducer_laws(sum, sum, std::vector<std::int64_t>{3, -1, 0})), "ok");
  EXPECT_EQ(message(check_reducer_laws(mixed, mixed, Texts{"a", "b", "cc"})), "ok");
  const std::string text = message(check_reducer_laws(joined, joined, Texts{"a", "b"}));
  EXPECT_NE(text.find("is not commutative"), std::string::npos) << text;
  // Two reducers that obey, each by itself, but do not go together.
  const auto larger = [](std::int64_t left, std::int64_t right) { return std::max(left, right); };
  const std::string other = message(check_reducer_laws(sum, larger, std::vector<std::int64_t>{1, 2}));
  EXPECT_NE(other.find("does not go with the reducer"), std::string::npos) << other;
}

TEST(MergeLaws, GiveCallablesTheirKey) {
  const auto count_own = [](const std::string& key, const std::string& value, std::int64_t& count) noexcept {
    if (value == key) ++count;
  };
  const auto add = [](const std::string&, std::int64_t left, std::int64_t right) { return left + right; };
  EXPECT_EQ(message(check_merge_laws(std::string("k"), zero, count_own, add, Texts{"k", "l"})), "ok");
}

TEST(MergeLaws, WantValues) {
  EXPECT_EQ(check_merge_laws(zero, length_added, sum, Texts()).code(), absl::StatusCode::kInvalidArgument);
}

TEST(MergeLaws, LetExceptionsPass) {
  const auto bad = [](std::int64_t, std::int64_t) -> std::int64_t { throw std::runtime_error("bad"); };
  EXPECT_THROW(static_cast<void>(check_merge_laws(zero, length_added, bad, Texts{"a"})), std::runtime_error);
}

}  // namespace
}  // namespace weir
