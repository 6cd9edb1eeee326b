// What happens to a record that cannot be read, processed or written.
//
// The policy is that of the node that failed, or, where that says nothing, of the application. docs/errors.md has the whole
// picture.
#pragma once

#include <stdexcept>

#include <absl/status/status.h>

#include <weir/core/time.h>

namespace weir {

enum class ErrorPolicy {
  kInherit,     // as the application says
  kFail,        // stop the task; the record is read again after a restart
  kSkip,        // drop the record at the node that failed, count it, go on
  kDeadLetter,  // as kSkip, and send its original bytes with the reason to the application's dead-letter topic
  kRetry,       // try the record again, as RetryOptions say; what fails to the end meets RetryOptions::then
};

// Thrown by user code for what may go well later (a service that does not answer): the record is tried again whatever the
// policy of its node, and meets that policy when its attempts are used up. Outside of a record (in a timer, at a commit) it is
// an exception like any other.
class Retriable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How records are tried again. The record stays the next of its task, which waits; other tasks go on. Nothing of a failed
// attempt remains: a task without stores that had sent nothing for the record tries it where it stands, any other is set back
// to what was committed last, and commits what comes before the record prior to the next attempt. At least once, what was
// sent since that commit is sent again.
struct RetryOptions {
  int attempts = 10;  // after the first; 0: none
  // The pause after the first failure, and the longest: it doubles from one to the other.
  Duration first_pause{100};
  Duration longest_pause{10'000};
  // For nodes whose policy is kRetry. Not kRetry or kInherit.
  ErrorPolicy then = ErrorPolicy::kFail;
};

// Unwinds from a node whose policy is to fail up to the task, which turns it into its status. Private to weir: user code
// that forwards records must let it pass (catch std::exception, not `...`).
struct ProcessingFailure {
  absl::Status status;
};

}  // namespace weir
