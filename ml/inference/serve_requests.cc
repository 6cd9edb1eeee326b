#include <weir/ml/inference/serve_requests.h>

#include <fmt/format.h>

namespace weir::ml {

std::string fault_in_partition(const InferenceReply& reply, Partition partitions) {
  return fmt::format("the reply is to go to partition {} of '{}', which has {}",
                     reply.partition.value_or(kAnyPartition), reply.topic, partitions);
}

void check_serving(const GraphPoint& stream, const ServingOptions& options, Location where) {
  if (const std::string problem = problem_with(options); !problem.empty())
    stream.problem("serve_requests: " + problem, where);
}

}  // namespace weir::ml
