// Watches whether the topics that a topology's patterns match are still the same.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/log.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

class TopicWatch {
 public:
  // `known` are the topics that are read already. All references outlive the watch. Does nothing for a topology without
  // patterns.
  TopicWatch(const Topology& topology, std::string application_id, std::set<std::string> known,
             Transport& transport, const Clock& clock, Duration interval, Logger log);

  // Does a bounded piece of work. Returns whether the brokers said that the set is another one. A broker that does not answer
  // is asked again.
  [[nodiscard]] bool changed();

 private:
  [[nodiscard]] absl::StatusOr<bool> look();

  const Topology& topology_;
  const std::string application_id_;
  const std::set<std::string> known_;
  Transport& transport_;
  const Clock& clock_;
  const Duration interval_;
  const Logger log_;
  const bool watching_;

  Duration last_;
  std::unique_ptr<Admin> admin_;
  Pending<std::vector<std::string>> listing_;
};

}  // namespace weir
