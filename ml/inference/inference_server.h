// Answers requests for scores: from the bytes and headers of a request to those of its reply. What serve_requests has in its
// node; knows no streams.
//
//   take*  →  score  →  reply_to*  →  clear
//
// Requests that are taken up together are scored together, each model in one call. What becomes of one does not depend on the
// others: where the model throws, it is asked again row by row.
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
#include <weir/ml/monitoring/score_metrics.h>
#include <weir/ml/score_batch.h>
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
  // Requests that are at hand are scored together until they have so many rows, or are so many; 1: each by itself. A request
  // is never divided.
  std::size_t max_batch = 64;
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

  // A request that was taken up: what its reply will be made of.
  struct Taken {
    InferenceFormat format = InferenceFormat::kJson;
    std::string topic = {};  // empty: nobody can be answered
    std::optional<Partition> partition = {};
    Headers headers = {};                   // that come back in the reply
    InferenceResponse response = {};        // without outputs
    std::vector<std::string> outputs = {};  // those wanted; empty: all
    absl::Status status = {};               // not ok: it has no rows to be scored
    bool expired = false;                   // its deadline had passed
    ScoreBatch::Place first = {};           // of its rows
    std::size_t rows = 0;
  };
  // Reads a request, chooses its model and puts its rows among those to be scored. `body`: nothing if the request has none. `key`:
  // the request's.
  [[nodiscard]] Taken take(NullableBytes body, const Headers& headers, BytesView key, Timestamp time);

  // Rows taken up since the last clear().
  [[nodiscard]] std::size_t rows() const { return rows_waiting_; }
  void score();

  struct Served {
    std::optional<InferenceReply> reply = {};  // nothing: nobody can be answered
    Headers headers = {};                      // of the reply
    std::string malformed = {};                // not empty: why the request is not as it should be
    bool expired = false;                      // its deadline had passed
  };
  // After score(), once for each request, of which it uses up what it needs. `origin`: the request's.
  [[nodiscard]] Served reply_to(Taken& taken, const Origin& origin) const;

  // Forgets what was taken up.
  void clear();

 private:
  [[nodiscard]] absl::Status open(const Headers& headers, Taken& taken) const;
  [[nodiscard]] absl::Status read(NullableBytes body, const Headers& headers, BytesView key, Timestamp time,
                                  Taken& taken);
  [[nodiscard]] absl::StatusOr<std::string> model_name(const InferenceRequest& request,
                                                       const Headers& headers) const;
  // Why the scores of a request are not to be used.
  [[nodiscard]] absl::Status check_scores(const Taken& taken) const;

  void measure(const std::string& model, const absl::Status& status) const;

  const ServingOptions options_;
  const std::string node_;
  const std::string task_;
  const Clock& clock_;
  std::map<std::string, std::unique_ptr<ModelChoice>> choices_;
  ScoreMetrics unmeasured_;  // requests are counted here, not rows
  ScoreBatch batch_;
  std::size_t rows_waiting_ = 0;
  std::vector<float> rows_;  // of the request that is taken up
};

}  // namespace weir::ml
