// What the registry says of a model: a JSON record, one for each time that a model is put into use.
//
// The registry topic has one partition and is compacted. The key of a record is "<name>/<id>", and no id is used twice: who
// puts an older model, or the same one with another weight, into use writes a further record. So the topic keeps the history
// from which it follows which model scored a record, and a replay chooses the same one. A tombstone takes a record out of it.
//
// The artifacts topic holds the models' bytes in chunks; its key is "<digest>/<number>", so the same bytes are there once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/json_serde.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>
#include <weir/ml/cleaning/cleaning_plan.h>
#include <weir/ml/feedback/drift_reference.h>

namespace weir::ml {

enum class ModelRole : int {
  kChampion,    // its scores are used
  kChallenger,  // its scores are used for a share of the keys, instead of the champion's
  kShadow,      // its scores are only looked at
};

// A row and what the model gives for it, as its trainer says. An empty input is a missing value.
struct GoldenRow {
  std::vector<std::optional<float>> row;
  std::vector<float> scores;
  bool operator==(const GoldenRow&) const = default;
};

// Which records a model was trained on.
struct TrainingRange {
  std::string topic;
  Partition partition = 0;
  Offset from = 0;
  Offset until = 0;
  bool operator==(const TrainingRange&) const = default;
};

struct ModelManifest {
  // Shares of keys are counted in these.
  static constexpr std::uint32_t kWhole = 10'000;

  std::string name;
  std::string version;
  std::string digest;      // of the bytes: SHA-256, 64 hexadecimal digits
  std::uint64_t size = 0;  // of the bytes
  std::string format;      // names the loader, see ModelFormats
  // Of the feature view whose rows it takes; the hash is compared with the view's own. Empty: any.
  std::string feature_view = {};
  std::string feature_view_hash = {};
  // As the model has them, or empty: not compared. All inputs are floats.
  std::vector<std::string> inputs = {};
  std::vector<std::string> outputs = {};
  // How rows come to be the model's: its outputs are the model's inputs, by name and in order. Golden rows are the model's, behind
  // it. Programs of before there were plans do not see it and score rows as they come: they need the new one first.
  std::optional<CleaningPlan> cleaning = {};
  // What inputs, of the plan or of the model, and outputs looked like in training, by their names, for drift.
  std::vector<DriftReference> references = {};
  bool margin = false;           // scores before the objective's transformation
  Timestamp effective_from = 0;  // the first record time it is for, see Activation::kAsOf
  ModelRole role = ModelRole::kChampion;
  // Of kWhole: the share of the keys that a challenger or a shadow gets. 0 ends what an earlier record began. A champion has
  // what is left.
  std::uint32_t weight = kWhole;
  // Challengers of the same experiment get the same keys first. Empty: an experiment of this version's own.
  std::string experiment = {};
  std::string parent = {};  // the version it replaces or was trained from
  std::vector<TrainingRange> trained_on = {};
  std::map<std::string, double> metrics = {};
  std::vector<GoldenRow> golden = {};
  double tolerance = 0;  // the largest difference to a golden score, absolute
  std::string note = {};

  bool operator==(const ModelManifest&) const = default;
};

// Returns what is wrong with a manifest in itself: names that are none (letters, digits and ._- up to 200), a digest that is
// none, a weight above kWhole, golden rows of another width, a cleaning plan or a drift reference that is none, and so on.
[[nodiscard]] absl::Status check_manifest(const ModelManifest& manifest);

[[nodiscard]] bool is_model_name(std::string_view name);

// The registry's key for a record of that model. `id` is a name as well.
[[nodiscard]] std::string registry_key(std::string_view model, std::string_view id);
// Returns the model's name in such a key; empty if it is none.
[[nodiscard]] std::string_view model_in_key(std::string_view key);

// ----------------------------------------------------------------------------------------------------------- artifacts

// Fits, with key and framing, into what a broker takes by default.
inline constexpr std::size_t kChunkBytes = 900'000;

[[nodiscard]] std::string chunk_key(std::string_view digest, std::size_t number);
[[nodiscard]] constexpr std::size_t chunks_of(std::uint64_t size) {
  return static_cast<std::size_t>((size + kChunkBytes - 1) / kChunkBytes);
}

}  // namespace weir::ml

template <>
struct weir::Serde<weir::ml::ModelRole> : weir::JsonEnumSerde<weir::ml::ModelRole> {
  static constexpr auto kNames = names({{weir::ml::ModelRole::kChampion, "champion"},
                                        {weir::ml::ModelRole::kChallenger, "challenger"},
                                        {weir::ml::ModelRole::kShadow, "shadow"}});
};

template <>
struct weir::Serde<weir::ml::GoldenRow> : weir::JsonSerde<weir::ml::GoldenRow> {
  using T = weir::ml::GoldenRow;
  static constexpr auto kFields = fields(field("row", &T::row), field("scores", &T::scores));
};

template <>
struct weir::Serde<weir::ml::TrainingRange> : weir::JsonSerde<weir::ml::TrainingRange> {
  using T = weir::ml::TrainingRange;
  static constexpr auto kFields = fields(field("topic", &T::topic), field("partition", &T::partition),
                                         field("from", &T::from), field("until", &T::until));
};

template <>
struct weir::Serde<weir::ml::ModelManifest> : weir::JsonSerde<weir::ml::ModelManifest> {
  using T = weir::ml::ModelManifest;
  static constexpr auto kFields = fields(
      field("name", &T::name), field("version", &T::version), field("digest", &T::digest),
      field("size", &T::size), field("format", &T::format),
      field_or_default("feature_view", &T::feature_view),
      field_or_default("feature_view_hash", &T::feature_view_hash), field_or_default("inputs", &T::inputs),
      field_or_default("outputs", &T::outputs), field_or_default("margin", &T::margin),
      field("effective_from", &T::effective_from), field("role", &T::role),
      field_or_default("weight", &T::weight), field_or_default("experiment", &T::experiment),
      field_or_default("parent", &T::parent), field_or_default("trained_on", &T::trained_on),
      field_or_default("metrics", &T::metrics), field_or_default("golden", &T::golden),
      field_or_default("tolerance", &T::tolerance), field_or_default("note", &T::note),
      field("cleaning", &T::cleaning), field_or_default("references", &T::references));
};
