#include "model_scenarios.h"

#include <array>
#include <charconv>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <weir/ml/registry/model_table.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"

namespace weir {
namespace {

constexpr Timestamp kFirstTime = 1'000'000;
constexpr int kLiveModels = 9;

std::array<float, 1> row_of(const std::string& value) {
  int number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return {static_cast<float>(number)};
}

std::string shown(const std::string& value, std::span<const float> scores) {
  return fmt::format("{}={}", value, scores[0]);
}

// With what the headers say; without the prediction's offset, which others may move.
std::string with_model(const std::string&, const std::string& value, const RecordInfo& info) {
  return fmt::format("{} {} {}", value, info.headers.last(ml::kModelVersionHeader)->value.value_or(""),
                     info.headers.last(ml::kModelBranchHeader)->value.value_or(""));
}

// With all of it.
std::string with_prediction(const std::string& key, const std::string& value, const RecordInfo& info) {
  return fmt::format("{} {}", with_model(key, value, info),
                     info.headers.last(ml::kPredictionHeader)->value.value_or(""));
}

template <class Stamp>
absl::StatusOr<Topology> scoring(ml::Activation activation, Stamp stamp) {
  StreamBuilder builder;
  const ml::ModelTable models(builder, {.registry = "models",
                                        .artifacts = "artifacts",
                                        .persistent = false,
                                        .formats = ml::scale_formats(),
                                        .loading = ml::Loading::kInline});
  builder.stream<std::string, std::string>("in")
      .apply(
          ml::score({.models = models.use("m", {.activation = activation}), .name = "score", .max_batch = 7},
                    row_of, shown))
      .map_values(stamp)
      .to("out");
  return builder.build();
}

NewRecord number(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record;
  record.key = fmt::format("k{}", chance.below(static_cast<std::uint64_t>(plan.keys)));
  record.value = std::to_string(n);
  // Out of order by up to three models.
  record.timestamp = kFirstTime + n * 10 + (chance.percent(30) ? chance.between(-3'000, 3'000) : 0);
  return record;
}

absl::Status append(EmbeddedBroker& broker, const std::string& topic, const std::string& key,
                    const std::string& value) {
  return broker.append(topic, 0, {.key = key, .value = value, .timestamp = kFirstTime}).status();
}

absl::Status append_chunk(EmbeddedBroker& broker, const std::string& factor) {
  return append(broker, "artifacts", ml::chunk_key(*ml::sha256_hex(factor), 0), factor);
}

// A new champion each second of record time, a challenger now and then, and some that nobody must use; every other one with a
// plan of its own.
absl::Status publish_history(EmbeddedBroker& broker) {
  WEIR_RETURN_IF_ERROR(broker.create_topic("models", 1, {{"cleanup.policy", "compact"}}));
  WEIR_RETURN_IF_ERROR(broker.create_topic("artifacts", 1, {{"cleanup.policy", "compact"}}));
  for (int i = 0; i < 20; ++i) {
    const std::string factor = std::to_string(i + 1);
    WEIR_RETURN_IF_ERROR(append_chunk(broker, factor));
    ml::ModelManifest manifest =
        ml::scale_manifest("v" + factor, factor, i == 0 ? 0 : kFirstTime + i * 1'000,
                           i % 5 == 3 ? ml::ModelRole::kChallenger : ml::ModelRole::kChampion);
    if (manifest.role == ml::ModelRole::kChallenger) manifest.weight = 3'000;
    if (i % 2 == 1)
      manifest.cleaning = ml::CleaningPlan{.columns = {{.name = "x", .steps = {ml::clip(i, 50 * i)}}}};
    if (i % 7 == 5) manifest.golden = {{{1.0F}, {0.5F}}};
    WEIR_RETURN_IF_ERROR(
        append(broker, "models", ml::registry_key("m", fmt::format("{:04}", i)), ml::text_of(manifest)));
  }
  return absl::OkStatus();
}

absl::Status publish_first(EmbeddedBroker& broker) {
  WEIR_RETURN_IF_ERROR(broker.create_topic("artifacts", 1, {{"cleanup.policy", "compact"}}));
  for (int i = 1; i <= kLiveModels; ++i) WEIR_RETURN_IF_ERROR(append_chunk(broker, std::to_string(i)));
  return append(broker, "models", ml::registry_key("m", "first"),
                ml::text_of(ml::scale_manifest("0", "1", 0)));
}

// Its version is its number, so that later ones are larger; its factor is one of those there are bytes of, and its plan takes the
// version off.
NewRecord live_model(SimulationChance&, const SimulationPlan&, int n) {
  const std::string factor = std::to_string(n % kLiveModels + 1);
  NewRecord record;
  record.key = ml::registry_key("m", fmt::format("live{:06}", n));
  ml::ModelManifest manifest = ml::scale_manifest(std::to_string(n + 1), factor, 0);
  manifest.cleaning = ml::CleaningPlan{.columns = {{.name = "x", .steps = {ml::standardise(n + 1, 1)}}}};
  record.value = ml::text_of(manifest);
  record.timestamp = kFirstTime;
  return record;
}

int number_in(std::string_view text) {
  int number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "<input>=<score> <version> <branch> <topic>-<partition>-<offset>", see with_prediction().
absl::Status one_score_each(EmbeddedBroker& broker, const SimulationPlan& plan) {
  std::map<std::string, std::string> scored;              // by prediction
  std::map<std::string, std::map<Offset, int>> versions;  // by source partition
  std::size_t inputs = 0;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    inputs += broker.read("in", partition).size();
    for (const BrokerRecord& record : broker.read("out", partition)) {
      const std::string value = record.value.value_or("");
      std::istringstream in(value);
      std::string result;
      std::string version;
      std::string branch;
      std::string prediction;
      in >> result >> version >> branch >> prediction;
      if (!scored.emplace(prediction, value).second)
        return absl::InternalError(
            fmt::format("two scores of {}: {} and {}", prediction, scored[prediction], value));
      const int factor = version == "0" ? 1 : (number_in(version) - 1) % kLiveModels + 1;
      const std::size_t equals = result.find('=');
      if ((number_in(result) - number_in(version)) * factor !=
          number_in(std::string_view(result).substr(equals + 1)))
        return absl::InternalError(fmt::format("not what the model {} says: {}", version, value));
      const std::size_t dash = prediction.rfind('-');
      versions[prediction.substr(0, dash)][number_in(std::string_view(prediction).substr(dash + 1))] =
          number_in(version);
    }
  }
  if (scored.size() != inputs)
    return absl::InternalError(fmt::format("{} records, {} scores", inputs, scored.size()));
  for (const auto& [source, by_offset] : versions) {
    int last = 0;
    for (const auto& [offset, version] : by_offset) {
      if (version < last)
        return absl::InternalError(
            fmt::format("{} went back from model {} to {} at {}", source, last, version, offset));
      last = version;
    }
  }
  return absl::OkStatus();
}

}  // namespace

SimulatedScenario models_as_of() {
  return {.name = "models-as-of",
          .topology = [] { return scoring(ml::Activation::kAsOf, with_model); },
          .inputs = {{"in", number}},
          .outputs = {{"out", OutputRule::kSamePerKey}},
          .limits = {.on_disk = false},
          .prepare = publish_history};
}

SimulatedScenario models_at_a_barrier() {
  return {.name = "models-at-a-barrier",
          .topology = [] { return scoring(ml::Activation::kBarrier, with_prediction); },
          .inputs = {{"in", number, 40}, {"models", live_model, 1, /*partitions=*/1}},
          .outputs = {{"out", OutputRule::kNotCompared}},
          .limits = {.at_least_once = false, .on_disk = false, .beside = true},
          .prepare = publish_first,
          .check = one_score_each};
}

}  // namespace weir
