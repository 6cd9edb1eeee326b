#include <weir/core/testing/simulated_faults.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/core/embedded/errors.h>
#include <weir/core/status.h>

namespace weir {

using embedded::Operation;

namespace {

// What a cut-off says that concerns consumers outside of the group only.
constexpr std::int64_t kNoMembers = 4;

}  // namespace

std::string host_name(int instance) { return fmt::format("i{}", instance); }

SimulatedFaults::SimulatedFaults(const Clock& clock, std::uint64_t seed, std::string reason,
                                 std::function<void(const SimulationFault&)> struck)
    : clock_(clock), reason_(std::move(reason)), struck_(std::move(struck)), latency_(seed, "latency") {}

void SimulatedFaults::begin(const SimulationFault& fault) {
  const std::string host = host_name(fault.instance);
  const Duration until = clock_.steady() + fault.lasts;
  if (fault.kind == FaultKind::kSlow) {
    slow_.push_back({host, until, fault.amount});
  } else if (fault.kind == FaultKind::kCutOff) {
    cut_off_.push_back({host, until, fault.amount});
  } else if (fault.kind == FaultKind::kLateAssignment) {
    unassigned_.push_back({host, until, 0});
  } else if (fault.kind == FaultKind::kForbid) {
    forbidden_.push_back({host, until, fault.amount});
  } else {
    armed_.push_back({fault, host, fault.skip});
  }
}

void SimulatedFaults::heal() {
  armed_.clear();
  slow_.clear();
  cut_off_.clear();
  unassigned_.clear();
  forbidden_.clear();
}

Fate SimulatedFaults::fate_of(const FaultSite& site) {
  for (std::size_t i = 0; i < armed_.size(); ++i) {
    Armed& armed = armed_[i];
    if (armed.host != site.client.host || armed.fault.operation != site.operation) continue;
    if (armed.left-- > 0) continue;
    const SimulationFault fault = armed.fault;
    armed_.erase(armed_.begin() + static_cast<std::ptrdiff_t>(i));
    struck_(fault);
    return fate(fault, !site.client.transactional_id.empty());
  }
  Fate fate;
  const Duration now = clock_.steady();
  if (const auto refusal = refusal_of(site)) fate = Fate::refused(*refusal);
  for (const Spell& spell : slow_) {
    if (spell.host != site.client.host || spell.until <= now) continue;
    // Most take some time, a few take very long.
    const std::int64_t most = latency_.percent(5) ? spell.amount * 10 : spell.amount;
    fate.request_after = Duration{latency_.between(0, most)};
    fate.answer_after = fate.request_after + Duration{latency_.between(0, most)};
  }
  return fate;
}

// With the classes that the client library gives these answers.
std::optional<absl::Status> SimulatedFaults::refusal_of(const FaultSite& site) const {
  const Duration now = clock_.steady();
  for (const Spell& spell : forbidden_) {
    if (spell.until <= now) continue;
    if (spell.amount == 2 &&
        (site.operation == Operation::kCommitOffsets || site.operation == Operation::kFetchOffsets))
      return embedded::not_allowed("read", "group " + site.client.group);
    if (spell.amount == 2 && site.operation == Operation::kSendOffsets)
      return embedded::not_allowed("read", "group", ErrorClass::kAbortable);
    if (spell.amount == 3 && !site.client.transactional_id.empty() &&
        (site.operation == Operation::kInitTransactions || site.operation == Operation::kSendOffsets))
      return embedded::not_allowed("write", "transactional id " + site.client.transactional_id);
  }
  return std::nullopt;
}

Fate SimulatedFaults::fate(const SimulationFault& fault, bool transactional) const {
  Fate fate;
  switch (fault.kind) {
    case FaultKind::kLostAnswer:
      fate = Fate::lost_answer(fault.lasts);
      break;
    case FaultKind::kLostRequest:
      fate = Fate::lost_request(fault.lasts);
      break;
    case FaultKind::kOverdue:
      fate = Fate::without_client(fault.lasts, fault.lasts + Duration{fault.amount});
      break;
    case FaultKind::kTwice:
      fate = Fate::lost_answer(fault.lasts);
      fate.again_after = Duration{fault.amount};
      break;
    case FaultKind::kLateRequest:
      return Fate::late(fault.lasts);
    case FaultKind::kLateAnswer:
      return Fate::late(Duration{0}, fault.lasts);
    case FaultKind::kRefused:
      return Fate::refused(transactional && fault.operation != Operation::kInitTransactions
                               ? abortable_error(reason_)
                               : retriable_error(reason_),
                           fault.lasts);
    default:
      return fate;
  }
  // Outside transactions a record that timed out ends the instance.
  if (fault.operation == Operation::kProduce && !transactional) {
    fate.answer = retriable_error(reason_);
    fate.answer_lost = false;
    fate.answer_after = fault.lasts;
  }
  return fate;
}

bool SimulatedFaults::cut_off(const ClientName& client) {
  const Duration now = clock_.steady();
  return std::any_of(cut_off_.begin(), cut_off_.end(), [&](const Spell& spell) {
    if (spell.host != client.host || now >= spell.until) return false;
    if (spell.amount == kNoMembers) return client.kind == ClientName::Kind::kConsumer && client.group.empty();
    return spell.amount == 0 || spell.amount == static_cast<std::int64_t>(client.kind) + 1;
  });
}

bool SimulatedFaults::keeps_assignment(const ClientName& client) {
  const Duration now = clock_.steady();
  return std::any_of(unassigned_.begin(), unassigned_.end(),
                     [&](const Spell& spell) { return spell.host == client.host && now < spell.until; });
}

}  // namespace weir
