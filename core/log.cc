#include <weir/core/log.h>

#include <cstdio>

#include <fmt/format.h>

namespace weir {
namespace {

const char* label(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarning:
      return "WARNING";
    case LogLevel::kError:
      return "ERROR";
  }
  return "";
}

}  // namespace

Logger log_to_stderr(LogLevel from) {
  return [from](LogLevel level, std::string_view message) {
    if (level < from) return;
    const std::string line = fmt::format("{} {}\n", label(level), message);
    // One call, so that lines of several threads do not mix.
    std::fwrite(line.data(), 1, line.size(), stderr);
  };
}

}  // namespace weir
