// Which records are being tried again, how often they have failed, and when it is their turn. Survives the tasks: one that is
// set back to its committed position comes by the record again.
//
// Thread safety: none; belongs to a worker.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include <weir/core/backoff.h>
#include <weir/core/clock.h>
#include <weir/core/error_policy.h>
#include <weir/core/topic_partition.h>

namespace weir {

class RecordRetries {
 public:
  // The clock outlives this.
  RecordRetries(const RetryOptions& options, const Clock& clock) : options_(options), clock_(clock) {}

  // Notes that an attempt has failed. Returns whether there is another one; if not, the record is forgotten.
  [[nodiscard]] bool failed(const TopicPartition& where, Offset offset);

  // Whether the record has failed before and is not settled.
  [[nodiscard]] bool known(const TopicPartition& where, Offset offset) const;

  // Whether the record's pause is not over.
  [[nodiscard]] bool waits(const TopicPartition& where, Offset offset) const;

  // Forgets the record: it went through.
  void settle(const TopicPartition& where, Offset offset);

  [[nodiscard]] bool empty() const { return failed_.empty(); }

  // Returns how long it is to the end of the first pause; nothing if none is running.
  [[nodiscard]] std::optional<Duration> until_next() const;

  [[nodiscard]] const RetryOptions& options() const { return options_; }

 private:
  struct Attempts {
    int failures = 0;
    Duration next{0};  // steady
  };

  void forget(const TopicPartition& where, Offset offset);
  [[nodiscard]] const Attempts* find(const TopicPartition& where, Offset offset) const;

  const RetryOptions options_;
  const Clock& clock_;
  // Of a partition by offset. More than one only where records were under way together, see in_flight.h; one that fails
  // replaces those before it.
  std::map<TopicPartition, std::map<Offset, Attempts>> failed_;
};

}  // namespace weir
