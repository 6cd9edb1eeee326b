// Does a model from topics come to ONNX Runtime where a library is named, and is it refused with the reason where not?
#include <weir/ml/registry/model_table.h>

#include <array>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "onnxruntime/library_of_wheel.h"
#include "registry/scale_model.h"

namespace weir::ml {
namespace {

using Number = std::int64_t;
using ::testing::HasSubstr;

// A program that scores "in" into "out" with the model "m" from topics, which sums neighbours of (value, 1, 2).
std::unique_ptr<TopologyDriver> start(const OnnxRuntimeOptions& onnx_runtime) {
  StreamBuilder builder;
  const ModelTable models(builder, {.registry = "models",
                                    .artifacts = "artifacts",
                                    .persistent = false,
                                    .formats = ModelFormats::standard(onnx_runtime),
                                    .loading = Loading::kInline});
  const ScoreOptions options{.models = models.use("m", {.status_topic = "status"}), .name = "score"};
  const auto row_of = [](Number value) { return std::array{static_cast<float>(value), 1.0f, 2.0f}; };
  const auto sum_of = [](Number, std::span<const float> scores) {
    return static_cast<Number>(scores[0]) * 100 + static_cast<Number>(scores[1]);
  };
  builder.stream<std::string, Number>("in").apply(score(options, row_of, sum_of)).to("out");
  auto topology = builder.build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  auto driver = TopologyDriver::create(*topology, {});
  EXPECT_TRUE(driver.ok()) << driver.status();
  return *std::move(driver);
}

void publish(TopologyDriver& driver, const std::string& bytes) {
  ModelManifest manifest = scale_manifest("v1", bytes, 0);
  manifest.format = "auto";
  manifest.golden = {{{1.0f, 2.0f, 4.0f}, {3.0f, 6.0f}}};
  absl::Status status =
      driver.pipe<std::string, std::string>("artifacts", chunk_key(manifest.digest, 0), bytes, 0);
  EXPECT_TRUE(status.ok()) << status;
  status = driver.pipe<std::string, std::string>("models", registry_key("m", "1"), text_of(manifest), 0);
  EXPECT_TRUE(status.ok()) << status;
}

std::string states_of(TopologyDriver& driver) {
  std::string text;
  for (const auto& output : driver.read<std::string, std::string>("status")) text += output.value + "\n";
  return text;
}

TEST(OnnxRuntimeRegistry, ScoresModelsFromTopicsByTheLibrary) {
  const std::string library = testing::library_of_wheel();
  if (library.empty()) GTEST_SKIP() << "skipped: ONNX Runtime is not there to load; ./dev test installs it";
  const std::unique_ptr<TopologyDriver> driver = start({.library = library});
  publish(*driver, testing::convolution_model());
  ASSERT_TRUE((driver->pipe<std::string, Number>("in", "k", 41, 5).ok())) << states_of(*driver);
  const auto results = driver->read<std::string, Number>("out");
  ASSERT_EQ(results.size(), 1u) << states_of(*driver);
  EXPECT_EQ(results[0].value, 4203);
  EXPECT_EQ(results[0].headers.last(kModelVersionHeader)->value, "v1");
}

TEST(OnnxRuntimeRegistry, RefusesModelsBeyondTheNativeOperatorsWhereNoLibraryIsNamed) {
  const std::unique_ptr<TopologyDriver> driver = start({});
  publish(*driver, testing::convolution_model());
  EXPECT_THAT(states_of(*driver), HasSubstr("the operator Conv is not supported"));
}

}  // namespace
}  // namespace weir::ml
