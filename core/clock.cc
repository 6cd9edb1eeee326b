#include <weir/core/clock.h>

namespace weir {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp wall() const override {
    return std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()).count();
  }

  [[nodiscard]] Duration steady() const override {
    return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace

const Clock& system_clock() {
  static const SystemClock clock;
  return clock;
}

}  // namespace weir
