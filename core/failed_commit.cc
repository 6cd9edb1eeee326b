#include <weir/core/failed_commit.h>

#include <weir/core/planted.h>
#include <weir/core/status.h>

namespace weir {
namespace {

AfterFailedCommit at_least_once(ErrorClass error) {
  switch (error) {
    case ErrorClass::kRetriable:
    case ErrorClass::kUnknown:
    // A member that the group has given up hears of it as a lost assignment.
    case ErrorClass::kFenced:
      return AfterFailedCommit::kTryAgain;
    case ErrorClass::kAbortable:
    case ErrorClass::kFatal:
      break;
  }
  return AfterFailedCommit::kFail;
}

AfterFailedCommit exactly_once(ErrorClass error, bool in_transaction) {
  switch (error) {
    case ErrorClass::kRetriable:
    case ErrorClass::kAbortable:
      return AfterFailedCommit::kAbort;
    case ErrorClass::kUnknown:
      return WEIR_PLANTED("unknown-keeps-producer") ? AfterFailedCommit::kAbort
                                                    : AfterFailedCommit::kRenewProducer;
    case ErrorClass::kFenced:
      return AfterFailedCommit::kRenewProducer;
    case ErrorClass::kFatal:
      break;
  }
  return in_transaction ? AfterFailedCommit::kRenewProducer : AfterFailedCommit::kFail;
}

}  // namespace

AfterFailedCommit after_failed_commit(const absl::Status& failure, Guarantee guarantee, bool in_transaction) {
  const ErrorClass error = class_of(failure);
  if (guarantee == Guarantee::kAtLeastOnce) return at_least_once(error);
  // The broker would refuse every time.
  if (absl::IsPermissionDenied(failure)) return AfterFailedCommit::kFail;
  return exactly_once(error, in_transaction);
}

}  // namespace weir
