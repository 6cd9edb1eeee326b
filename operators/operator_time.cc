#include <weir/operators/operator_time.h>

#include <algorithm>
#include <utility>

namespace weir {

void IdleWatch::open(TaskContext& context, std::optional<Duration> idle, std::function<void()> act) {
  if (!idle) return;
  context_ = &context;
  idle_ = idle->count();
  act_ = std::move(act);
  restart();
  context.schedule(std::max<Duration>(*idle / 4, Duration(1)), TimerClock::kWallClock,
                   [this](Timestamp now) { look(now); });
}

void IdleWatch::restart() {
  since_ = context_->clock().wall();
  waiting_ = true;
}

void IdleWatch::look(Timestamp now) {
  if (!waiting_ || now - since_ < idle_) return;
  waiting_ = false;
  act_();
}

}  // namespace weir
