// Are manifests written, read and refused as said, and models admitted only when they are what they claim?
#include <weir/ml/registry/manifest.h>

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <weir/core/status.h>
#include <weir/ml/registry/publisher.h>
#include <weir/ml/registry/registry_store.h>

#include "ml/registry/scale_model.h"

namespace weir::ml {
namespace {

ModelManifest full() {
  ModelManifest manifest = scale_manifest("7", "3", 100, ModelRole::kChallenger, 500);
  manifest.feature_view = "card";
  manifest.feature_view_hash = "abc";
  manifest.inputs = {"x"};
  manifest.outputs = {"y"};
  manifest.margin = true;
  manifest.experiment = "spring";
  manifest.parent = "6";
  manifest.trained_on = {{"log", 1, 5, 9}};
  manifest.metrics = {{"auc", 0.9}};
  manifest.golden = {{{2.0F}, {6.0F}}, {{std::nullopt}, {0.25F}}};
  manifest.tolerance = 1e-6;
  manifest.note = "a note";
  manifest.cleaning = CleaningPlan{.columns = {{.name = "x",
                                                .steps = {impute(2), clip(0, 5), standardise(1, 2)},
                                                .when_infinite = WhenInfinite::kRefuse}}};
  manifest.references = {{.name = "x", .edges = {1, 2}, .counts = {3, 4, 5}, .missing = 6}};
  return manifest;
}

TEST(Manifest, ReadsBackAsWritten) {
  ModelManifest read;
  ASSERT_TRUE(Serde<ModelManifest>::decode(text_of(full()), read).ok());
  EXPECT_EQ(read, full());
}

TEST(Manifest, NeedsOnlyWhatDecides) {
  const std::string digest(64, 'a');
  ModelManifest read;
  const absl::Status status = Serde<ModelManifest>::decode(
      R"({"name":"m","version":"1","digest":")" + digest +
          R"(","size":5,"format":"auto","effective_from":0,"role":"shadow","later":[1]})",
      read);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(check_manifest(read).ok());
  EXPECT_EQ(read.weight, ModelManifest::kWhole);
  EXPECT_EQ(read.cleaning, std::nullopt);
  EXPECT_TRUE(read.references.empty());
  EXPECT_FALSE(Serde<ModelManifest>::decode(R"({"name":"m"})", read).ok());
}

