// What a node that asks elsewhere measures.
//
// Thread safety: none; belongs to its node.
#pragma once

#include <cstdint>
#include <string>

#include <weir/core/node.h>
#include <weir/ml/async/inquiries.h>
#include <weir/ml/monitoring/model_metrics.h>

namespace weir::ml {

class AsyncMetrics {
 public:
  // The metrics outlive this.
  AsyncMetrics(ModelMetrics& metrics, const TaskContext& context, const Node& node, const std::string& model);

  // Tells what has changed.
  void publish(const Inquiries& inquiries);

 private:
  MetricGauge& in_flight_;
  MetricGauge& breaker_;
  MetricCounter& attempts_;
  MetricCounter& retries_;
  MetricCounter& timeouts_;
  MetricCounter& failures_;
  MetricCounter& opened_;
  Inquiries::Counters told_;
  std::uint64_t told_opened_ = 0;
};

}  // namespace weir::ml
