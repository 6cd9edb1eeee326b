#include <weir/core/kafka/transaction_runner.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/core/kafka/client.h>
#include <weir/core/kafka/errors.h>
#include <weir/core/kafka/steady.h>

namespace weir::kafka {
namespace {

// One slice of a resumable call: how late a destructor may be noticed.
constexpr Duration kSlice{200};
// Between two tries of a call that failed at once (no coordinator, loading, …).
constexpr Duration kRetryPause{10};
// init_transactions waits for the previous owner's transaction to end, and for a coordinator to be there at
// all.
constexpr Duration kInitLimit{30'000};
// Long enough for every broker thread to notice the flush, short enough to end soon while records keep
// coming.
constexpr int kFlushMs = 20;

bool is_time_out(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE ||
         code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
}

absl::Status given_up(const char* name, ErrorClass error_class, Duration limit, const std::string& last) {
  return make_error(error_class, absl::StatusCode::kDeadlineExceeded,
                    fmt::format("{} was not decided in time: limit={}ms last={}", name, limit.count(), last));
}

}  // namespace

void TransactionRunner::start_init(Deliver deliver) {
  start(
      [this] {
        return drive(rd_kafka_init_transactions, "init_transactions", kInitLimit, ErrorClass::kRetriable);
      },
      std::move(deliver));
}

void TransactionRunner::start_commit(Deliver deliver) {
  start(
      [this] {
        return drive(rd_kafka_commit_transaction, "commit_transaction", transaction_timeout_,
                     ErrorClass::kUnknown);
      },
      std::move(deliver));
}

void TransactionRunner::start_abort(Deliver deliver) {
  start(
      [this] {
        return drive(rd_kafka_abort_transaction, "abort_transaction", transaction_timeout_,
                     ErrorClass::kUnknown);
      },
      std::move(deliver));
}

void TransactionRunner::start_send_offsets(const std::vector<PartitionOffset>& offsets, GroupMetadata group,
                                           Deliver deliver) {
  // Shared with the job only: a closure that is stored must be copyable.
  const std::shared_ptr<rd_kafka_topic_partition_list_t> list =
      make_list(std::span<const PartitionOffset>(offsets));
  start([this, list, group = std::move(group)] { return send_offsets(*list, group); }, std::move(deliver));
}

void TransactionRunner::start_flush(Deliver deliver) {
  start(
      [this] {
        // A time-out only says that not everything was acknowledged meanwhile.
        (void)rd_kafka_flush(client_, kFlushMs);
        return absl::OkStatus();
      },
      std::move(deliver));
}

void TransactionRunner::start(std::function<absl::Status()> work, Deliver deliver) {
  thread_.submit([inbox = inbox_, work = std::move(work), deliver = std::move(deliver)] {
    absl::Status status = work();
    inbox->post([deliver, status = std::move(status)] { deliver(status); });
  });
}

absl::Status TransactionRunner::drive(Call call, const char* name, Duration limit, ErrorClass on_deadline) {
  const Duration deadline = steady_now() + limit;
  while (true) {
    const Duration left = deadline - steady_now();
    const ErrorHandle error(call(client_, static_cast<int>(std::clamp(left, Duration(0), kSlice).count())));
    if (error == nullptr) return absl::OkStatus();
    const absl::Status status = status_of_transaction(*error, name);
    if (class_of(status) != ErrorClass::kRetriable) return status;
    if (left <= Duration(0) || thread_.stopping())
      return given_up(name, on_deadline, limit, message_of(status));
    if (!is_time_out(rd_kafka_error_code(error.get()))) thread_.pause(kRetryPause);
  }
}

absl::Status TransactionRunner::send_offsets(const rd_kafka_topic_partition_list_t& offsets,
                                             const GroupMetadata& group) {
  constexpr char kName[] = "send_offsets_to_transaction";
  const Duration deadline = steady_now() + transaction_timeout_;
  while (true) {
    const Duration left = deadline - steady_now();
    // Not resumable: the whole time goes into one call.
    const ErrorHandle error(rd_kafka_send_offsets_to_transaction(
        client_, &offsets, static_cast<const rd_kafka_consumer_group_metadata_t*>(group.get()),
        static_cast<int>(std::max(left, Duration(1)).count())));
    if (error == nullptr) return absl::OkStatus();
    const absl::Status status = status_of_transaction(*error, kName);
    // Late requests may still arrive, even in a later transaction.
    if (is_time_out(rd_kafka_error_code(error.get())) && class_of(status) != ErrorClass::kFenced) {
      return given_up(kName, ErrorClass::kUnknown, transaction_timeout_, message_of(status));
    }
    if (class_of(status) != ErrorClass::kRetriable) return status;
    if (left <= Duration(0) || thread_.stopping()) {
      return given_up(kName, ErrorClass::kUnknown, transaction_timeout_, message_of(status));
    }
    thread_.pause(kRetryPause);
  }
}

}  // namespace weir::kafka
