#include <weir/ml/inference/inference_client.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/inference/inference_server.h>

namespace weir::ml {
namespace {

constexpr Duration kLook{20};

absl::StatusCode code_named(const std::string& name) {
  for (int code = 1; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == name)
      return static_cast<absl::StatusCode>(code);
  }
  return absl::StatusCode::kUnknown;
}

}  // namespace

InferenceClient::InferenceClient(InferenceClientOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}

absl::StatusOr<std::unique_ptr<InferenceClient>> InferenceClient::open(Transport& transport,
                                                                       InferenceClientOptions options,
                                                                       const Clock& clock, Duration at_most) {
  if (options.client_id.empty()) return absl::InvalidArgumentError("options.client_id is empty");
  std::unique_ptr<InferenceClient> client(new InferenceClient(std::move(options), clock));
  ConsumerOptions reading;
  reading.client_id = client->options_.client_id;
  reading.read_committed = true;
  auto consumer = transport.make_consumer(reading);
  if (!consumer.ok()) return consumer.status();
  client->consumer_ = *std::move(consumer);
  ProducerOptions writing;
  writing.client_id = client->options_.client_id;
  writing.linger = Duration{0};
  writing.report_offsets = false;
  auto producer = transport.make_producer(writing);
  if (!producer.ok()) return producer.status();
  client->producer_ = *std::move(producer);

  const TopicPartition where{client->options_.replies, client->options_.reply_partition};
  Pending<std::vector<OffsetRange>> asked = client->consumer_->offset_ranges({where});
  const Duration end = clock.steady() + at_most;
  std::vector<ConsumerEvent> events;
  while (!asked.ready()) {
    client->consumer_->poll(events);
    if (asked.ready()) break;
    if (clock.steady() >= end)
      return absl::DeadlineExceededError(
          fmt::format("the end of topic={} partition={} is not told", where.topic, where.partition));
    client->consumer_->wait(kLook);
  }
  const auto ranges = asked.take();
  if (!ranges.ok()) return ranges.status();
  const std::vector<PartitionOffset> starts{{where, ranges->front().end, ""}};
  auto readers = client->consumer_->assign(starts);
  if (!readers.ok()) return readers.status();
  client->readers_ = *std::move(readers);
  return client;
}

std::string InferenceClient::send(const InferenceRequest& request, const std::string& key,
                                  Timestamp deadline) {
  Bytes body;
  write_request(options_.format, request, body);
  Headers headers;
  if (!request.model_name.empty()) headers.add(kRequestedModelHeader, request.model_name);
  return send_raw(body, key, deadline, std::move(headers));
}

std::string InferenceClient::send_raw(BytesView body, const std::string& key, Timestamp deadline,
                                      Headers headers) {
  const std::string id = fmt::format("{}-{}", options_.client_id, next_++);
  headers.add(kCorrelationHeader, id);
  headers.add(kReplyTopicHeader, options_.replies);
  headers.add(kReplyPartitionHeader, std::to_string(options_.reply_partition));
  if (headers.last(kContentTypeHeader) == nullptr)
    headers.add(kContentTypeHeader, std::string(content_type_of(options_.format)));
  if (deadline > 0) headers.add(kDeadlineHeader, std::to_string(deadline));
  OutgoingRecord record;
  record.topic = producer_->topic(options_.requests);
  record.key = BytesView(key);
  record.value = body;
  record.timestamp = clock_.wall();
  record.headers = &headers;
  producer_->send(record);
  producer_->flush();
  awaited_.insert(id);
  return id;
}

absl::Status InferenceClient::take_replies() {
  std::vector<ConsumerEvent> events;
  consumer_->poll(events);
  for (const ConsumerEvent& event : events) {
    if (const auto* error = std::get_if<ConsumerError>(&event);
        error != nullptr && class_of(error->status) == ErrorClass::kFatal)
      return error->status;
  }
  producer_->poll();
  if (absl::Status failure = producer_->failure(); !failure.ok()) return failure;
  std::vector<RawRecord> records;
  for (const auto& reader : readers_) {
    while (reader->fetch(100, records) > 0) {
    }
  }
  for (const RawRecord& record : records) {
    InferenceResult result;
    record.read_headers(result.headers);
    const auto text = [&](const char* name) {
      const Header* header = result.headers.last(name);
      return header == nullptr ? "" : header->value.value_or("");
    };
    const std::string id = text(kCorrelationHeader);
    if (awaited_.erase(id) == 0) continue;
    result.status = text(kReplyStatusHeader);
    auto response = read_response(format_of(text(kContentTypeHeader)).value_or(options_.format),
                                  record.value.value_or(""));
    if (response.ok()) {
      result.response = *std::move(response);
    } else {
      result.status = absl::StatusCodeToString(absl::StatusCode::kDataLoss);
      result.response.error = message_of(response.status());
    }
    if (result.response.error.empty()) result.response.error = text(kReplyErrorHeader);
    arrived_.emplace(id, std::move(result));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, InferenceResult>> InferenceClient::receive(Duration at_most) {
  const Duration end = clock_.steady() + at_most;
  while (true) {
    if (absl::Status status = take_replies(); !status.ok()) return status;
    const Duration left = end - clock_.steady();
    if (!arrived_.empty() || left.count() <= 0) return std::exchange(arrived_, {});
    consumer_->wait(std::min(left, kLook));
  }
}

absl::StatusOr<InferenceResponse> InferenceClient::ask(const InferenceRequest& request, Duration at_most,
                                                       const std::string& key) {
  const std::string id = send(request, key, clock_.wall() + at_most.count());
  const Duration end = clock_.steady() + at_most;
  while (true) {
    if (absl::Status status = take_replies(); !status.ok()) return status;
    if (const auto found = arrived_.find(id); found != arrived_.end()) {
      const InferenceResult result = std::move(found->second);
      arrived_.erase(found);
      if (result.status == "OK") return result.response;
      return absl::Status(code_named(result.status), result.response.error);
    }
    const Duration left = end - clock_.steady();
    if (left.count() <= 0) {
      awaited_.erase(id);
      return absl::DeadlineExceededError(fmt::format("no reply to {} within {} ms", id, at_most.count()));
    }
    consumer_->wait(std::min(left, kLook));
  }
}

}  // namespace weir::ml
