#include <weir/core/record_failures.h>

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include <weir/core/planted.h>

namespace weir {

void RecordFailures::failed(const Node& node, DropReason reason, const std::string& what, bool passing) {
  const std::string message = place_of(node.name(), reason, what);
  ErrorPolicy policy = node.on_error() == ErrorPolicy::kInherit ? environment_.on_error : node.on_error();
  RecordRetries* const retries = environment_.retries;
  if (current_.accepting && retries != nullptr && (passing || policy == ErrorPolicy::kRetry)) {
    const TopicPartition where{std::string(current_.origin->topic), current_.origin->partition};
    if (retries->failed(where, current_.origin->offset)) {
      ++work_.counters.retries;
      if (environment_.log) environment_.log(LogLevel::kWarning, "to be tried again: " + message);
      throw ProcessingFailure{retriable_error(message)};
    }
  }
  if (policy == ErrorPolicy::kRetry)
    policy = retries != nullptr ? retries->options().then : ErrorPolicy::kFail;
  if (policy == ErrorPolicy::kFail || policy == ErrorPolicy::kInherit)
    throw ProcessingFailure{fatal_error(message)};
  give_up(node.name(), reason, policy, what, nullptr);
}

std::string RecordFailures::place_of(std::string_view node, DropReason reason,
                                     const std::string& what) const {
  return fmt::format("{} at node '{}': topic={} partition={} offset={} task={}: {}", name_of(reason), node,
                     current_.origin->topic, current_.origin->partition, current_.origin->offset, task_name_,
                     what);
}

void RecordFailures::give_up(std::string_view node, DropReason reason, ErrorPolicy policy,
                             const std::string& what, const OutgoingRecord* outgoing) {
  work_.drop(reason);
  if (policy == ErrorPolicy::kDeadLetter) send_dead_letter(node, reason, what, outgoing);
  // A flood of bad records must not become a flood of log lines: tell of the 1st, 2nd, 4th, 8th, ...
  const std::uint64_t count = work_.counters.dropped[static_cast<std::size_t>(reason)];
  if (environment_.log && std::has_single_bit(count)) {
    environment_.log(LogLevel::kWarning, fmt::format("{} ({} so far)", place_of(node, reason, what), count));
  }
}

bool RecordFailures::refused(const std::string& topic, const OutgoingRecord& record) {
  const auto reason = environment_.gate->refuses(topic, record);
  if (!reason) return false;
  const ProductionPolicy policy =
      production_policy(topology_, environment_.application_id, topic, environment_.on_production_error);
  const std::string what = fmt::format("the topic '{}' refuses a record", topic);
  const DropReason dropped = drop_reason_of(*reason);
  if (policy.policy != ErrorPolicy::kSkip && policy.policy != ErrorPolicy::kDeadLetter)
    throw ProcessingFailure{fatal_error(place_of(policy.sink, dropped, what))};
  work_.dirty = true;
  give_up(policy.sink, dropped, policy.policy, what, &record);
  return true;
}

// The names of the headers and their order are those of Kafka Streams' dead-letter records (KIP-1034). Where that has an
// exception's class and its stack there is the kind of fault and the node. What came from no record (a timer, a commit) is
// itself in its letter.
void RecordFailures::send_dead_letter(std::string_view node, DropReason reason, const std::string& what,
                                      const OutgoingRecord* outgoing) {
  if (environment_.dead_letter_topic.empty()) {
    throw ProcessingFailure{fatal_error(fmt::format(
        "node '{}' sends records aside, but the application has no dead-letter topic: {}", node, what))};
  }
  const RawRecord* const raw = current_.raw;
  const Origin& origin = *current_.origin;
  Headers headers;
  if (raw != nullptr) {
    if (!WEIR_PLANTED("letters-without-headers")) raw->read_headers(headers);
  } else if (outgoing != nullptr && outgoing->headers != nullptr) {
    headers = *outgoing->headers;
  }
  headers.add("__streams.errors.exception", std::string(name_of(reason)));
  headers.add("__streams.errors.message", what);
  headers.add("__streams.errors.stacktrace", fmt::format("at node '{}' of task {}", node, task_name_));
  headers.add("__streams.errors.topic", std::string(origin.topic));
  headers.add("__streams.errors.partition", std::to_string(origin.partition));
  headers.add("__streams.errors.offset", std::to_string(origin.offset));
  OutgoingRecord record;
  if (raw != nullptr) {
    record.key = raw->key;
    record.value = raw->value;
    record.timestamp = std::max<Timestamp>(raw->timestamp, 0);
  } else if (outgoing != nullptr) {
    record.key = outgoing->key;
    record.value = outgoing->value;
    record.timestamp = outgoing->timestamp;
  } else {
    record.timestamp = environment_.clock->wall();
  }
  record.topic = environment_.producer->topic(environment_.dead_letter_topic);
  record.headers = &headers;
  work_.dirty = true;
  ++work_.traces;
  environment_.producer->send(record);
  if (WEIR_PLANTED("letters-twice")) environment_.producer->send(record);
  ++work_.counters.dead_letters;
}

}  // namespace weir
