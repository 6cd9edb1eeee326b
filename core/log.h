// Where weir's own messages go.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace weir {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Called from any of weir's threads; must not block for long. An empty Logger is silent.
using Logger = std::function<void(LogLevel level, std::string_view message)>;

// Writes "WARNING message" lines to standard error, from the given level up.
[[nodiscard]] Logger log_to_stderr(LogLevel from = LogLevel::kInfo);

}  // namespace weir
