#include <weir/ml/registry/publish_learner.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include <weir/ml/digest.h>
#include <weir/ml/online/learner_file.h>
#include <weir/ml/registry/publisher.h>
#include <weir/operators/filter.h>
#include <weir/operators/map_values.h>
#include <weir/operators/store_access.h>

namespace weir::ml {
namespace {

constexpr char kLosses[] = "losses";
constexpr char kVersions[] = "versions";
constexpr std::size_t kGoldenRowsOfLearners = 16;

PublicationRow row_in(LearnerPublisher::Store& store, const std::string& key) {
  const auto* found = store.find(key);
  return found == nullptr ? PublicationRow() : found->value;
}

ModelManifest manifest_in(const PublishedVersion& version) {
  ModelManifest manifest;
  // It was written below, so this is no failure of the record that is being processed.
  if (const absl::Status decoded = Serde<ModelManifest>::decode(version.manifest, manifest); !decoded.ok())
    throw std::runtime_error("a stored manifest does not decode: " + std::string(decoded.message()));
  return manifest;
}

}  // namespace

// What one record makes of the store and of the topics.
class LearnerPublisher::Step {
 public:
  Step(const PublishLearnerOptions& options, Store& store, const Learned& learned, Timestamp time,
       const Origin& origin)
      : options_(options), store_(store), learned_(learned), time_(time), origin_(origin) {}

  Records run() {
    const bool judged = learned_.label && std::isfinite(learned_.loss) && learned_.step != LearnStep::kNoRow;
    const bool diverged = learned_.step == LearnStep::kRolledBack;
    if (!judged && !diverged && learned_.snapshot.empty()) return {};
    losses_ = row_in(store_, kLosses);
    if (judged) {
      ++losses_.judged;
      losses_.loss_sum += learned_.loss;
    }
    losses_.diverged = losses_.diverged || diverged;
    if (diverged) take_back();
    if (!learned_.snapshot.empty()) {
      consider();
      losses_ = {};
    }
    store_.put(kLosses, losses_, time_);
    return std::move(records_);
  }

 private:
  [[nodiscard]] double mean_loss() const {
    return losses_.judged == 0 ? 0 : losses_.loss_sum / static_cast<double>(losses_.judged);
  }
  [[nodiscard]] std::string new_id() const {
    return fmt::format("learned-{}-{}", origin_.partition, origin_.offset);
  }
  [[nodiscard]] Timestamp from() const { return std::max<Timestamp>(time_ + options_.lead.count(), 0); }

  void consider() {
    if (losses_.diverged)
      return tell(LearnerEventKind::kHeldBack, "", "the learner has diverged since the last snapshot");
    if (losses_.judged > 0 && mean_loss() > options_.max_loss)
      return tell(LearnerEventKind::kHeldBack, "",
                  fmt::format("the mean loss is above {}", options_.max_loss));
    const auto model = load_learner(learned_.snapshot, {.name = options_.model, .limits = options_.limits});
    const auto digest = sha256_hex(learned_.snapshot);
    if (!model.ok() || !digest.ok()) {
      const absl::Status& status = model.ok() ? digest.status() : model.status();
      return tell(LearnerEventKind::kHeldBack, "", std::string(status.message()));
    }
    PublicationRow versions = row_in(store_, kVersions);
    ModelManifest manifest;
    manifest.name = options_.model;
    manifest.version = fmt::format("learned-{}", learned_.examples);
    manifest.digest = *digest;
    manifest.size = learned_.snapshot.size();
    manifest.format = "auto";
    manifest.inputs.assign((*model)->inputs().begin(), (*model)->inputs().end());
    manifest.outputs.assign((*model)->outputs().begin(), (*model)->outputs().end());
    manifest.golden = make_golden_rows(**model, kGoldenRowsOfLearners);
    if (!versions.versions.empty()) manifest.parent = manifest_in(versions.versions.back()).version;
    if (losses_.judged > 0) manifest.metrics["loss"] = mean_loss();
    for (std::size_t i = 0; i < chunks_of(manifest.size); ++i)
      write(PublishedRecord::Where::kArtifacts, chunk_key(manifest.digest, i),
            learned_.snapshot.substr(i * kChunkBytes, kChunkBytes));
    activate(versions, std::move(manifest), learned_.examples);
    tell(LearnerEventKind::kPublished, fmt::format("learned-{}", learned_.examples), "");
  }

