#include <weir/core/pending.h>

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Pending, IsNotStartedAtFirst) {
  const Pending<int> pending;
  EXPECT_FALSE(pending.started());
  EXPECT_FALSE(pending.ready());
}

TEST(Pending, BecomesReadyWhenTheOtherEndCompletes) {
  Completion<int> completion;
  Pending<int> pending = completion.pending();
  EXPECT_TRUE(pending.started());
  EXPECT_FALSE(pending.ready());
  completion.complete(5);
  ASSERT_TRUE(pending.ready());
  const auto result = pending.take();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, 5);
}

TEST(Pending, IsForgottenOnceTaken) {
  auto pending = Pending<int>::completed(5);
  EXPECT_TRUE(pending.ready());
  EXPECT_EQ(*pending.take(), 5);
  EXPECT_FALSE(pending.started());
  EXPECT_FALSE(pending.ready());
}

TEST(Pending, CarriesAFailure) {
  auto pending = Pending<>::completed(absl::UnavailableError("no broker"));
  ASSERT_TRUE(pending.ready());
  EXPECT_EQ(pending.take().status(), absl::UnavailableError("no broker"));
}

TEST(Pending, MayBeAbandonedBeforeItCompletes) {
  Completion<std::string> completion;
  Pending<std::string> pending = completion.pending();
  pending.abandon();
  EXPECT_FALSE(pending.started());
  completion.complete(std::string("too late"));
  EXPECT_FALSE(pending.ready());
}

TEST(Pending, OutlivesTheOneWhoCompletesIt) {
  Pending<std::string> pending;
  {
    Completion<std::string> completion;
    pending = completion.pending();
    completion.complete(std::string("done"));
  }
  ASSERT_TRUE(pending.ready());
  EXPECT_EQ(*pending.take(), "done");
}

TEST(Pending, HandsOverWhatCannotBeCopied) {
  Completion<std::unique_ptr<int>> completion;
  auto pending = completion.pending();
  completion.complete(std::make_unique<int>(7));
  const auto result = pending.take();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(**result, 7);
}

}  // namespace
}  // namespace weir
