#include "oracle/run.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/core/testing/topology_driver.h>

#include "oracle/stores.h"
#include "oracle/topology.h"
#include "oracle/values.h"

namespace weir::oracle {
namespace {

using nlohmann::json;

// A recording shows what is specific to an implementation as "<...>".
constexpr std::string_view kErrors = "__streams.errors.";

absl::StatusOr<Headers> headers_of(const json& step) {
  Headers headers;
  const auto given = step.find("headers");
  if (given == step.end()) return headers;
  for (const json& header : *given) {
    const std::string name = header.at(0);
    if (header.at(1).is_null()) {
      headers.add(name, std::nullopt);
    } else {
      headers.add(name, header.at(1).get<std::string>());
    }
  }
  return headers;
}

json shown(const Headers& headers) {
  json result = json::array();
  for (const Header& header : headers) {
    json value;
    if (header.value) value = std::string(*header.value);
    for (const std::string_view hidden : {"exception", "message", "stacktrace"}) {
      if (header.name == std::string(kErrors) + std::string(hidden)) value = fmt::format("<{}>", hidden);
    }
    result.push_back({header.name, value});
  }
  return result;
}

ErrorPolicy policy_of(const json& config) {
  bool goes_on = false;
  for (const char* handler : {"deserializationHandler", "processingHandler", "productionHandler"}) {
    goes_on |= config.value(handler, "fail") == "continue";
  }
  if (!goes_on) return ErrorPolicy::kFail;
  return config.contains("deadLetterTopic") ? ErrorPolicy::kDeadLetter : ErrorPolicy::kSkip;
}

class Run {
 public:
  Run(const json& scenario, Types types) : scenario_(scenario), types_(std::move(types)) {}

  absl::Status prepare(const Describe& describe, const RunOptions& options) {
    StreamBuilder builder(options.likeness);
    describe(builder, effects_);
    auto topology = builder.build();
    if (!topology.ok()) return topology.status();
    const json config = scenario_.value("config", json::object());
    DriverOptions driver_options;
    driver_options.application_id = "oracle";
    driver_options.on_error = policy_of(config);
    driver_options.dead_letter_topic = config.value("deadLetterTopic", "");
    driver_options.state_directory = options.state_directory;
    restarts_ = options.restarts;
    auto driver = TopologyDriver::create(*topology, driver_options);
    if (!driver.ok()) return driver.status();
    driver_ = *std::move(driver);
    return absl::OkStatus();
  }

  absl::StatusOr<json> play(const json& wanted_stores) {
    json result = {{"droppedAt", json::array()}};
    std::uint64_t dropped = 0;
    const json& steps = scenario_.at("steps");
    for (std::size_t step = 0; step < steps.size(); ++step) {
      effects_.begin_step(step);
      absl::Status failure;
      if (absl::Status taken = take(steps[step], failure); !taken.ok()) {
        return with_context(taken, fmt::format("step {}", step));
      }
      const std::uint64_t now = dropped_before_ + driver_->counters().dropped_total();
      if (now > dropped) result["droppedAt"].push_back({step, now - dropped});
      dropped = now;
      if (!failure.ok()) {
        result["error"] = {{"step", step}, {"message", message_of(failure)}};
        break;
      }
      if (restarts_) {
        dropped_before_ = dropped;
        if (absl::Status again = driver_->restart(); !again.ok()) {
          return with_context(again, fmt::format("restart after step {}", step));
        }
      }
    }
    result["droppedRecords"] = dropped;
    if (!effects_.seen().empty()) result["effects"] = effects_.seen();
    auto outputs = collect();
    if (!outputs.ok()) return outputs.status();
    result["outputs"] = *std::move(outputs);
    if (result.contains("error")) return result;
    auto stores = contents_of(*driver_, wanted_stores, scenario_);
    if (!stores.ok()) return stores.status();
    result["stores"] = *std::move(stores);
    return result;
  }

 private:
  // Returns whether the step was one; `failure` is what the processing said.
  absl::Status take(const json& step, absl::Status& failure) {
    if (step.contains("advanceWallClockMs")) {
      failure = driver_->advance_wall_clock(Duration(step.at("advanceWallClockMs").get<std::int64_t>()));
      return absl::OkStatus();
    }
    const std::string topic = step.at("topic");
    const auto types = types_.inputs.find(topic);
    if (types == types_.inputs.end()) {
      return absl::InvalidArgumentError(fmt::format("the topology does not read the topic '{}'", topic));
    }
    auto key = bytes_of(step, "key", "rawKey", types->second.key);
    if (!key.ok()) return key.status();
    auto value = bytes_of(step, "value", "rawValue", types->second.value);
    if (!value.ok()) return value.status();
    auto headers = headers_of(step);
    if (!headers.ok()) return headers.status();
    failure = driver_->pipe_raw(topic, {.key = *std::move(key),
                                        .value = *std::move(value),
                                        .timestamp = step.at("ts"),
                                        .headers = *std::move(headers)});
    return absl::OkStatus();
  }

  static absl::StatusOr<std::optional<Bytes>> bytes_of(const json& step, const char* typed, const char* raw,
                                                       const std::string& type) {
    if (step.contains(raw)) return encode("raw", step.at(raw));
    return encode(type, step.value(typed, json()));
  }

  absl::StatusOr<json> collect() {
    json outputs = json::object();
    for (const auto& [topic, types] : types_.outputs) {
      json& records = outputs[topic] = json::array();
      for (const RawOutput& output : driver_->read_raw(topic)) {
        auto key = decode(types.key, view_of(output.record.key));
        if (!key.ok()) return with_context(key.status(), "a key in " + topic);
        auto value = decode(types.value, view_of(output.record.value));
        if (!value.ok()) return with_context(value.status(), "a value in " + topic);
        json record = {{"step", restarts_ ? output.step / 2 : output.step},  // a restart is one too
                       {"key", *std::move(key)},
                       {"value", *std::move(value)},
                       {"ts", output.record.timestamp}};
        if (!output.record.headers.empty()) record["headers"] = shown(output.record.headers);
        records.push_back(std::move(record));
      }
    }
    return outputs;
  }

  const json& scenario_;
  const Types types_;
  Effects effects_;
  bool restarts_ = false;
  std::uint64_t dropped_before_ = 0;        // by tasks that are gone
  std::unique_ptr<TopologyDriver> driver_;  // its nodes use effects_
};

}  // namespace

absl::StatusOr<json> run(const json& scenario, const json& wanted_stores, const RunOptions& options) {
  const std::string name = scenario.at("topology");
  const Describe* describe = find_topology(name);
  if (describe == nullptr)
    return absl::NotFoundError(fmt::format("the topology '{}' is not implemented", name));
  auto types = types_of(name);
  if (!types.ok()) return types.status();
  Run run(scenario, *std::move(types));
  if (absl::Status prepared = run.prepare(*describe, options); !prepared.ok()) return prepared;
  return run.play(wanted_stores);
}

}  // namespace weir::oracle