TEST(Manifest, RefusesWhatContradictsItself) {
  EXPECT_TRUE(check_manifest(full()).ok()) << check_manifest(full());
  const auto refuses = [](auto change) {
    ModelManifest manifest = full();
    change(manifest);
    return !check_manifest(manifest).ok();
  };
  EXPECT_TRUE(refuses([](auto& m) { m.name = "a/b"; }));
  EXPECT_TRUE(refuses([](auto& m) { m.name = ""; }));
  EXPECT_TRUE(refuses([](auto& m) { m.version = "1 2"; }));
  EXPECT_TRUE(refuses([](auto& m) { m.digest[3] = 'G'; }));
  EXPECT_TRUE(refuses([](auto& m) { m.size = 0; }));
  EXPECT_TRUE(refuses([](auto& m) { m.size = UINT64_MAX; }));
  EXPECT_TRUE(refuses([](auto& m) { m.weight = 10'001; }));
  EXPECT_TRUE(refuses([](auto& m) { m.role = ModelRole::kChampion; }));  // with a weight
  EXPECT_TRUE(refuses([](auto& m) { m.effective_from = -1; }));
  EXPECT_TRUE(refuses([](auto& m) { m.tolerance = std::nan(""); }));
  EXPECT_TRUE(refuses([](auto& m) { m.golden[1].row.emplace_back(1.0F); }));
  EXPECT_TRUE(refuses([](auto& m) { m.cleaning->version = 2; }));
  EXPECT_TRUE(refuses([](auto& m) { m.cleaning->columns.clear(); }));
  EXPECT_TRUE(refuses([](auto& m) { m.cleaning->columns[0].steps.push_back({}); }));
  EXPECT_TRUE(refuses([](auto& m) { m.references[0].counts.pop_back(); }));
  EXPECT_TRUE(refuses([](auto& m) { m.references.push_back(m.references[0]); }));
}

TEST(Manifest, KeysTellModelAndRecord) {
  EXPECT_EQ(model_in_key(registry_key("m", "0001")), "m");
  for (const char* key : {"", "m", "m/", "/1", "m/1/2", "m m/1"}) EXPECT_EQ(model_in_key(key), "") << key;
  EXPECT_EQ(chunks_of(1), 1u);
  EXPECT_EQ(chunks_of(kChunkBytes), 1u);
  EXPECT_EQ(chunks_of(kChunkBytes + 1), 2u);
}

absl::Status admitted(ModelManifest manifest, std::string_view bytes) {
  return admit_model(manifest, bytes, scale_formats(), {}).status();
}
bool says(const absl::Status& status, std::string_view part) {
  return message_of(status).find(part) != std::string::npos;
}

TEST(Admission, TakesWhatIsAsTheManifestSays) {
  ModelManifest manifest = scale_manifest("1", "3", 0);
  manifest.inputs = {"x"};
  manifest.golden = {{{2.0F}, {6.0F}}};
  EXPECT_TRUE(admitted(manifest, "3").ok()) << admitted(manifest, "3");
}

TEST(Admission, RefusesWhatIsNot) {
  const ModelManifest good = scale_manifest("1", "3", 0);
  EXPECT_TRUE(says(admitted(good, "4"), "digest")) << admitted(good, "4");
  EXPECT_TRUE(says(admitted(good, "33"), "bytes"));
  ModelManifest manifest = good;
  manifest.golden = {{{2.0F}, {6.1F}}};
  EXPECT_TRUE(says(admitted(manifest, "3"), "golden row 0, output 0: expected 6.1, got 6"));
  manifest.tolerance = 0.2;
  EXPECT_TRUE(admitted(manifest, "3").ok());
  manifest.golden = {{{2.0F, 1.0F}, {6.0F}}};
  EXPECT_TRUE(says(admitted(manifest, "3"), "2 inputs"));
  manifest = good;
  manifest.inputs = {"z"};
  EXPECT_TRUE(says(admitted(manifest, "3"), "inputs differ")) << admitted(manifest, "3");
  manifest = good;
  manifest.format = "pickle";
  EXPECT_TRUE(says(admitted(manifest, "3"), "nobody here loads the format 'pickle'"));
  EXPECT_TRUE(says(admitted(scale_manifest("1", "throw", 0), "throw"), "thrown by a loader"));
  EXPECT_TRUE(says(admitted(scale_manifest("1", "{}", 0), "{}"), "no factor"));
  manifest = scale_manifest("1", "{", 0);
  manifest.format = "auto";
  EXPECT_FALSE(admitted(manifest, "{").ok());
}

TEST(Admission, RefusesAPlanThatMakesOtherColumns) {
  ModelManifest manifest = scale_manifest("1", "3", 0);
  manifest.cleaning = CleaningPlan{.columns = {{.name = "x", .steps = {impute(2)}}}};
  EXPECT_TRUE(admitted(manifest, "3").ok()) << admitted(manifest, "3");
  manifest.cleaning->columns[0].name = "amount";
  EXPECT_TRUE(says(admitted(manifest, "3"), "from 0 on: it makes 1 ('amount'), the model takes 1 ('x')"))
      << admitted(manifest, "3");
  manifest.cleaning =
      CleaningPlan{.columns = {{.name = "x"}, {.name = "country", .steps = {one_hot({"DE"})}}}};
  EXPECT_TRUE(
      says(admitted(manifest, "3"), "from 1 on: it makes 3 ('country=?'), the model takes 1 ('none')"))
      << admitted(manifest, "3");
}

TEST(Admission, RefusesAReferenceOfWhatItDoesNotKnow) {
  ModelManifest manifest = scale_manifest("1", "3", 0);
  const std::vector<double> numbers{1, 2, 3};
  manifest.references = {drift_reference("x", numbers), drift_reference("y", numbers)};
  EXPECT_TRUE(admitted(manifest, "3").ok()) << admitted(manifest, "3");
  manifest.references.push_back(drift_reference("amount", numbers));
  EXPECT_TRUE(says(admitted(manifest, "3"), "the drift reference 'amount' is of nothing"))
      << admitted(manifest, "3");
}

TEST(Admission, GoldenRowsCanBeMadeUp) {
  const ScaleModel model(scale_manifest("1", "3", 0), 3);
  const std::vector<GoldenRow> rows = make_golden_rows(model, 50);
  // Rows whose value is missing have no score.
  EXPECT_GT(rows.size(), 30u);
  EXPECT_LT(rows.size(), 50u);
  for (const GoldenRow& row : rows) EXPECT_EQ(row.scores.at(0), *row.row.at(0) * 3);
  EXPECT_EQ(rows, make_golden_rows(model, 50));
}

TEST(Registry, AnEntryIsInUseUntilALaterOneTakesItsPlace) {
  const auto entry = [](const char* id, Offset offset, ModelRole role) {
    return RegistryEntry{registry_key("m", id), offset, scale_manifest("1", "3", 0, role)};
  };
  const std::vector<RegistryEntry> entries{
      entry("1", 1, ModelRole::kChampion), entry("2", 2, ModelRole::kShadow),
      entry("3", 3, ModelRole::kChampion), entry("4", 4, ModelRole::kChallenger),
      entry("5", 5, ModelRole::kChallenger)};
  std::string in_use;
  for (const RegistryEntry& one : entries) in_use += is_in_use(entries, one.key) ? 'y' : 'n';
  EXPECT_EQ(in_use, "nnyny");
}

}  // namespace
}  // namespace weir::ml
