#include <weir/core/embedded/faults.h>

#include <algorithm>

#include <fmt/format.h>

#include <weir/core/embedded/engine.h>

namespace weir::embedded {

std::string_view name_of(Operation operation) {
  switch (operation) {
    case Operation::kProduce:
      return "produce";
    case Operation::kInitTransactions:
      return "init_transactions";
    case Operation::kSendOffsets:
      return "send_offsets";
    case Operation::kCommitTransaction:
      return "commit_transaction";
    case Operation::kAbortTransaction:
      return "abort_transaction";
    case Operation::kCommitOffsets:
      return "commit_offsets";
    case Operation::kFetchOffsets:
      return "fetch_offsets";
    case Operation::kListOffsets:
      return "list_offsets";
    case Operation::kLeaveGroup:
      return "leave_group";
    case Operation::kDescribeTopics:
      return "describe_topics";
    case Operation::kListTopics:
      return "list_topics";
    case Operation::kCreateTopics:
      return "create_topics";
    case Operation::kDeleteTopics:
      return "delete_topics";
    case Operation::kDeleteRecords:
      return "delete_records";
    case Operation::kDescribeGroup:
      return "describe_group";
  }
  return "";
}

Duration patience_for(Operation operation, bool transactional, Duration transaction_timeout) {
  switch (operation) {
    case Operation::kProduce:
      return transactional ? transaction_timeout : Duration{600'000};
    case Operation::kSendOffsets:
    case Operation::kCommitTransaction:
    case Operation::kAbortTransaction:
      return transaction_timeout;
    case Operation::kInitTransactions:
      return Duration{30'000};
    case Operation::kCommitOffsets:
      return Duration{60'000};
    case Operation::kListOffsets:
      return Duration{7'000};
    case Operation::kLeaveGroup:
      return Duration{10'000};
    default:
      return Duration{15'000};
  }
}

absl::Status unanswered(Operation operation, bool transactional, Duration waited) {
  const auto class_of_silence = [&] {
    switch (operation) {
      case Operation::kProduce:
        return transactional ? ErrorClass::kAbortable : ErrorClass::kRetriable;
      case Operation::kSendOffsets:
      case Operation::kCommitTransaction:
      case Operation::kAbortTransaction:
      case Operation::kLeaveGroup:
        return ErrorClass::kUnknown;
      default:
        return ErrorClass::kRetriable;
    }
  };
  return make_error(
      class_of_silence(), absl::StatusCode::kDeadlineExceeded,
      operation == Operation::kProduce
          ? fmt::format("records timed out: waited={}ms", waited.count())
          : fmt::format("{} was not answered: waited={}ms", name_of(operation), waited.count()));
}

void Voyage::depart(Engine& engine, Faults& faults, const std::function<void(Engine&)>& request) {
  if (faults.cut_off(client_) || faults.holds(site())) return;
  fate_ = faults.fate_of(site());
  departed_ = true;
  sent_ = engine.clock().steady();
  if (fate_.patience < limit_) limit_ = std::min(limit_, sent_ - started_ + fate_.patience);
  if (!fate_.request_lost) {
    if (fate_.request_after <= Duration::zero()) {
      request(engine);
    } else {
      engine.do_later(sent_ + fate_.request_after, request);
    }
  }
  if (fate_.again_after && what_ != Operation::kProduce)
    engine.do_later(sent_ + fate_.request_after + *fate_.again_after, request);
}

std::optional<absl::Status> Voyage::verdict(Engine& engine, Faults& faults) const {
  const Duration now = engine.clock().steady();
  const bool reachable = !faults.cut_off(client_);
  if (departed_ && fate_.answer && !fate_.answer_lost && reachable && now >= sent_ + fate_.answer_after)
    return fate_.answer;
  // Open transactions are waited for as long as it takes.
  const bool waits_at_broker = what_ == Operation::kFetchOffsets && answerable(engine, faults);
  if (now - started_ >= limit_ && !waits_at_broker)
    return unanswered(what_, !client_.transactional_id.empty(), now - started_);
  return std::nullopt;
}

bool Voyage::answerable(Engine& engine, Faults& faults) const {
  if (!departed_ || fate_.request_lost || fate_.answer_lost || fate_.answer.has_value()) return false;
  return engine.clock().steady() >= sent_ + std::max(fate_.request_after, fate_.answer_after) &&
         !faults.cut_off(client_);
}

}  // namespace weir::embedded
