// Deletes what has been processed from the topics between sub-topologies, which keep everything otherwise. A worker tells it
// which positions are committed; from time to time the records before them are deleted. Nobody waits for that, and what fails
// is tried again later.
//
// Thread safety: none.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/log.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

class RepartitionPurge {
 public:
  // References outlive the object. An interval of zero or less: nothing is ever deleted.
  RepartitionPurge(const Topology& topology, const std::string& application_id, Transport& transport,
                   const Clock& clock, Duration interval, Logger log);

  // The positions are committed for good. Those of other topics are ignored.
  void committed(const std::vector<PartitionOffset>& positions);

  // The partitions are somebody else's from now on.
  void forget(const std::vector<TopicPartition>& partitions);

  // Does a bounded piece of work.
  void step();

 private:
  [[nodiscard]] absl::Status begin();
  void give_up(const absl::Status& status);

  std::set<std::string> topics_;  // names on the broker; empty: there is nothing to do
  Transport& transport_;
  const Clock& clock_;
  const Duration interval_;
  const Logger log_;

  std::unique_ptr<Admin> admin_;
  Pending<> deleting_;
  std::map<TopicPartition, Offset> processed_;  // since the last request
  Duration last_;
};

}  // namespace weir
