// publish_learner puts what a learn operator learned into the registry, again and again, from within the topology.
//
//   const auto judged = offers.apply(weir::ml::learn({.store = "l", .learner = learner, .rules = {.publish_every = 10'000}}, ...,
//       [](const Offer&, const weir::ml::Learned& learned) { return learned; }));
//   const auto published = judged.apply(weir::ml::publish_learner({.store = "offer-publication", .model = "offers"}));
//   published.artifacts.to("model-artifacts");
//   published.registry.to("models");
//   published.events.to("learner-events");
//
// Then `score({.models = models.use("offers")}, ...)` follows the learner, in this program or another.
//
// Its stream is all of learn's records. Those with a snapshot become records of both topics (manifest.h): chunks, then the manifest
// of a champion for records of `lead` later than the snapshot's. They are written in the transaction of the examples they were
// learned from, so nobody ever sees half a model, and a model is published once. At least once, an instance may read the
// manifest before the chunks; it waits for them. Versions are "learned-<examples>"; ids are made of the record's topic,
// partition and offset: a replay writes the same ones again.
//
// Two guards:
//   a snapshot is held back if the mean loss of the examples since the last snapshot exceeds max_loss, or if one of them made the
//   learner diverge: a whole interval has to go well first;
//   when the learner goes back to a checkpoint, versions that know more than that one are taken back: the newest published one
//   that does not becomes the champion again, if there is one.
// What was published, held back or taken back is told as an event.
//
// Of the records only `keep` stay in the registry, with their bytes; older ones get tombstones. A replay of records that older
// versions scored chooses otherwise: keep as many as replays need.
//
// A task that scores by the first model waits for it. Where the same records are scored and learned from, publish a first version
// by other means (`weir model publish`, or a learner of an earlier run), or learn in a program of its own.
//
// One learner has one model: use a topic with one partition for the examples (see learn.h). With several each task publishes
// what it alone learned, under the same name, and the last one counts.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/json_serde.h>
#include <weir/ml/load_limits.h>
#include <weir/ml/online/learn.h>
#include <weir/ml/registry/manifest.h>
#include <weir/operators/process.h>
#include <weir/operators/stream.h>
#include <weir/state/key_value_store.h>

namespace weir::ml {

struct PublishLearnerOptions {
  StoreName store;         // of what was published; also the node's name
  std::string model = {};  // its name in the registry; required
  Duration lead{60'000};   // more than lies between any two tasks that score
  double max_loss = std::numeric_limits<double>::infinity();
  std::size_t keep = 20;   // > 0
  LoadLimits limits = {};  // a snapshot beyond them is held back
  bool persistent = true;
  bool logged = true;
};

enum class LearnerEventKind : int {
  kPublished,
  kHeldBack,
  kTakenBack,  // the learner went back to its checkpoint, and `version` is the champion again; empty: nothing was taken back
};

struct LearnerEvent {
  LearnerEventKind kind = LearnerEventKind::kPublished;
  std::string model;
  std::string version;
  std::uint64_t examples = 0;   // learned so far
  std::uint64_t rollbacks = 0;  // so far
  std::uint64_t judged = 0;     // examples since the last snapshot
  double loss = 0;              // their mean
  std::string what;             // why
};

// A record for one of the three streams.
struct PublishedRecord {
  enum class Where { kArtifacts, kRegistry, kEvents };

  Where where = Where::kEvents;
  std::optional<std::string> bytes = std::nullopt;  // nothing: a tombstone
  LearnerEvent event = {};
};

struct LearnerPublication {
  KStream<std::string, std::optional<std::string>> artifacts;
  KStream<std::string, std::optional<std::string>> registry;
  KStream<std::string, LearnerEvent> events;  // by model
};

// What is remembered, in two rows: of the examples since the last snapshot, and of what is in the registry, oldest first.
struct PublishedVersion {
  std::string id;
  std::uint64_t examples = 0;
  std::string manifest;  // JSON
};
struct PublicationRow {
  std::uint64_t judged = 0;
  double loss_sum = 0;
  bool diverged = false;
  std::vector<PublishedVersion> versions = {};
};

// Decides what is published.
class LearnerPublisher {
 public:
  using Store = KeyValueStore<std::string, PublicationRow>;
  using Records = std::vector<std::pair<std::string, PublishedRecord>>;

