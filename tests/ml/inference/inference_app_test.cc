// Requests and replies over the embedded broker: each request has one committed reply.
#include <weir/ml/inference/inference_client.h>

#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <weir/core/app.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/ml/inference/serve_requests.h>
#include <weir/weir.h>

#include "support/scratch_folder.h"

namespace weir::ml {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class Adding final : public Model {
 public:
  Adding() : Model({"adding", "2"}, {{"a", "b"}, {"sum"}}) {}

 private:
  void evaluate(const RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = rows.row(i)[0] + rows.row(i)[1];
  }
};

class InferenceApp : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* topic : {"requests", "replies", "dead"})
      ASSERT_TRUE(broker_->create_topic(topic, 2).ok());
    StreamBuilder builder;
    serve_requests(
        builder.stream<std::string, std::optional<Bytes>>("requests"),
        {.models = {{"adding", fixed_model(std::make_shared<Adding>())}}, .reply_topics = {"replies"}});
    AppConfig config;
    config.application_id = "serving";
    config.transport = make_embedded_transport(broker_);
    config.guarantee = Guarantee::kExactlyOnce;
    config.commit_interval = 10ms;
    config.workers = 2;
    config.dead_letter_topic = "dead";
    config.state_directory = scratch_.path();
    auto app = App::create(*builder.build(), config);
    ASSERT_TRUE(app.ok()) << app.status();
    app_ = *std::move(app);
    ASSERT_TRUE(app_->start().ok());
  }

  std::unique_ptr<InferenceClient> client(const std::string& id, Partition partition,
                                          InferenceFormat format) {
    auto client = InferenceClient::open(*transport_, {.client_id = id,
                                                      .requests = "requests",
                                                      .replies = "replies",
                                                      .reply_partition = partition,
                                                      .format = format});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  const ScratchFolder scratch_;
  std::shared_ptr<EmbeddedBroker> broker_ = std::make_shared<EmbeddedBroker>();
  std::unique_ptr<Transport> transport_ = make_embedded_transport(broker_);
  std::unique_ptr<App> app_;
};

TEST_F(InferenceApp, ClientsOfEveryFormatGetTheirOwnReplies) {
  const InferenceRequest request{.model_name = "adding", .inputs = {{"rows", "FP32", {2, 2}, {1, 2, 3, 4}}}};
  int n = 0;
  for (const InferenceFormat format : {InferenceFormat::kJson, InferenceFormat::kProtobuf,
                                       InferenceFormat::kFloat32Rows, InferenceFormat::kFloat64Rows}) {
    const auto asking = client("client" + std::to_string(n), n % 2, format);
    const auto response = asking->ask(request, 30s, "key" + std::to_string(n));
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->outputs.at(0).values, (std::vector<double>{3, 7}));
    ++n;
  }
  const auto asking = client("last", 0, InferenceFormat::kJson);
  InferenceRequest wrong = request;
  wrong.inputs[0].shape = {4};
  const auto refused = asking->ask(wrong, 30s);
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  EXPECT_EQ(refused.status().message(),
            "tensor 'rows': a shape of [4], and the model takes rows of 2 values");
  EXPECT_TRUE(app_->close(30s).ok());
  EXPECT_EQ(broker_->read("dead", 0).size() + broker_->read("dead", 1).size(), 1u);
}

TEST_F(InferenceApp, ManyRequestsHaveOneReplyEach) {
  const auto asking = client("many", 1, InferenceFormat::kJson);
  std::map<std::string, double> expected;
  for (int i = 0; i < 500; ++i) {
    const double value = i;
    const std::string id = asking->send({.inputs = {{"row", "FP64", {2}, {value, 1}}}}, std::to_string(i));
    EXPECT_TRUE(expected.emplace(id, value + 1).second);
  }
  std::map<std::string, double> got;
  while (got.size() < expected.size()) {
    const auto replies = asking->receive(30s);
    ASSERT_TRUE(replies.ok()) << replies.status();
    ASSERT_FALSE(replies->empty()) << got.size();
    for (const auto& [id, result] : *replies) {
      EXPECT_EQ(result.status, "OK");
      EXPECT_TRUE(got.emplace(id, result.response.outputs.at(0).values.at(0)).second);
    }
  }
  EXPECT_EQ(got, expected);
  EXPECT_TRUE(app_->close(30s).ok());
  EXPECT_EQ(broker_->read("replies", 1).size(), 500u);
}

}  // namespace
}  // namespace weir::ml
