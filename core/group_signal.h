// Tells all instances of an application to stop: a record in partition 0 of the application's tasks topic, which is empty
// otherwise (its partitions stand for tasks, nobody reads them). An instance hears what is
// written after it began to listen; one that starts later is not concerned.
//
//   key "stop", value "<instance id>: <why>"
//
// Thread safety: none.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/log.h>
#include <weir/core/transport.h>

namespace weir {

class GroupSignal {
 public:
  // All references outlive the signal.
  GroupSignal(Transport& transport, const Clock& clock, std::string application_id, std::string instance_id,
              Logger log);

  // Does a bounded piece of work. Returns what another instance said, if one told all to stop. A broker that does not answer is
  // asked again.
  [[nodiscard]] std::optional<std::string> heard();

  // Starts to tell the others; goes on in `told`.
  [[nodiscard]] absl::Status tell(const std::string& why);
  // Does a bounded piece of work. Returns whether the brokers have the message.
  [[nodiscard]] absl::StatusOr<bool> told();

 private:
  [[nodiscard]] absl::StatusOr<std::optional<std::string>> listen();

  Transport& transport_;
  const Clock& clock_;
  const std::string topic_;
  const std::string application_id_;
  const std::string instance_id_;
  const Logger log_;

  std::unique_ptr<Consumer> consumer_;
  Pending<std::vector<OffsetRange>> end_;
  std::unique_ptr<PartitionReader> reader_;  // gone before the consumer
  std::vector<ConsumerEvent> events_;
  std::vector<RawRecord> records_;
  Duration not_before_{0};
  std::unique_ptr<Producer> producer_;
};

}  // namespace weir