  explicit LearnerPublisher(PublishLearnerOptions options) : options_(std::move(options)) {}

  // Returns what is to be written because of a record, in order.
  [[nodiscard]] Records take(Store& store, const Learned& learned, Timestamp time,
                             const Origin& origin) const;

 private:
  class Step;

  const PublishLearnerOptions options_;
};

template <class K>
class LearnerPublicationProcessor final : public Processor<K, Learned, std::string, PublishedRecord> {
 public:
  using Context = typename Processor<K, Learned, std::string, PublishedRecord>::Context;

  LearnerPublicationProcessor(std::string store, LearnerPublisher publisher)
      : store_name_(std::move(store)), publisher_(std::move(publisher)) {}

  void open(Context& context) override {
    context_ = &context;
    store_ = &context.template store<LearnerPublisher::Store>(store_name_);
  }
  void process(const Record<K, Learned>& record) override {
    for (const auto& [key, value] :
         publisher_.take(*store_, record.value, record.timestamp, context_->origin()))
      context_->forward(key, value);
  }

 private:
  const std::string store_name_;
  const LearnerPublisher publisher_;
  Context* context_ = nullptr;
  LearnerPublisher::Store* store_ = nullptr;
};

// Returns what is wrong with the options, or nothing.
[[nodiscard]] std::string problem_with(const PublishLearnerOptions& options);

// The three streams of what a publisher gives.
[[nodiscard]] LearnerPublication publication_of(const KStream<std::string, PublishedRecord>& records);

// For KStream::apply.
class PublishLearnerOperator {
 public:
  PublishLearnerOperator(PublishLearnerOptions options, Location where)
      : options_(std::move(options)), where_(where) {}

  template <class K>
  LearnerPublication operator()(const KStream<K, Learned>& learned) const {
    const std::string& store = options_.store.text();
    add_store(learned);
    return publication_of(learned.process(
        {.name = store, .stores = {store}},
        [options = options_] {
          return std::make_unique<LearnerPublicationProcessor<K>>(options.store.text(),
                                                                  LearnerPublisher(options));
        },
        where_));
  }

 private:
  // Problems are noted.
  void add_store(const GraphPoint& stream) const;

  const PublishLearnerOptions options_;
  const Location where_;
};

[[nodiscard]] inline PublishLearnerOperator publish_learner(PublishLearnerOptions options,
                                                            Location where = Location::current()) {
  return {std::move(options), where};
}

}  // namespace weir::ml

template <>
struct weir::Serde<weir::ml::LearnerEventKind> : weir::JsonEnumSerde<weir::ml::LearnerEventKind> {
  static constexpr auto kNames = names({{weir::ml::LearnerEventKind::kPublished, "published"},
                                        {weir::ml::LearnerEventKind::kHeldBack, "held back"},
                                        {weir::ml::LearnerEventKind::kTakenBack, "taken back"}});
};

template <>
struct weir::Serde<weir::ml::LearnerEvent> : weir::JsonSerde<weir::ml::LearnerEvent> {
  using T = weir::ml::LearnerEvent;
  static constexpr auto kFields =
      fields(field("kind", &T::kind), field("model", &T::model), field("version", &T::version),
             field("examples", &T::examples), field("rollbacks", &T::rollbacks), field("judged", &T::judged),
             field("loss", &T::loss), field("what", &T::what));
};

template <>
struct weir::Serde<weir::ml::PublishedVersion> : weir::JsonSerde<weir::ml::PublishedVersion> {
  using T = weir::ml::PublishedVersion;
  static constexpr auto kFields =
      fields(field("id", &T::id), field("examples", &T::examples), field("manifest", &T::manifest));
};

template <>
struct weir::Serde<weir::ml::PublicationRow> : weir::JsonSerde<weir::ml::PublicationRow> {
  using T = weir::ml::PublicationRow;
  static constexpr auto kFields = fields(field("judged", &T::judged), field("loss_sum", &T::loss_sum),
                                         field("diverged", &T::diverged), field("versions", &T::versions));
};
