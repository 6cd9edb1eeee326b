#include <weir/ml/async/async_options.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace weir::ml {

std::string problem_with(const AsyncOptions& options) {
  constexpr int kWidestWindow = 64;
  if (options.scorer == nullptr) return "options.scorer is not set";
  if (options.capacity == 0) return "options.capacity is 0";
  if (options.timeout.count() <= 0) return "options.timeout is not positive";
  if (options.attempt_timeout.count() < 0) return "options.attempt_timeout is negative";
  if (options.attempts < 1) return "options.attempts is less than 1";
  if (options.pause.first.count() < 0 || options.pause.longest < options.pause.first)
    return "options.pause does not grow from first to longest";
  const BreakerOptions& breaker = options.breaker;
  if (breaker.failures < 0) return "options.breaker.failures is negative";
  if (breaker.failures > 0) {
    if (breaker.window < breaker.failures || breaker.window > kWidestWindow) {
      return fmt::format("options.breaker.window is {}, not between options.breaker.failures and {}",
                         breaker.window, kWidestWindow);
    }
    if (breaker.open_for.count() <= 0) return "options.breaker.open_for is not positive";
  }
  if (!std::all_of(options.fallback.begin(), options.fallback.end(),
                   [](float value) { return std::isfinite(value); }))
    return "options.fallback is not finite";
  return "";
}

}  // namespace weir::ml
