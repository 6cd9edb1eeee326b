// What happens to a record that cannot be processed.
#pragma once

#include <absl/status/status.h>

namespace weir {

enum class ErrorPolicy {
  kInherit,     // as the application says
  kFail,        // stop the task; the record is read again after a restart
  kSkip,        // drop the record at the node that failed, count it, go on
  kDeadLetter,  // as kSkip, and send its original bytes with the reason to the application's dead-letter topic
};

// Unwinds from a node whose policy is to fail up to the task, which turns it into its status. Private to weir: user code
// that forwards records must let it pass (catch std::exception, not `...`).
struct ProcessingFailure {
  absl::Status status;
};

}  // namespace weir
