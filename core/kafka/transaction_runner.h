// The transactional calls of a producer, each driven to its end on a thread of its own.
//
// librdkafka offers them only as blocking calls (send_offsets cannot even be resumed), and a commit waits for
// delivery reports that the polling thread has to take. So the two threads work together: this one waits,
// that one polls.
//
// Thread safety: `start_*` belong to the producer's thread; results come through its inbox.
#pragma once

#include <memory>
#include <vector>

#include <weir/core/kafka/background.h>
#include <weir/core/kafka/handles.h>
#include <weir/core/transport.h>

namespace weir::kafka {

class TransactionRunner {
 public:
  // `client` must outlive this object, whose destructor waits for a call in progress (at most the transaction
  // timeout, and only if the broker is silent).
  TransactionRunner(rd_kafka_t* client, std::shared_ptr<Inbox> inbox, Duration transaction_timeout)
      : client_(client), inbox_(std::move(inbox)), transaction_timeout_(transaction_timeout) {}

  using Deliver = std::function<void(absl::Status)>;

  void start_init(Deliver deliver);
  void start_send_offsets(const std::vector<PartitionOffset>& offsets, GroupMetadata group, Deliver deliver);
  void start_commit(Deliver deliver);
  void start_abort(Deliver deliver);

  // Makes lingering records go out: for as long as the call lasts the client knows no linger.
  void start_flush(Deliver deliver);

 private:
  using Call = rd_kafka_error_t* (*)(rd_kafka_t*, int);

  // Repeats a resumable call until it is decided. `on_deadline` is the class of giving up.
  absl::Status drive(Call call, const char* name, Duration limit, ErrorClass on_deadline);
  absl::Status send_offsets(const rd_kafka_topic_partition_list_t& offsets, const GroupMetadata& group);
  void start(std::function<absl::Status()> work, Deliver deliver);

  rd_kafka_t* const client_;
  const std::shared_ptr<Inbox> inbox_;
  const Duration transaction_timeout_;
  // Last member, so first destroyed: its job uses the others.
  JobThread thread_;
};

}  // namespace weir::kafka
