#include "models.h"

#include <fstream>
#include <iterator>

#include <weir/core/json_serde.h>
#include <weir/core/status.h>
#include <weir/ml/registry/publisher.h>
#include <weir/ml/xgboost_json.h>

#include "boosted_trees.h"
#include "card_features.h"
#include "quality.h"
#include "topology.h"
#include "training_table.h"

namespace fraud {

struct References {
  std::vector<weir::ml::DriftReference> references;
};

}  // namespace fraud

template <>
struct weir::Serde<fraud::References> : weir::JsonSerde<fraud::References> {
  static constexpr auto kFields = fields(field("references", &fraud::References::references));
};

namespace fraud {
namespace {

constexpr weir::Timestamp kDay = 86'400'000;

absl::StatusOr<std::string> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError("cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// What drift would see of the training rows.
absl::StatusOr<std::string> references_of(const training::Table& table, const std::string& model) {
  const auto loaded = weir::ml::load_xgboost_json(model);
  if (!loaded.ok()) return loaded.status();
  std::vector<double> columns[3];
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const auto values = std::span(table.values).subspan(row * kFeatureNames.size(), kFeatureNames.size());
    float probability = 0;
    WEIR_RETURN_IF_ERROR((*loaded)->predict_row(values, {&probability, 1}));
    columns[0].push_back(static_cast<double>(probability));
    columns[1].push_back(static_cast<double>(values[column_of("amount_to_usual")]));
    columns[2].push_back(static_cast<double>(values[column_of("card_present")]));
  }
  References references;
  for (std::size_t i = 0; i < 3; ++i)
    references.references.push_back(weir::ml::drift_reference(kWatched[i], columns[i]));
  std::string text;
  weir::Serde<References>::encode(references, text);
  return text + "\n";
}

}  // namespace

absl::StatusOr<TrainedModel> train_model(bool after_drift) {
  WorldOptions options{.cards = {.seed = after_drift ? 1002U : 1001U, .purchases = 200'000}};
  const weir::Timestamp start = options.cards.start;
  if (after_drift) options.cards.drift_at = start;
  // On the first day nothing is known of any card.
  const training::Table table = training_table(options, start + kDay, start + 1000 * kDay);
  TrainedModel trained;
  trained.model = training::train_boosted_trees(table, {.trees = 40});
  auto references = references_of(table, trained.model);
  if (!references.ok()) return references.status();
  trained.references = *std::move(references);
  return trained;
}

absl::StatusOr<std::vector<weir::ml::DriftReference>> read_references(const std::string& path) {
  const auto text = content_of(path);
  if (!text.ok()) return text.status();
  References references;
  if (const absl::Status decoded = weir::Serde<References>::decode(*text, references); !decoded.ok())
    return absl::InvalidArgumentError(path + ": " + std::string(decoded.message()));
  if (references.references.size() != std::size(kWatched))
    return absl::InvalidArgumentError(
        path + ": expected a reference of each of probability, amount_to_usual, card_present");
  return references.references;
}

absl::Status publish_model(weir::Transport& transport, const std::string& path, const std::string& version,
                           weir::Timestamp effective_from) {
  const auto bytes = content_of(path);
  if (!bytes.ok()) return bytes.status();
  const auto publisher =
      weir::ml::Publisher::open(transport, {.registry = kRegistry, .artifacts = kArtifacts});
  if (!publisher.ok()) return publisher.status();
  weir::ml::ModelManifest manifest;
  manifest.name = kModel;
  manifest.version = version;
  manifest.format = "auto";
  manifest.inputs.assign(kFeatureNames.begin(), kFeatureNames.end());
  manifest.effective_from = effective_from;
  const auto published = (*publisher)->publish(std::move(manifest), *bytes);
  if (published.ok()) return absl::OkStatus();
  return absl::Status(published.status().code(), path + ": " + std::string(published.status().message()));
}

}  // namespace fraud
