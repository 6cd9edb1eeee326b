// What a worker has learned of records that topics refuse. A broker says so when the record is on its way and, in a
// transaction, lost with all others; so the tasks are set back and come by the record again. This time the gate is asked
// first, and the policy decides while the record's origin is at hand.
//
// Of a topic that is not there or not allowed, every record is refused; of one too large, all that are no smaller; otherwise
// that very record. What was learned is forgotten after a while, in case somebody has changed it; then the topic is asked
// again. See docs/decisions/refused-records.md.
//
// Thread safety: none; belongs to a worker.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>

#include <weir/core/clock.h>
#include <weir/core/error_policy.h>
#include <weir/core/refusal.h>
#include <weir/core/task_context.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace weir {

class ProductionGate {
 public:
  static constexpr Duration kRemembered{600'000};

  // The clock outlives the gate.
  explicit ProductionGate(const Clock& clock) : clock_(clock) {}

  void learn(const Refusal& refusal);

  // Whether nothing has been learned, so that there is nothing to ask.
  [[nodiscard]] bool empty() const { return topics_.empty(); }

  // Returns why the topic would refuse the record; nothing if it is worth sending.
  [[nodiscard]] std::optional<Refusal::Reason> refuses(const std::string& topic,
                                                       const OutgoingRecord& record);

 private:
  struct Learned {
    Duration forget_at{0};                                        // steady
    std::optional<Refusal::Reason> all = {};                      // why every record
    std::size_t large = std::numeric_limits<std::size_t>::max();  // from that size on too large
    std::unordered_set<std::uint64_t> others = {};                // digests
  };

  const Clock& clock_;
  std::map<std::string, Learned> topics_;
};

// What happens to records that a topic refuses.
struct ProductionPolicy {
  ErrorPolicy policy = ErrorPolicy::kFail;
  std::string sink = {};  // the node that says so, or writes there
};

// Returns the strictest of the sinks that write to the topic (name on the broker): of each its own policy, or else
// `application`'s. Sinks that choose their topic count where no other writes to it. kFail for topics that no sink writes, and
// for changelogs: a store must not differ from its changelog.
[[nodiscard]] ProductionPolicy production_policy(const Topology& topology, const std::string& application_id,
                                                 const std::string& topic, ErrorPolicy application);

[[nodiscard]] DropReason drop_reason_of(Refusal::Reason reason);

}  // namespace weir
