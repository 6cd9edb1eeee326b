#include <weir/ml/inference/inference_server.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include <weir/core/node.h>
#include <weir/core/status.h>

namespace weir::ml {
namespace {

std::string_view text_of(const Headers& headers, std::string_view name) {
  const Header* header = headers.last(name);
  return header == nullptr || !header->value ? std::string_view() : std::string_view(*header->value);
}

// Returns the header's number, nothing if there is no such header.
absl::StatusOr<std::optional<std::int64_t>> number_of(const Headers& headers, std::string_view name) {
  const std::string_view text = text_of(headers, name);
  if (text.empty()) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    return absl::InvalidArgumentError(fmt::format("the header {} is no number: '{}'", name, text));
  return number;
}

// Makes the model's rows of those of the request, if the model has a plan for it.
absl::Status clean_rows(const ServedModel& served, std::vector<float>& rows) {
  if (served.cleaner == nullptr) return absl::OkStatus();
  const std::size_t from = served.cleaner->inputs().size();
  const std::size_t to = served.cleaner->outputs().size();
  std::vector<float> cleaned(rows.size() / from * to);
  for (std::size_t row = 0; row * from < rows.size(); ++row) {
    const absl::Status status = served.cleaner->clean(std::span<const float>(rows).subspan(row * from, from),
                                                      std::span(cleaned).subspan(row * to, to));
    if (!status.ok()) return absl::InvalidArgumentError(fmt::format("row {}: {}", row, message_of(status)));
  }
  rows = std::move(cleaned);
  return absl::OkStatus();
}

// Whether the request, and not the server, is to blame.
bool is_malformed(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsPermissionDenied(status);
}

}  // namespace

std::string problem_with(const ServingOptions& options) {
  if (options.models.empty()) return "options.models is empty";
  for (const auto& [name, source] : options.models) {
    if (source == nullptr) return fmt::format("options.models has nothing for '{}'", name);
  }
  if (!options.default_model.empty() && !options.models.contains(options.default_model))
    return fmt::format("options.default_model '{}' is none of options.models", options.default_model);
  if (options.reply_topics.empty()) return "options.reply_topics is empty";
  if (options.max_batch == 0) return "options.max_batch is 0";
  if (options.limits.rows == 0 || options.limits.values == 0 || options.limits.bytes == 0)
    return "options.limits allow nothing";
  return "";
}

InferenceServer::InferenceServer(const ServingOptions& options, TaskContext& context, const Node& node)
    : options_(options),
      node_(node.name()),
      task_(context.task_name()),
      clock_(context.clock()),
      unmeasured_(nullptr, context, node) {
  for (const auto& [name, source] : options_.models) choices_.emplace(name, source->open(context, node, ""));
}

bool InferenceServer::admits(Timestamp time) {
  bool all = true;
  for (const auto& [name, choice] : choices_) all = choice->admits(time) && all;
  return all;
}

void InferenceServer::at_rest() {
  for (const auto& [name, choice] : choices_) choice->at_rest();
}

absl::Status InferenceServer::open(const Headers& headers, Taken& taken) const {
  const std::string_view topic = text_of(headers, kReplyTopicHeader);
  if (topic.empty()) {
    taken.topic = options_.reply_topics.front();
  } else if (std::find(options_.reply_topics.begin(), options_.reply_topics.end(), topic) !=
             options_.reply_topics.end()) {
    taken.topic = topic;
  } else {
    return absl::PermissionDeniedError(fmt::format("replies may not go to the topic '{}'", topic));
  }
  const std::string_view type = text_of(headers, kContentTypeHeader);
  const auto format = type.empty() ? options_.default_format : format_of(type);
  taken.format = format.value_or(options_.default_format);
  if (!format) return absl::InvalidArgumentError(fmt::format("the content type '{}' is unknown", type));
  const auto partition = number_of(headers, kReplyPartitionHeader);
  if (!partition.ok()) return partition.status();
  if (*partition) taken.partition = static_cast<Partition>(std::min<std::int64_t>(**partition, INT32_MAX));
  const auto deadline = number_of(headers, kDeadlineHeader);
  if (!deadline.ok()) return deadline.status();
  taken.expired = *deadline && clock_.wall() > **deadline;
  if (taken.expired) {
    return absl::DeadlineExceededError(fmt::format("the deadline was {} ms ago", clock_.wall() - **deadline));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> InferenceServer::model_name(const InferenceRequest& request,
                                                        const Headers& headers) const {
  std::string name = request.model_name;
  if (name.empty()) name = text_of(headers, kRequestedModelHeader);
  if (name.empty()) name = options_.default_model;
  if (name.empty() && choices_.size() == 1) name = choices_.begin()->first;
  if (name.empty()) return absl::InvalidArgumentError("the request names no model");
  if (!choices_.contains(name)) return absl::NotFoundError(fmt::format("there is no model '{}'", name));
  return name;
}

absl::Status InferenceServer::read(NullableBytes body, const Headers& headers, BytesView key, Timestamp time,
                                   Taken& taken) {
  if (!body) return absl::InvalidArgumentError("the request has no value");
  auto request = read_request(taken.format, *body, options_.limits);
  if (!request.ok()) return request.status();
  InferenceResponse& response = taken.response;
  response.id = std::move(request->id);
  response.raw = request->raw;
  auto name = model_name(*request, headers);
  if (!name.ok()) return name.status();
  response.model_name = *std::move(name);

  const ModelChoice::Chosen& chosen = choices_.find(response.model_name)->second->choose(key, time);
  if (chosen.model == nullptr) return absl::UnavailableError(std::string(chosen.problem));
  const Model& model = *chosen.model->model;
  if (!request->model_version.empty() && request->model_version != model.version()) {
    return absl::NotFoundError(fmt::format("of the model '{}' version '{}' is in use, not '{}'",
                                           response.model_name, model.version(), request->model_version));
  }
  response.model_version = model.version();
  WEIR_RETURN_IF_ERROR(check_outputs(*request, model));
  const auto rows = rows_of(*request, chosen.model->inputs(), options_.missing, options_.limits, rows_);
  if (!rows.ok()) return rows.status();
  WEIR_RETURN_IF_ERROR(clean_rows(*chosen.model, rows_));
  taken.outputs = std::move(request->outputs);
  taken.rows = *rows;
  taken.first = batch_.add_rows(chosen.model, rows_, taken.rows);
  rows_waiting_ += taken.rows;
  return absl::OkStatus();
}

InferenceServer::Taken InferenceServer::take(NullableBytes body, const Headers& headers, BytesView key,
                                             Timestamp time) {
  Taken taken;
  for (const Header& header : headers) {
    if (header.name == kCorrelationHeader) taken.headers.add(header.name, header.value);
  }
  taken.status = open(headers, taken);
  if (taken.status.ok()) taken.status = read(body, headers, key, time, taken);
  return taken;
}

void InferenceServer::score() { batch_.score(std::numeric_limits<std::size_t>::max(), unmeasured_); }

void InferenceServer::clear() {
  batch_.clear();
  rows_waiting_ = 0;
}

absl::Status InferenceServer::check_scores(const Taken& taken) const {
  if (std::string what = batch_.thrown(taken.first, taken.rows); !what.empty())
    return absl::InternalError(what);
  const std::span<const float> scores = batch_.scores(taken.first, taken.rows);
  const std::size_t width = scores.size() / taken.rows;
  for (std::size_t row = 0; row < taken.rows; ++row) {
    const std::string fault = fault_in(scores.subspan(row * width, width));
    if (!fault.empty())
      return absl::InternalError(
          fmt::format("model {}: row {}: {}", batch_.model(taken.first).model->name(), row, fault));
  }
  return absl::OkStatus();
}

void InferenceServer::measure(const std::string& model, const absl::Status& status) const {
  if (options_.metrics == nullptr) return;
  options_.metrics
      ->counter("weir_inference_requests_total", {{"node", node_},
                                                  {"task", task_},
                                                  {"model", model},
                                                  {"status", absl::StatusCodeToString(status.code())}})
      .add();
}

InferenceServer::Served InferenceServer::reply_to(Taken& taken, const Origin& origin) const {
  Served served;
  served.expired = taken.expired;
  InferenceResponse& response = taken.response;
  const absl::Status status = taken.status.ok() ? check_scores(taken) : taken.status;
  measure(response.model_name, status);
  if (is_malformed(status)) served.malformed = message_of(status);
  if (taken.topic.empty()) return served;  // there is nowhere to say so

  if (status.ok()) {
    response.outputs =
        outputs_of(taken.outputs, *batch_.model(taken.first).model, batch_.scores(taken.first, taken.rows));
  } else {
    response.error = message_of(status);
  }
  served.reply = InferenceReply{std::move(taken.topic), taken.partition, {}};
  write_response(taken.format, response, served.reply->body);
  served.headers = std::move(taken.headers);
  served.headers.add(kContentTypeHeader, std::string(content_type_of(taken.format)));
  served.headers.add(kReplyStatusHeader, absl::StatusCodeToString(status.code()));
  if (!status.ok()) {
    served.headers.add(kReplyErrorHeader, message_of(status));
    return served;
  }
  for (const Header& stamp : batch_.model(taken.first).stamps) served.headers.add(stamp.name, stamp.value);
  std::string id;
  append_prediction_id(origin, 0, id);
  if (!id.empty()) served.headers.add(kPredictionHeader, std::move(id));
  return served;
}

}  // namespace weir::ml
