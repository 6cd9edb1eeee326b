#include <weir/ml/async/async_metrics.h>

namespace weir::ml {
namespace {

ModelMetrics::Labels async_labels(const TaskContext& context, const Node& node, const std::string& model) {
  return {{"node", node.name()}, {"task", context.task_name()}, {"model", model}};
}

void add_difference(MetricCounter& counter, std::uint64_t now, std::uint64_t& told) {
  if (now == told) return;
  counter.add(now - told);
  told = now;
}

}  // namespace

AsyncMetrics::AsyncMetrics(ModelMetrics& metrics, const TaskContext& context, const Node& node,
                           const std::string& model)
    : in_flight_(metrics.gauge("weir_async_in_flight", async_labels(context, node, model))),
      breaker_(metrics.gauge("weir_async_breaker_state", async_labels(context, node, model))),
      attempts_(metrics.counter("weir_async_attempts_total", async_labels(context, node, model))),
      retries_(metrics.counter("weir_async_retries_total", async_labels(context, node, model))),
      timeouts_(metrics.counter("weir_async_timeouts_total", async_labels(context, node, model))),
      failures_(metrics.counter("weir_async_failures_total", async_labels(context, node, model))),
      opened_(metrics.counter("weir_async_breaker_opened_total", async_labels(context, node, model))) {}

void AsyncMetrics::publish(const Inquiries& inquiries) {
  in_flight_.set(static_cast<double>(inquiries.under_way()));
  breaker_.set(static_cast<double>(inquiries.breaker().state()));
  const Inquiries::Counters& now = inquiries.counters();
  add_difference(attempts_, now.attempts, told_.attempts);
  add_difference(retries_, now.retries, told_.retries);
  add_difference(timeouts_, now.timeouts, told_.timeouts);
  add_difference(failures_, now.failures, told_.failures);
  add_difference(opened_, inquiries.breaker().times_opened(), told_opened_);
}

}  // namespace weir::ml
