#include <weir/ml/inference/serve_requests.h>

#include <fmt/format.h>

namespace weir::ml {

std::string fault_in_partition(const InferenceReply& reply, Partition partitions) {
  return fmt::format("the reply is to go to partition {} of '{}', which has {}",
                     reply.partition.value_or(kAnyPartition), reply.topic, partitions);
}

void ServingNodeBase::attach(HoldDesk& desk, bool may_hold) {
  desk_ = &desk;
  may_hold_ = may_hold;
}

// A request begins. It may be one that failed here before and is tried again: nothing of that time counts.
bool ServingNodeBase::admits(Timestamp time) {
  if (held_ == 0) server_->clear();
  return server_->admits(time);
}

void check_serving(const GraphPoint& stream, const ServingOptions& options, Location where) {
  if (const std::string problem = problem_with(options); !problem.empty())
    stream.problem("serve_requests: " + problem, where);
}

}  // namespace weir::ml
