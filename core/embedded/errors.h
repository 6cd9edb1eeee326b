// The failures this broker answers with, each with the class a client library gives it.
#pragma once

#include <string>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/core/topic_partition.h>

namespace weir::embedded {

[[nodiscard]] inline std::string text_of(const TopicPartition& where) {
  return fmt::format("{}-{}", where.topic, where.partition);
}

// The topic may be about to appear.
[[nodiscard]] inline absl::Status unknown_partition(const TopicPartition& where) {
  return make_error(ErrorClass::kRetriable, absl::StatusCode::kNotFound,
                    fmt::format("unknown topic or partition: {}", text_of(where)));
}

// Nothing but a change of the request or of the broker's settings helps.
[[nodiscard]] inline absl::Status refused(const std::string& message) {
  return make_error(ErrorClass::kFatal, absl::StatusCode::kInvalidArgument, message);
}

// The call does not fit the state of the object it was made on.
[[nodiscard]] inline absl::Status misused(const std::string& message) {
  return make_error(ErrorClass::kFatal, absl::StatusCode::kFailedPrecondition, message);
}

[[nodiscard]] inline absl::Status out_of_range(const TopicPartition& where, Offset wanted, Offset begin,
                                               Offset end) {
  return make_error(
      ErrorClass::kFatal, absl::StatusCode::kOutOfRange,
      fmt::format("offset out of range: {} wanted={} begin={} end={}", text_of(where), wanted, begin, end));
}

// Nothing but a grant helps. `class_of_error`: what the client library makes of it.
[[nodiscard]] inline absl::Status not_allowed(const std::string& right, const std::string& resource,
                                              ErrorClass class_of_error = ErrorClass::kFatal) {
  return make_error(class_of_error, absl::StatusCode::kPermissionDenied,
                    fmt::format("not authorized: {} {}", right, resource));
}

}  // namespace weir::embedded
