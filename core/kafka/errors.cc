#include <weir/core/kafka/errors.h>

#include <array>
#include <string_view>

#include <fmt/format.h>

namespace weir::kafka {
namespace {

absl::StatusCode code_for(ErrorClass error_class) {
  switch (error_class) {
    case ErrorClass::kRetriable:
      return absl::StatusCode::kUnavailable;
    case ErrorClass::kAbortable:
      return absl::StatusCode::kAborted;
    case ErrorClass::kFenced:
      return absl::StatusCode::kFailedPrecondition;
    case ErrorClass::kUnknown:
      return absl::StatusCode::kDeadlineExceeded;
    case ErrorClass::kFatal:
      return absl::StatusCode::kInternal;
  }
  return absl::StatusCode::kInternal;
}

// The codes that a caller tells apart; the others are as their class.
absl::StatusCode code_for(rd_kafka_resp_err_t code, ErrorClass error_class) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:  // its reset policy is to say so
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
      return absl::StatusCode::kOutOfRange;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return absl::StatusCode::kNotFound;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return absl::StatusCode::kPermissionDenied;
    default:
      return code_for(error_class);
  }
}

// What to grant to the principal of the application.
std::string_view remedy_for(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return ". Grant the application's principal Read and Describe on the topics it reads, Write and "
             "Describe on those "
             "it writes, and all of these, Create, Delete and DescribeConfigs on topics that begin with its "
             "id";
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return ". Grant the application's principal Read and Describe on the group that is called like its id";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return ". Grant the application's principal Write and Describe on transactional ids that begin with "
             "its id";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return ". Grant the application's principal IdempotentWrite on the cluster";
    default:
      return "";
  }
}

absl::Status make_status(ErrorClass error_class, rd_kafka_resp_err_t code, const std::string& context,
                         const std::string& detail) {
  const std::string what = detail.empty() ? std::string(rd_kafka_err2str(code)) : detail;
  return make_error(error_class, code_for(code, error_class),
                    fmt::format("{}: {} ({}){}", context, what, rd_kafka_err2name(code), remedy_for(code)));
}

}  // namespace

ErrorClass class_of_code(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__NODE_UPDATE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    case RD_KAFKA_RESP_ERR__NO_OFFSET:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
      return ErrorClass::kRetriable;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
      return ErrorClass::kFenced;
    default:
      return ErrorClass::kFatal;
  }
}

absl::Status status_of_code(rd_kafka_resp_err_t code, const std::string& context, const std::string& detail) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  return make_status(class_of_code(code), code, context, detail);
}

absl::Status status_of_delivery(rd_kafka_resp_err_t code, bool transactional, const std::string& context) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return absl::OkStatus();
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__STATE:
      return make_status(ErrorClass::kFatal, code, context, {});
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return make_status(ErrorClass::kFenced, code, context, {});
    default:
      return make_status(transactional ? ErrorClass::kAbortable : ErrorClass::kRetriable, code, context, {});
  }
}

std::optional<Refusal::Reason> refusal_of_code(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
      return Refusal::Reason::kTooLarge;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return Refusal::Reason::kNoTopic;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return Refusal::Reason::kNotAllowed;
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return Refusal::Reason::kOther;
    default:
      return std::nullopt;
  }
}

absl::Status status_of_transaction(const rd_kafka_error_t& error, const std::string& context) {
  const rd_kafka_resp_err_t code = rd_kafka_error_code(&error);
  const std::string detail = rd_kafka_error_string(&error);
  const ErrorClass by_code = class_of_code(code);
  if (rd_kafka_error_is_fatal(&error) != 0) {
    return make_status(by_code == ErrorClass::kFenced ? ErrorClass::kFenced : ErrorClass::kFatal, code,
                       context, detail);
  }
  if (rd_kafka_error_txn_requires_abort(&error) != 0)
    return make_status(ErrorClass::kAbortable, code, context, detail);
  if (rd_kafka_error_is_retriable(&error) != 0)
    return make_status(ErrorClass::kRetriable, code, context, detail);
  return make_status(by_code, code, context, detail);
}

absl::Status fatal_status_of(rd_kafka_t* client, const std::string& context) {
  std::array<char, 512> text{};
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(client, text.data(), text.size());
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  const ErrorClass error_class =
      class_of_code(code) == ErrorClass::kFenced ? ErrorClass::kFenced : ErrorClass::kFatal;
  return make_status(error_class, code, context, text.data());
}

}  // namespace weir::kafka
