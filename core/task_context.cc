#include <weir/core/task_context.h>

namespace weir {

std::string_view name_of(DropReason reason) {
  switch (reason) {
    case DropReason::kNullKey:
      return "null key";
    case DropReason::kNullValue:
      return "null value";
    case DropReason::kLate:
      return "late";
    case DropReason::kExpired:
      return "expired";
    case DropReason::kBadTimestamp:
      return "bad timestamp";
    case DropReason::kUndecodable:
      return "undecodable";
    case DropReason::kFailed:
      return "failed";
    case DropReason::kNoPartition:
      return "no partition";
    case DropReason::kDuplicate:
      return "duplicate";
    case DropReason::kTooLarge:
      return "too large";
    case DropReason::kNoTopic:
      return "no such topic";
    case DropReason::kNotAllowed:
      return "not allowed";
    case DropReason::kRefused:
      return "refused";
  }
  return "";
}

}  // namespace weir