  // Puts a version into use whose bytes are, or come, before it in the topic.
  void activate(PublicationRow& versions, ModelManifest manifest, std::uint64_t examples) {
    manifest.effective_from = from();
    Bytes text;
    Serde<ModelManifest>::encode(manifest, text);
    write(PublishedRecord::Where::kRegistry, registry_key(options_.model, new_id()), text);
    versions.versions.push_back({new_id(), examples, text});
    while (versions.versions.size() > options_.keep) forget_oldest(versions);
    store_.put(kVersions, versions, time_);
  }

  void forget_oldest(PublicationRow& versions) {
    const PublishedVersion oldest = versions.versions.front();
    versions.versions.erase(versions.versions.begin());
    const ModelManifest manifest = manifest_in(oldest);
    write(PublishedRecord::Where::kRegistry, registry_key(options_.model, oldest.id), std::nullopt);
    const bool needed =
        std::any_of(versions.versions.begin(), versions.versions.end(),
                    [&](const auto& other) { return manifest_in(other).digest == manifest.digest; });
    for (std::size_t i = 0; !needed && i < chunks_of(manifest.size); ++i)
      write(PublishedRecord::Where::kArtifacts, chunk_key(manifest.digest, i), std::nullopt);
  }

  void take_back() {
    PublicationRow versions = row_in(store_, kVersions);
    const auto knows_more = [this](const PublishedVersion& version) {
      return version.examples > learned_.checkpoint;
    };
    const auto good = std::find_if_not(versions.versions.rbegin(), versions.versions.rend(), knows_more);
    if (versions.versions.empty() || !knows_more(versions.versions.back()))
      return tell(LearnerEventKind::kTakenBack, "",
                  "the learner diverged and went back; nothing newer was published");
    if (good == versions.versions.rend())
      return tell(LearnerEventKind::kTakenBack, "",
                  "the learner diverged and went back; there is no earlier version");
    ModelManifest manifest = manifest_in(*good);
    const std::uint64_t examples = good->examples;
    manifest.parent = manifest_in(versions.versions.back()).version;
    manifest.note = fmt::format("taken back: the learner diverged after {} examples", learned_.examples);
    const std::string version = manifest.version;
    activate(versions, std::move(manifest), examples);
    tell(LearnerEventKind::kTakenBack, version, "the learner diverged and went back");
  }

  void write(PublishedRecord::Where where, std::string key, std::optional<std::string> bytes) {
    records_.emplace_back(std::move(key), PublishedRecord{where, std::move(bytes), {}});
  }
  void tell(LearnerEventKind kind, const std::string& version, const std::string& what) {
    PublishedRecord record;
    record.event = {kind,           options_.model, version, learned_.examples, learned_.rollbacks,
                    losses_.judged, mean_loss(),    what};
    records_.emplace_back(options_.model, std::move(record));
  }

  const PublishLearnerOptions& options_;
  Store& store_;
  const Learned& learned_;
  const Timestamp time_;
  const Origin& origin_;
  PublicationRow losses_;
  Records records_;
};

LearnerPublisher::Records LearnerPublisher::take(Store& store, const Learned& learned, Timestamp time,
                                                 const Origin& origin) const {
  return Step(options_, store, learned, time, origin).run();
}

std::string problem_with(const PublishLearnerOptions& options) {
  if (!is_model_name(options.model)) return "options.model is no model's name";
  if (options.store.text().empty()) return "options.store has no name";
  if (options.keep == 0) return "options.keep is 0";
  if (options.lead.count() < 0) return "options.lead is negative";
  if (std::isnan(options.max_loss)) return "options.max_loss is no number";
  return "";
}

LearnerPublication publication_of(const KStream<std::string, PublishedRecord>& records) {
  const auto to = [&records](PublishedRecord::Where where) {
    return records.filter([where](const PublishedRecord& record) { return record.where == where; });
  };
  const auto bytes = [](const PublishedRecord& record) { return record.bytes; };
  return {to(PublishedRecord::Where::kArtifacts).map_values(bytes),
          to(PublishedRecord::Where::kRegistry).map_values(bytes),
          to(PublishedRecord::Where::kEvents).map_values([](const PublishedRecord& record) {
            return record.event;
          })};
}

void PublishLearnerOperator::add_store(const GraphPoint& stream) const {
  if (const std::string problem = problem_with(options_); !problem.empty())
    stream.problem("publish_learner: " + problem, where_);
  if (options_.store.text().empty()) return;
  StoreOptions store;
  store.persistent = options_.persistent;
  store.logged = options_.logged;
  stream.graph()->topology().add_store(
      key_value_store_spec<std::string, PublicationRow>(options_.store.text(), store), state_engine(),
      where_);
}

}  // namespace weir::ml
