#include <weir/core/status.h>

#include <absl/strings/cord.h>

namespace weir {
namespace {

constexpr char kClassPayload[] = "weir.error_class";

}  // namespace

absl::Status make_error(ErrorClass error_class, absl::StatusCode code, const std::string& message) {
  absl::Status status(code, message);
  status.SetPayload(kClassPayload,
                    absl::Cord(std::string(1, static_cast<char>('0' + static_cast<int>(error_class)))));
  return status;
}

absl::Status retriable_error(const std::string& message) {
  return make_error(ErrorClass::kRetriable, absl::StatusCode::kUnavailable, message);
}

absl::Status abortable_error(const std::string& message) {
  return make_error(ErrorClass::kAbortable, absl::StatusCode::kAborted, message);
}

absl::Status fenced_error(const std::string& message) {
  return make_error(ErrorClass::kFenced, absl::StatusCode::kFailedPrecondition, message);
}

absl::Status fatal_error(const std::string& message) {
  return make_error(ErrorClass::kFatal, absl::StatusCode::kInternal, message);
}

ErrorClass class_of(const absl::Status& status) {
  const auto payload = status.GetPayload(kClassPayload);
  if (!payload.has_value() || payload->empty()) return ErrorClass::kFatal;
  return static_cast<ErrorClass>((*payload)[0] - '0');
}

absl::Status with_context(const absl::Status& status, const std::string& context) {
  if (status.ok()) return status;
  absl::Status result(status.code(), context + ": " + message_of(status));
  status.ForEachPayload([&](auto name, const absl::Cord& payload) { result.SetPayload(name, payload); });
  return result;
}

}  // namespace weir
