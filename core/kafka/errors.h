// What librdkafka's errors mean in weir's terms (core/status.h).
#pragma once

#include <optional>
#include <string>

#include <absl/status/status.h>
#include <librdkafka/rdkafka.h>

#include <weir/core/refusal.h>
#include <weir/core/status.h>

namespace weir::kafka {

// Returns what a bare error code asks of the one who made the call.
[[nodiscard]] ErrorClass class_of_code(rd_kafka_resp_err_t code);

// Returns `context: what happened (CODE_NAME)`; ok for no error. `detail` replaces librdkafka's general text.
[[nodiscard]] absl::Status status_of_code(rd_kafka_resp_err_t code, const std::string& context,
                                          const std::string& detail = {});

// Returns the status of a failed delivery. A record the broker refuses for what it is will be refused again:
// fatal. Otherwise the records of a transaction are lost with it (abortable) and others may be sent again
// (retriable).
[[nodiscard]] absl::Status status_of_delivery(rd_kafka_resp_err_t code, bool transactional,
                                              const std::string& context);

// Returns why the record of a failed delivery would fail again; nothing if it may not.
[[nodiscard]] std::optional<Refusal::Reason> refusal_of_code(rd_kafka_resp_err_t code);

// Returns the status of a transactional call: the error's own flags (fatal, abort required, retriable)
// decide.
[[nodiscard]] absl::Status status_of_transaction(const rd_kafka_error_t& error, const std::string& context);

// Returns the error that took the client down for good, ok if it lives.
[[nodiscard]] absl::Status fatal_status_of(rd_kafka_t* client, const std::string& context);

}  // namespace weir::kafka
