// A window without a grace period: how long to wait for late records has no good default.
// Expected: RequiredDuration
// Expected: deleted
#include <chrono>

#include <weir/weir.h>

using namespace std::chrono_literals;

weir::TimeWindows windows() {
#ifndef WEIR_MISTAKE
  return weir::tumbling({.size = 5min, .grace = 1min});
#else
  return weir::tumbling({.size = 5min});
#endif
}
