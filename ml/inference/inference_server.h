// Answers requests for scores: from the bytes and headers of a request to those of its reply. What serve_requests has in its
// node; knows no streams.
//
// Thread safety: none; belongs to one node.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <weir/core/headers.h>
#include <weir/core/task_context.h>
#include <weir/ml/inference/inference_message.h>
#include <weir/ml/inference/inference_rows.h>
#include <weir/ml/monitoring/model_metrics.h>
#include <weir/ml/served_model.h>

namespace weir::ml {

// Of requests. The first two come back in the reply, so does what V2 calls id.
inline constexpr char kCorrelationHeader[] = "correlation-id";
inline constexpr char kContentTypeHeader[] = "content-type";
inline constexpr char kReplyTopicHeader[] = "reply-topic";
inline constexpr char kReplyPartitionHeader[] = "reply-partition";  // optional; a number in digits
inline constexpr char kDeadlineHeader[] = "deadline-ms";       // optional; milliseconds since 1970 in digits
inline constexpr char kRequestedModelHeader[] = "model-name";  // for requests that do not name it
// Of replies: "OK", or the code of the error in the manner of gRPC ("INVALID_ARGUMENT"), and what was wrong.
inline constexpr char kReplyStatusHeader[] = "reply-status";
inline constexpr char kReplyErrorHeader[] = "reply-error";

struct ServingOptions {
  // Required: the models that may be asked for, by the name that requests have.
  std::map<std::string, std::shared_ptr<const ModelSource>> models = {};
  // Whose model a request means that names none; empty: the only one there is, or such a request is refused.
  std::string default_model = {};
  // Required: the topics that a reply may go to. A request without the header is answered to the first.
  std::vector<std::string> reply_topics = {};
  // Of requests that do not say.
  InferenceFormat default_format = InferenceFormat::kJson;
  MissingValues missing = MissingValues::kRefused;
  InferenceLimits limits = {};
  std::string name = {};
  // What is measured goes there, see <weir/ml/monitoring/model_metrics.h>. Null: nothing is measured.
  std::shared_ptr<ModelMetrics> metrics = {};
  // What happens, beside the error reply, to requests that cannot be read or ask for what there is not. Default: the original goes
  // to the application's dead letters.
  ErrorPolicy on_malformed = ErrorPolicy::kDeadLetter;
};

// Returns what is wrong with the options, or nothing.
[[nodiscard]] std::string problem_with(const ServingOptions& options);

// A reply on its way: the value is `body`.
struct InferenceReply {
  std::string topic = {};
  std::optional<Partition> partition = {};
  Bytes body = {};
};

class InferenceServer {
 public:
  InferenceServer(const ServingOptions& options, TaskContext& context, const Node& node);

  // As RecordGate's, for the models.
  [[nodiscard]] bool admits(Timestamp time);
  void at_rest();

  struct Served {
    std::optional<InferenceReply> reply = {};  // nothing: nobody can be answered
    Headers headers = {};                      // of the reply
    std::string malformed = {};                // not empty: why the request is not as it should be
    bool expired = false;                      // its deadline has passed
  };
  // `body`: nothing if the request has none. `key`: the request's.
  [[nodiscard]] Served serve(NullableBytes body, const Headers& headers, BytesView key, Timestamp time,
                             const Origin& origin);

 private:
  // What is known of a request before its body is read.
  struct Envelope {
    InferenceFormat format = InferenceFormat::kJson;
    std::string topic;
    std::optional<Partition> partition;
  };

  [[nodiscard]] absl::Status open(const Headers& headers, Envelope& envelope, bool& expired) const;
  [[nodiscard]] absl::Status answer(const Envelope& envelope, NullableBytes body, const Headers& headers,
                                    BytesView key, Timestamp time, InferenceResponse& response,
                                    Headers& stamps);
  [[nodiscard]] absl::StatusOr<std::string> model_name(const InferenceRequest& request,
                                                       const Headers& headers) const;

  void measure(const std::string& model, const absl::Status& status) const;

  const ServingOptions options_;
  const std::string node_;
  const std::string task_;
  const Clock& clock_;
  std::map<std::string, std::unique_ptr<ModelChoice>> choices_;
};

}  // namespace weir::ml
