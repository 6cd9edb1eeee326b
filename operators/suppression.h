// How changes of a table are held back; see suppress.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <weir/operators/options.h>
#include <weir/operators/time_windows.h>

namespace weir {

// What happens when more is held back than may be.
enum class WhenFull {
  kEmitEarly,  // what was held back first is told of before its time
  kFail,       // the task stops
};

// Each window once, when it takes no more records. More than may be held back stops the task: telling early would not be
// final.
struct UntilWindowCloses {
  StoreName store;
  std::string name = {};  // of the node
  // The most that may be held back: rows, and bytes of them as the store writes them. Default: no limit.
  std::optional<std::uint64_t> max_records = std::nullopt;
  std::optional<std::uint64_t> max_bytes = std::nullopt;
  bool persistent = true;
  bool logged = true;
};

// The last change of a row, `limit` after the first that was not told of.
struct UntilTimeLimit {
  StoreName store;
  std::string name = {};   // of the node
  RequiredDuration limit;  // >= 0
  std::optional<std::uint64_t> max_records = std::nullopt;
  std::optional<std::uint64_t> max_bytes = std::nullopt;
  WhenFull when_full = WhenFull::kEmitEarly;
  bool persistent = true;
  bool logged = true;
};

[[nodiscard]] inline UntilWindowCloses until_window_closes(UntilWindowCloses how) { return how; }
[[nodiscard]] inline UntilTimeLimit until_time_limit(UntilTimeLimit how) { return how; }

}  // namespace weir
