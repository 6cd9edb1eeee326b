// A partitioner must say which partition.
// Expected: PartitionerOver
// Expected: constraints not satisfied
#include <string>

#include <weir/weir.h>

void program(weir::StreamBuilder& builder) {
  builder.stream<std::string, std::string>("in").to(
      "out", [](const std::string&, const std::string& value, weir::Partition count) {
#ifdef WEIR_MISTAKE
        return value + std::to_string(count);
#else
        return static_cast<weir::Partition>(value.size()) % count;
#endif
      });
}
