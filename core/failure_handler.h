// What an application does about a worker that failed.
#pragma once

#include <functional>
#include <string_view>

#include <absl/status/status.h>

namespace weir {

enum class FailureResponse {
  // A new worker takes the place and the names of the failed one, after a pause that doubles from failure to failure (0.2 s to
  // 30 s). The record that failed is read again. Not for what maintains the global stores: the instance stops then.
  kReplaceWorker,
  kStopInstance,     // this instance ends in error
  kStopApplication,  // all instances of the application end in error; see group_signal.h
};

// Called with the failure and where it was ("worker-0", "global"), from the application's supervising thread. Must not call the
// application's functions. An exception is taken for kStopInstance.
using FailureHandler = std::function<FailureResponse(const absl::Status& failure, std::string_view where)>;

}  // namespace weir
