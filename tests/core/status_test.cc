#include <weir/core/status.h>

#include <string>

#include <absl/strings/cord.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Status, CarriesTheClassItWasMadeWith) {
  EXPECT_EQ(class_of(retriable_error("x")), ErrorClass::kRetriable);
  EXPECT_EQ(class_of(abortable_error("x")), ErrorClass::kAbortable);
  EXPECT_EQ(class_of(fenced_error("x")), ErrorClass::kFenced);
  EXPECT_EQ(class_of(fatal_error("x")), ErrorClass::kFatal);
  EXPECT_EQ(class_of(make_error(ErrorClass::kUnknown, absl::StatusCode::kDeadlineExceeded, "x")),
            ErrorClass::kUnknown);
}

TEST(Status, CarriesCodeAndMessage) {
  const absl::Status status =
      make_error(ErrorClass::kUnknown, absl::StatusCode::kDeadlineExceeded, "commit timed out");
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(message_of(status), "commit timed out");
}

TEST(Status, OfAnotherMakerIsFatal) { EXPECT_EQ(class_of(absl::UnavailableError("x")), ErrorClass::kFatal); }

TEST(Status, KeepsClassCodeAndPayloadsUnderAContext) {
  absl::Status status = fenced_error("a newer member");
  status.SetPayload("other", absl::Cord("kept"));
  const absl::Status outer = with_context(with_context(status, "task 0_1"), "worker 2");
  EXPECT_EQ(class_of(outer), ErrorClass::kFenced);
  EXPECT_EQ(outer.code(), status.code());
  EXPECT_EQ(message_of(outer), "worker 2: task 0_1: a newer member");
  EXPECT_EQ(outer.GetPayload("other"), absl::Cord("kept"));
}

TEST(Status, StaysOkUnderAContext) { EXPECT_TRUE(with_context(absl::OkStatus(), "anything").ok()); }

absl::Status first_failure(const absl::Status& first, const absl::Status& second, int& reached) {
  WEIR_RETURN_IF_ERROR(first);
  ++reached;
  WEIR_RETURN_IF_ERROR(second);
  ++reached;
  return absl::OkStatus();
}

TEST(ReturnIfError, ReturnsTheFirstFailureAndNothingElse) {
  int reached = 0;
  EXPECT_EQ(first_failure(absl::OkStatus(), abortable_error("second"), reached), abortable_error("second"));
  EXPECT_EQ(reached, 1);
  EXPECT_TRUE(first_failure(absl::OkStatus(), absl::OkStatus(), reached).ok());
  EXPECT_EQ(reached, 3);
}

TEST(ReturnIfError, IsOneStatement) {
  const auto guarded = [](bool check, const absl::Status& status) -> absl::Status {
    if (check)
      WEIR_RETURN_IF_ERROR(status);
    else
      return absl::OkStatus();
    return absl::OkStatus();
  };
  EXPECT_FALSE(guarded(true, fatal_error("x")).ok());
  EXPECT_TRUE(guarded(false, fatal_error("x")).ok());
}

}  // namespace
}  // namespace weir
