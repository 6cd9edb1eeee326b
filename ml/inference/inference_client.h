// Asks an application that serves requests (serve_requests.h), and takes its replies: for tests, tools and small clients.
//
//   auto client = weir::ml::InferenceClient::open(*transport, {.client_id = "shop-1", .requests = "score-requests",
//                                                              .replies = "score-replies"});
//   weir::ml::InferenceRequest request{.model_name = "fraud", .inputs = {{"row", "FP32", {1, 3}, {0.5, 2, 7}}}};
//   const auto response = (*client)->ask(request, 1s);
//
// It reads one partition of the replies' topic, from the end it has when the client is opened, committed records only. Replies to
// others are passed over.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/headers.h>
#include <weir/core/transport.h>
#include <weir/ml/inference/inference_message.h>

namespace weir::ml {

struct InferenceClientOptions {
  std::string client_id = {};  // begins the correlation ids: not that of another client
  std::string requests = {};   // topics
  std::string replies = {};
  Partition reply_partition = 0;
  InferenceFormat format = InferenceFormat::kJson;
};

struct InferenceResult {
  std::string status = {};  // "OK", or the code of an error
  InferenceResponse response = {};
  Headers headers = {};
};

class InferenceClient {
 public:
  // The transport and the clock outlive the client. Waits until the end of the replies is known.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<InferenceClient>> open(
      Transport& transport, InferenceClientOptions options, const Clock& clock = system_clock(),
      Duration at_most = Duration{10'000});

  // Sends a request. Returns its correlation id. `deadline` is wall time, after which no reply is wanted; 0: none. `key` decides the
  // partition, and which model of an experiment scores.
  std::string send(const InferenceRequest& request, const std::string& key = "", Timestamp deadline = 0);
  // The same with whatever bytes, and further headers.
  std::string send_raw(BytesView body, const std::string& key, Timestamp deadline, Headers headers = {});

  // Takes the replies to this client's requests that have come, by correlation id. Waits for the first at most so long.
  [[nodiscard]] absl::StatusOr<std::map<std::string, InferenceResult>> receive(Duration at_most);

  // Sends a request and waits for its reply. DeadlineExceeded if there is none in time; an error reply is one of its code.
  [[nodiscard]] absl::StatusOr<InferenceResponse> ask(const InferenceRequest& request, Duration at_most,
                                                      const std::string& key = "");

 private:
  InferenceClient(InferenceClientOptions options, const Clock& clock);
  [[nodiscard]] absl::Status take_replies();

  const InferenceClientOptions options_;
  const Clock& clock_;
  std::unique_ptr<Consumer> consumer_;
  std::unique_ptr<Producer> producer_;
  std::vector<std::unique_ptr<PartitionReader>> readers_;  // before the consumer goes
  std::uint64_t next_ = 0;
  std::set<std::string> awaited_;
  std::map<std::string, InferenceResult> arrived_;
};

}  // namespace weir::ml
