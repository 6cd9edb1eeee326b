#include <weir/operators/repartition.h>

namespace weir {

GraphPoint through_repartition_topic(const GraphPoint& stream, const std::string& base,
                                     std::optional<Partition> partitions, NodeFactory sink,
                                     NodeFactory source, const Location& where) {
  TopologyBuilder& topology = stream.graph()->topology();
  const std::string name = base + "-repartition";
  const TopicName topic{name, /*internal=*/true};
  RepartitionTopic repartition;
  repartition.name = name;
  repartition.partitions = partitions;
  repartition.sink = topology.add_sink(name + "-sink", stream.node(), {topic}, std::move(sink), where);
  repartition.where = where;
  topology.add_repartition(std::move(repartition));
  const NodeIndex added =
      topology.add_source(name + "-source", {topic}, ErrorPolicy::kInherit, std::move(source), where);
  return {stream.graph(), added, /*rekeyed=*/false};
}

}  // namespace weir
