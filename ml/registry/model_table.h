// Models from a registry: every instance has them all, and a scoring operator says which one it follows and how.
//
//   weir::ml::ModelTable models(builder, {.registry = "models", .artifacts = "model-artifacts"});
//   payments
//       .apply(weir::ml::score({.models = models.use("fraud", {.activation = weir::ml::Activation::kAsOf})}, row, decide))
//       .to("decisions");
//
// The topics are those of manifest.h; `weir model publish` writes them, or Publisher. They are read as global tables are: no
// record is processed before all that they held at the start is here. Bytes are put together a few chunks at a time between
// records, parsed and tried on a thread of their own, and a model is used only when it is what its manifest says, golden rows
// included. One that is not admitted, and a record of the registry that is no manifest, are as if they were not there: what was
// in use stays in use, and the status topic says so. A tombstone for what is in use is ignored.
//
// A model changes between two records. What was scored stays in order and in its transaction, so a change costs nothing but
// the loading: records of one batch may have two models, and neither waits for the other.
//
// Within a name, the record in use decides by role: the champion scores all keys but those that a challenger gets; a shadow
// scores beside them (see score_with_shadow). A challenger or a shadow ends when a later champion begins, or with a weight
// of 0. Whether a key is the challenger's is a hash of the key and the experiment's name, below the weight: the same for all
// records of the key, everywhere and in a replay, and those of a smaller weight are among those of a larger one.
//
// Thread safety: a ModelTable belongs to the thread that describes the topology. What it makes is used by any number of tasks.
#pragma once

#include <memory>
#include <string>

#include <weir/ml/load_limits.h>
#include <weir/ml/registry/library.h>
#include <weir/ml/score_options.h>
#include <weir/operators/stream_builder.h>

namespace weir::ml {

// When a record of the registry comes into use.
enum class Activation {
  // For records of its effective_from or later: the model is a function of record and registry. A record that needs a model
  // which is announced and not loaded waits for it, with its task. Give a new model an effective_from that lies ahead of the
  // records being processed, by no less than ModelUse::freshness: what is published for records that were scored already does
  // not score them again.
  kAsOf,
  // As soon as the task has it, for all records from then on. From where on is committed with the task's results, so that
  // whoever continues the task continues with the same model or a later one.
  kBarrier,
  // As soon as the instance has it. Nothing waits but for the first model, and nothing is remembered: a replay may choose
  // otherwise.
  kLatest,
};

// What happens to a record whose model did not come in time.
enum class Unloaded {
  kFail,      // the way of the node's error policy: fail, skip, dead letter
  kPrevious,  // scored by the model that is loaded and comes closest before it; by the policy if there is none
};

struct ModelUse {
  Activation activation = Activation::kAsOf;
  // How long records wait, by the steady clock. The application is not ready sooner for it, and not stuck for ever.
  Duration load_timeout{60'000};
  Unloaded on_timeout = Unloaded::kFail;
  // As of a time: how old what the instance knows of the registry may be, by the steady clock. While it is older, because the
  // registry cannot be read, records wait: a model may have been announced that they need. So whatever was published that
  // long before a record came is seen by every instance when it scores it. Waiting ends as that for a model does, with
  // load_timeout and on_timeout. The brokers are asked for the registry's end four times a second; less than about 500 ms
  // makes records wait for answers. 0: nothing is waited for, and who lags behind scores with what it knows.
  Duration freshness{2'000};
  // A topic for what becomes of models: key "<task>/<model>", value a JSON object with application, task, node, model, version,
  // id, state (in use, refused, awaited), what, topic, partition, offset (of the first record it scored). Written within the
  // task's commit. Empty: none.
  std::string status_topic = {};
};

struct ModelTableOptions {
  std::string registry = {};  // required, as is the next
  std::string artifacts = {};
  // Of the two stores, "<name>-registry" and "<name>-artifacts".
  std::string name = "models";
  // Whether the stores are on disk. Otherwise the topics are read from their beginning at each start.
  bool persistent = true;
  ModelFormats formats = ModelFormats::standard();
  LoadLimits limits = {};
  Loading loading = Loading::kOwnThread;
  // What is measured goes there, see <weir/ml/monitoring/model_metrics.h>. Null: nothing is measured.
  std::shared_ptr<ModelMetrics> metrics = {};
  // Models that stay loaded although nobody uses them at the moment: those that were loaded last.
  std::size_t kept = 4;
};

class ModelTable {
 public:
  ModelTable(StreamBuilder& builder, ModelTableOptions options, Location where = Location::current());

  // Follows the model of that name. For any number of scoring operators.
  [[nodiscard]] std::shared_ptr<const ModelSource> use(const std::string& model,
                                                       const ModelUse& use = {}) const;

  // The name of the global store that keeps the registry.
  [[nodiscard]] const std::string& registry_store() const { return registry_store_; }

 private:
  std::string registry_store_;
  std::string artifacts_store_;
  std::shared_ptr<ModelLibrary> library_;  // shared with the scoring nodes
};

}  // namespace weir::ml
