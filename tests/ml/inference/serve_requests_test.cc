// Does every request get its reply, with scores or with the reason why not?
#include <weir/ml/inference/serve_requests.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/ml/registry/model_table.h>
#include <weir/weir.h>

#include "ml/counting_model.h"
#include "ml/registry/scale_model.h"
#include "support/batch_task.h"
#include "support/records.h"

namespace weir::ml {
namespace {

// Ten times its input.
std::shared_ptr<CountingModel> ten(const std::string& name = "ten") {
  return std::make_shared<CountingModel>(ModelIdentity{name, "1"}, 10.0F);
}

using Request = std::optional<std::string>;

class ServeRequests : public testing::Test {
 protected:
  void SetUp() override { start({.metrics = metrics_}); }

  void start(ServingOptions options) {
    StreamBuilder builder;
    const ModelTable table(builder, {.registry = "models",
                                     .artifacts = "artifacts",
                                     .persistent = false,
                                     .formats = scale_formats(),
                                     .loading = Loading::kInline});
    options.models = {{"ten", fixed_model(ten())},
                      {"m", table.use("m", {.activation = Activation::kLatest})}};
    if (options.default_model.empty()) options.default_model = "ten";
    options.reply_topics = {"replies", "others"};
    options.name = "serve";
    serve_requests(builder.stream<std::string, Request>("requests"), options);
    const auto topology = builder.build();
    ASSERT_TRUE(topology.ok()) << topology.status();
    auto driver = TopologyDriver::create(*topology, {.wall_clock = 1'000, .dead_letter_topic = "dead"});
    ASSERT_TRUE(driver.ok()) << driver.status();
    driver_ = *std::move(driver);
    const ModelManifest manifest = scale_manifest("v3", "3", 0);
    ASSERT_TRUE(
        (driver_->pipe<std::string, std::string>("artifacts", chunk_key(manifest.digest, 0), "3", 0)).ok());
    ASSERT_TRUE(
        (driver_->pipe<std::string, Request>("models", registry_key("m", "1"), text_of(manifest), 0)).ok());
  }

  void send(const Request& body, Headers headers = {}) {
    headers.add(kCorrelationHeader, "c" + std::to_string(sent_++));
    const absl::Status status = driver_->pipe<std::string, Request>("requests", "k", body, 5, headers);
    ASSERT_TRUE(status.ok()) << status;
  }
  // "<correlation> <status>: <body or error>"
  std::string reply(const std::string& topic = "replies") {
    std::string text;
    for (const auto& output : driver_->read<std::string, std::string>(topic)) {
      EXPECT_EQ(output.key, "k");
      EXPECT_EQ(output.timestamp, 5);
      const auto header = [&](const char* name) {
        const Header* found = output.headers.last(name);
        return found == nullptr ? "" : found->value.value_or("");
      };
      const std::string error = header(kReplyErrorHeader);
      text += header(kCorrelationHeader) + " " + header(kReplyStatusHeader) + ": " +
              (error.empty() ? output.value : error);
      headers_ = output.headers;
      body_ = output.value;
    }
    return text;
  }
  std::size_t letters() { return driver_->read_raw("dead").size(); }
  std::string ask(const Request& body, const Headers& headers = {}) {
    send(body, headers);
    return reply();
  }

  static std::string row(const std::string& data, const std::string& more = "") {
    return R"({"inputs":[{"name":"x","datatype":"FP32","shape":[)" +
           std::to_string(1 + std::count(data.begin(), data.end(), ',')) + R"(],"data":[)" + data + "]}]" +
           more + "}";
  }

  const std::shared_ptr<ModelMetrics> metrics_ = std::make_shared<ModelMetrics>();
  std::unique_ptr<TopologyDriver> driver_;
  int sent_ = 0;
  Headers headers_;
  std::string body_;
};

TEST_F(ServeRequests, CleansTheRowsByThePlanOfTheModel) {
  const std::string request = row("1,2.5", R"(,"model_name":"m")");
  EXPECT_NE(ask(request).find(R"("data":[3,7.5])"), std::string::npos);
  ModelManifest manifest = scale_manifest("v3", "3", 0);
  manifest.cleaning =
      CleaningPlan{.columns = {{.name = "x", .steps = {clip(0, 2)}, .when_missing = WhenMissing::kRefuse}}};
  ASSERT_TRUE(
      (driver_->pipe<std::string, Request>("models", registry_key("m", "2"), text_of(manifest), 0)).ok());
  const std::string answer = ask(request);
  EXPECT_NE(answer.find(R"("data":[3,6])"), std::string::npos) << answer;
}

TEST_F(ServeRequests, ScoresTheRowsOfARequestAndSaysWhichModelItWas) {
  EXPECT_EQ(
      ask(row("1,2.5", R"(,"id":"r1")")),
      R"(c0 OK: {"id":"r1","model_name":"ten","model_version":"1","outputs":[{"data":[10,25],"datatype":"FP32","name":"y","shape":[2]}]})");
  EXPECT_EQ(headers_, (Headers{{kCorrelationHeader, "c0"},
                               {kContentTypeHeader, "application/json"},
                               {kReplyStatusHeader, "OK"},
                               {kModelNameHeader, "ten"},
                               {kModelVersionHeader, "1"},
                               {kPredictionHeader, "requests-0-0"}}));
  EXPECT_EQ(letters(), 0u);
}

TEST_F(ServeRequests, AModelOfTheRegistryScoresWhenItIsAskedFor) {
  EXPECT_NE(ask(row("2", R"(,"model_name":"m")")).find(R"("data":[6])"), std::string::npos) << body_;
  EXPECT_NE(ask(row("2"), {{kRequestedModelHeader, "m"}}).find(R"("data":[6])"), std::string::npos) << body_;
  EXPECT_NE(ask(row("2", R"(,"model_name":"m","model_version":"v3")")).find("OK"), std::string::npos);
  EXPECT_EQ(ask(row("2", R"(,"model_name":"m","model_version":"v4")")),
            "c3 NOT_FOUND: of the model 'm' version 'v3' is in use, not 'v4'");
  EXPECT_EQ(letters(), 1u);
}

TEST_F(ServeRequests, WhatMakesNoSenseGetsAnErrorReplyAndIsSentAside) {
  EXPECT_EQ(ask("{").substr(0, 31), "c0 INVALID_ARGUMENT: not JSON: ");
  EXPECT_NE(body_.find(R"({"error":"not JSON)"), std::string::npos);
  EXPECT_EQ(ask(std::nullopt), "c1 INVALID_ARGUMENT: the request has no value");
  EXPECT_EQ(ask(row("1", R"(,"model_name":"nine")")), "c2 NOT_FOUND: there is no model 'nine'");
  EXPECT_EQ(ask(row("1", R"(,"id":"r","outputs":[{"name":"z"}])")),
            "c3 INVALID_ARGUMENT: the model has no output 'z'; it has 'y'");
  EXPECT_EQ(
      body_,
      R"({"error":"the model has no output 'z'; it has 'y'","id":"r","model_name":"ten","model_version":"1"})");
  EXPECT_EQ(ask(row("null")), "c4 INVALID_ARGUMENT: tensor 'x': value 0 is missing (NaN)");
  EXPECT_EQ(ask(row("1"), {{kContentTypeHeader, "text/plain"}}),
            "c5 INVALID_ARGUMENT: the content type 'text/plain' is unknown");
  EXPECT_EQ(ask(row("1"), {{kDeadlineHeader, "soon"}}),
            "c6 INVALID_ARGUMENT: the header deadline-ms is no number: 'soon'");
  const auto dead = driver_->read_raw("dead");
  ASSERT_EQ(dead.size(), 7u);
  EXPECT_EQ(dead[0].record.value, "{");
  EXPECT_EQ(dead[2].record.headers.last(kCorrelationHeader)->value, "c2");
  EXPECT_EQ(dead[2].record.headers.last("__streams.errors.message")->value, "there is no model 'nine'");
}

TEST_F(ServeRequests, AModelThatFailsIsTheServersFaultAndNotTheRequests) {
  EXPECT_EQ(ask(row("1,-7")), "c0 INTERNAL: model ten: seven is not served");
  EXPECT_EQ(ask(row("1,-8")), "c1 INTERNAL: model ten: row 1: output 0 is nan");
  EXPECT_EQ(letters(), 0u);
}

TEST_F(ServeRequests, RepliesGoWhereTheyMayAndNowhereElse) {
  send(row("1"), {{kReplyTopicHeader, "others"}, {kReplyPartitionHeader, "0"}});
  EXPECT_NE(reply("others").find("c0 OK"), std::string::npos);
  send(row("1"), {{kReplyTopicHeader, "payments"}});
  send(row("1"), {{kReplyPartitionHeader, "9"}});
  EXPECT_EQ(reply(), "");
  EXPECT_EQ(driver_->read_raw("payments").size(), 0u);
  const auto dead = driver_->read_raw("dead");
  ASSERT_EQ(dead.size(), 2u);
  EXPECT_EQ(dead[0].record.headers.last("__streams.errors.message")->value,
            "replies may not go to the topic 'payments'");
  EXPECT_EQ(dead[1].record.headers.last("__streams.errors.message")->value,
            "the reply is to go to partition 9 of 'replies', which has 1");
}

TEST_F(ServeRequests, AfterTheDeadlineThereIsAnErrorAndNoWork) {
  EXPECT_NE(ask(row("1"), {{kDeadlineHeader, "1000"}}).find("c0 OK"), std::string::npos);
  EXPECT_EQ(ask(row("1"), {{kDeadlineHeader, "990"}}), "c1 DEADLINE_EXCEEDED: the deadline was 10 ms ago");
  EXPECT_EQ(letters(), 0u);
  EXPECT_EQ(driver_->counters().dropped[static_cast<std::size_t>(DropReason::kExpired)], 1u);
}

TEST_F(ServeRequests, OtherFormatsAreAnsweredInKind) {
  const InferenceRequest request{"r1", "ten", "", {{"x", "INT32", {2, 1}, {1, 2}}}};
  Bytes body;
  write_request(InferenceFormat::kProtobuf, request, body);
  send(body, {{kContentTypeHeader, "application/x-protobuf"}});
  reply();
  const auto response = read_response(InferenceFormat::kProtobuf, body_);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->id, "r1");
  EXPECT_EQ(response->outputs.at(0).values, (std::vector<double>{10, 20}));

  for (const auto format : {InferenceFormat::kFloat32Rows, InferenceFormat::kFloat64Rows}) {
    Bytes rows;
    write_request(format, {"", "", "", {{"", "FP64", {3}, {1, 2, 3}}}}, rows);
    EXPECT_EQ(rows.size(), format == InferenceFormat::kFloat32Rows ? 12u : 24u);
    send(rows, {{kContentTypeHeader, std::string(content_type_of(format))}});
    reply();
    EXPECT_EQ(read_response(format, body_)->outputs.at(0).values, (std::vector<double>{10, 20, 30}));
    EXPECT_EQ(ask(rows.substr(1), {{kContentTypeHeader, std::string(content_type_of(format))}}).substr(3, 16),
              "INVALID_ARGUMENT");
    EXPECT_EQ(body_, "");
  }
}

TEST_F(ServeRequests, MissingValuesAreScoredWhereTheyMayBe) {
  start({.missing = MissingValues::kScored});
  EXPECT_EQ(ask(row("null")), "c0 INTERNAL: model ten: row 0: output 0 is nan");
}

TEST_F(ServeRequests, AreCountedByModelAndOutcome) {
  for (const char* data : {"1", "2", "-7", "null"}) ask(row(data));
  ask(row("1", R"(,"model_name":"nine")"));
  const auto count = [&](const std::string& model, const std::string& status) {
    return metrics_
        ->counter("weir_inference_requests_total",
                  {{"node", "serve"}, {"task", "0_0"}, {"model", model}, {"status", status}})
        .value();
  };
  EXPECT_EQ(count("ten", "OK"), 2u) << metrics_->text();
  EXPECT_EQ(count("ten", "INTERNAL"), 1u);
  EXPECT_EQ(count("ten", "INVALID_ARGUMENT"), 1u);
  EXPECT_EQ(count("", "NOT_FOUND"), 1u) << "no series for whatever name a request has";
}

// A task that is given several requests at a time.
class RequestsAtHand : public testing::Test {
 protected:
  void start(std::size_t max_batch) {
    model_ = ten("one");
    other_ = ten("two");
    task_ = std::make_unique<BatchTask>(
        [&](StreamBuilder& builder) {
          serve_requests(builder.stream<std::string, Request>("in"),
                         {.models = {{"one", fixed_model(model_)}, {"two", fixed_model(other_)}},
                          .default_model = "one",
                          .reply_topics = {"out"},
                          .max_batch = max_batch,
                          .name = "serve"});
        },
        ErrorPolicy::kFail, 2);
  }
  void ask(const std::string& key, const std::string& data, Headers headers = {}, Partition partition = 0) {
    headers.add(kCorrelationHeader, "c" + std::to_string(asked_++));
    task_->add<std::string, Request>("in", key, request_of(data), asked_, partition, headers);
  }
  static std::string request_of(const std::string& data) {
    return R"({"inputs":[{"name":"x","datatype":"FP32","shape":[)" +
           std::to_string(1 + std::count(data.begin(), data.end(), ',')) + R"(],"data":[)" + data + "]}]}";
  }
  // Everything that was written, headers included, in order: "<topic> <key> <value> <headers>".
  std::vector<std::string> written() {
    std::vector<std::string> lines;
    for (const auto& [topic, record] : task_->written_all()) {
      std::string line = topic + " " + record.key.value_or("") + " " + record.value.value_or("");
      for (const Header& header : record.headers) line += " " + header.name + "=" + header.value.value_or("");
      lines.push_back(line + " @" + std::to_string(record.timestamp));
    }
    return lines;
  }

  std::shared_ptr<CountingModel> model_;
  std::shared_ptr<CountingModel> other_;
  std::unique_ptr<BatchTask> task_;
  int asked_ = 0;
};

using Calls = std::vector<std::size_t>;

TEST_F(RequestsAtHand, AreScoredTogetherByTheirModels) {
  start(64);
  ask("a", "1");
  ask("b", "2,3,4");
  ask("c", "5", {{kRequestedModelHeader, "two"}});
  ask("a", "6");
  ASSERT_TRUE(task_->work().ok());
  EXPECT_EQ(model_->calls(), (Calls{5}));
  EXPECT_EQ(other_->calls(), (Calls{1}));
  const auto lines = written();
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_NE(lines[1].find(R"("data":[20,30,40])"), std::string::npos) << lines[1];
  EXPECT_NE(lines[3].find("correlation-id=c3"), std::string::npos) << "in their order";
}

TEST_F(RequestsAtHand, AreAsManyAsABatchHoldsAndNeverDivided) {
  start(4);
  for (const char* data : {"1", "2", "3,4,5", "6", "7,8,9,10,11,12"}) ask("a", data);
  ASSERT_TRUE(task_->work().ok());
  EXPECT_EQ(model_->calls(), (Calls{5, 7}));
  for (int i = 0; i < 5; ++i) ask("a", "null");
  ask("a", "1");
  ASSERT_TRUE(task_->work().ok());
  EXPECT_EQ(model_->calls(), (Calls{5, 7, 1})) << "those without rows fill it, too";
  EXPECT_EQ(written().size(), 5u + 6u + 5u) << "with five letters";
}

TEST_F(RequestsAtHand, OfOnePartitionAreAnsweredBeforeThoseOfAnotherAndBeforeACommit) {
  start(64);
  ask("a", "1");
  ask("a", "2");
  ask("b", "3", {}, 1);
  ASSERT_TRUE(task_->work().ok());
  EXPECT_EQ(model_->calls(), (Calls{2, 1}));
  ask("a", "4");
  ASSERT_TRUE(*task_->task().process_next());
  EXPECT_EQ(task_->task().positions()[0].offset, 2) << "what is held is not passed";
  ASSERT_TRUE(task_->commit().ok());
  EXPECT_EQ(task_->task().positions()[0].offset, 3);
  EXPECT_EQ(written().size(), 4u);
}

TEST_F(RequestsAtHand, HaveTheSameRepliesAndLettersWhateverTheBatch) {
  std::vector<std::string> expected;
  for (const std::size_t max_batch : {1U, 2U, 5U, 64U}) {
    start(max_batch);
    asked_ = 0;
    std::mt19937_64 chance(7);
    for (int i = 0; i < 400; ++i) {
      std::string data = std::to_string(i);
      if (chance() % 3 == 0) data += "," + std::to_string(i + 1);
      const auto kind = chance() % 16;
      if (kind == 0) data += ",-7";    // the model throws
      if (kind == 1) data += ",-8";    // it has no score
      if (kind == 2) data += ",null";  // malformed
      Headers headers;
      if (kind == 3) headers.add(kDeadlineHeader, "0");
      if (kind == 4) headers.add(kReplyTopicHeader, "nowhere");
      if (kind == 5) headers.add(kReplyPartitionHeader, "5");
      if (kind == 6) headers.add(kRequestedModelHeader, "three");
      if (kind >= 12) headers.add(kRequestedModelHeader, "two");
      task_->clock.advance(Duration{1});
      ask("key-" + std::to_string(chance() % 5), data, headers, static_cast<Partition>(i / 50 % 2));
    }
    ASSERT_TRUE(task_->work().ok());
    ASSERT_TRUE(task_->commit().ok());
    const auto lines = written();
    if (expected.empty()) expected = lines;
    EXPECT_EQ(lines, expected) << "max_batch " << max_batch;
    EXPECT_GT(std::count_if(lines.begin(), lines.end(),
                            [](const std::string& line) { return line.starts_with("aside "); }),
              20);
    EXPECT_GT(std::count_if(lines.begin(), lines.end(),
                            [](const std::string& line) { return line.find("seven") != std::string::npos; }),
              10);
  }
}

TEST_F(RequestsAtHand, ThatAreMalformedMeetThePolicyWithTheirOwnOffset) {
  start(64);
  for (const char* data : {"1", "null", "3"}) ask("a", data);
  ASSERT_TRUE(task_->work().ok());
  for (const auto& [topic, record] : task_->written_all()) {
    if (topic != "aside") continue;
    EXPECT_EQ(record.headers.last("__streams.errors.offset")->value, "1");
    EXPECT_EQ(record.headers.last(kCorrelationHeader)->value, "c1");
    EXPECT_EQ(record.value, request_of("null"));
  }
}

// Notes the keys that a model was chosen by.
class NotedKeys final : public ModelSource {
 public:
  explicit NotedKeys(std::vector<Bytes>& keys) : keys_(keys) {}
  [[nodiscard]] std::unique_ptr<ModelChoice> open(TaskContext& /*context*/, const Node& /*node*/,
                                                  const std::string& /*feature_view*/) const override {
    return std::make_unique<Choice>(keys_);
  }

 private:
  class Choice final : public ModelChoice {
   public:
    explicit Choice(std::vector<Bytes>& keys) : keys_(keys) {}
    [[nodiscard]] const Chosen& choose(BytesView key, Timestamp /*time*/) override {
      keys_.emplace_back(key);
      return chosen_;
    }

   private:
    std::vector<Bytes>& keys_;
    const Chosen chosen_{std::make_shared<ServedModel>(ten(), "", ""), nullptr};
  };

  std::vector<Bytes>& keys_;
};

// A challenger's share is by key: a request must not lose its key on the way.
TEST(ServingKeys, ChooseTheModelAlsoWhereTheyWereMadeInTheTopology) {
  std::vector<Bytes> keys;
  BatchTask task([&](StreamBuilder& builder) {
    serve_requests(builder.stream<std::string, Request>("in").select_key(
                       [](const std::string& key, const Request&) { return key + "-made"; }),
                   {.models = {{"ten", std::make_shared<NotedKeys>(keys)}}, .reply_topics = {"out"}});
  });
  const Request request = R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]})";
  task.add<std::string, Request>("in", "a", request, 1);
  task.add<std::string, Request>("in", "b", request, 2);
  ASSERT_TRUE(task.work().ok());
  EXPECT_EQ(keys, (std::vector<Bytes>{"a-made", "b-made"}));
  EXPECT_EQ(task.written("out").size(), 2u);
}

TEST(ServingOptions, ThatCannotWorkAreRefused) {
  EXPECT_EQ(problem_with(ServingOptions{}), "options.models is empty");
  ServingOptions options;
  options.models["a"] = nullptr;
  EXPECT_EQ(problem_with(options), "options.models has nothing for 'a'");
  options.models["a"] = fixed_model(ten());
  EXPECT_EQ(problem_with(options), "options.reply_topics is empty");
  options.reply_topics = {"replies"};
  EXPECT_EQ(problem_with(options), "");
  options.max_batch = 0;
  EXPECT_EQ(problem_with(options), "options.max_batch is 0");
  options.max_batch = 1;
  options.default_model = "b";
  EXPECT_EQ(problem_with(options), "options.default_model 'b' is none of options.models");
}

}  // namespace
}  // namespace weir::ml
