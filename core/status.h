// What a failed call to the world means for the one who made it.
//
// Errors are absl::Status; a status of ours carries, besides code and message, the class that decides what to do next.
#pragma once

#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace weir {

enum class ErrorClass {
  kRetriable,  // the same call may succeed later
  kAbortable,  // the transaction is lost: abort it, rewind, go on
  kFenced,     // somebody else owns our work (or we slept too long): give it up, come back as a new member
  kUnknown,    // the call may or may not have taken effect (a time-out, a broken connection)
  kFatal,      // nothing helps but a change from outside
};

[[nodiscard]] absl::Status make_error(ErrorClass error_class, absl::StatusCode code,
                                      const std::string& message);

[[nodiscard]] absl::Status retriable_error(const std::string& message);
[[nodiscard]] absl::Status abortable_error(const std::string& message);
[[nodiscard]] absl::Status fenced_error(const std::string& message);
[[nodiscard]] absl::Status fatal_error(const std::string& message);

// Returns the class of a failed status; one that was not made here is fatal.
[[nodiscard]] ErrorClass class_of(const absl::Status& status);

// Returns the status with `context` and ": " before its message; code and class are kept.
[[nodiscard]] absl::Status with_context(const absl::Status& status, const std::string& context);

// Returns the message as a std::string: Debian's absl::string_view does not convert to std::string_view.
[[nodiscard]] inline std::string message_of(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace weir

// Returns from the calling function if the expression's status is not ok.
#define WEIR_RETURN_IF_ERROR(expression)                              \
  do {                                                                \
    if (absl::Status weir_status = (expression); !weir_status.ok()) { \
      return weir_status;                                             \
    }                                                                 \
  } while (false)
