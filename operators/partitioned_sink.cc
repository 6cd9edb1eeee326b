#include <weir/operators/partitioned_sink.h>

#include <stdexcept>

#include <fmt/format.h>

namespace weir {

void check_partition(Partition chosen, Partition count) {
  if (chosen >= 0 && chosen < count) return;
  throw std::out_of_range(
      fmt::format("the partitioner chose a partition that the topic does not have: partition={} "
                  "partitions={}",
                  chosen, count));
}

void check_partition_count(Partition count) {
  if (count > 0) return;
  throw std::runtime_error(
      "a topic that no verb names is written with a partitioner, but it is not known how many partitions it "
      "has");
}

}  // namespace weir
