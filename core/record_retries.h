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
    Offset offset = 0;
    int failures = 0;
    Duration next{0};  // steady
  };

  [[nodiscard]] const Attempts* find(const TopicPartition& where, Offset offset) const;

  const RetryOptions options_;
  const Clock& clock_;
  std::map<TopicPartition, Attempts> failed_;  // at most one per partition: the others are behind it
};

}  // namespace weir
