// What a worker does about a commit that failed.
#pragma once

#include <absl/status/status.h>

#include <weir/core/worker_options.h>

namespace weir {

enum class AfterFailedCommit {
  kTryAgain,       // send the positions again: the state may be applied without them
  kAbort,          // abort the transaction and take the tasks back to what they last applied
  kRenewProducer,  // nobody knows the outcome: a new producer settles it, and the tasks are opened anew
  kFail,           // the worker cannot go on
};

// `in_transaction`: whether a transaction was begun.
[[nodiscard]] AfterFailedCommit after_failed_commit(const absl::Status& failure, Guarantee guarantee,
                                                    bool in_transaction);

}  // namespace weir
