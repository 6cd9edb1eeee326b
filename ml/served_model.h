// A model as it is in use at a scoring operator: what identifies it on each record beside the model itself.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <weir/core/bytes.h>
#include <weir/core/headers.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>
#include <weir/ml/cleaning/row_cleaner.h>
#include <weir/ml/model.h>

namespace weir {
class Node;
class TaskContext;
}  // namespace weir

namespace weir::ml {

inline constexpr char kModelNameHeader[] = "weir.model.name";
inline constexpr char kModelVersionHeader[] = "weir.model.version";
inline constexpr char kModelDigestHeader[] = "weir.model.digest";
inline constexpr char kModelBranchHeader[] = "weir.model.branch";
inline constexpr char kFeatureViewHeader[] = "weir.features";
inline constexpr char kPredictionHeader[] = "weir.prediction";

// The headers that say which model scored a record: without those that are empty, but for name and version.
[[nodiscard]] Headers model_stamps(const std::string& name, const std::string& version,
                                   const std::string& digest, const std::string& branch,
                                   const std::string& feature_view);

// Immutable. Shared by the tasks that score with it.
struct ServedModel {
  // `branch` and `feature_view` may be empty: then there is no header for them. `plan` makes the model's rows of what records
  // have; null: they are the model's as they come.
  ServedModel(std::shared_ptr<const Model> served, const std::string& branch, const std::string& feature_view,
              std::shared_ptr<const RowCleaner> plan = {});

  // The names of what a row has, in order.
  [[nodiscard]] std::span<const std::string> inputs() const {
    return cleaner == nullptr ? model->inputs() : cleaner->inputs();
  }

  std::shared_ptr<const Model> model;
  std::shared_ptr<const RowCleaner> cleaner;  // shared with whoever loaded the model
  // See model_stamps.
  Headers stamps;
};

// Appends "<topic>-<partition>-<offset>", and "#<nth>" for the second and later predictions of one record: a name that a
// replay gives the same prediction again. Appends nothing for what was read from nowhere.
void append_prediction_id(const Origin& origin, std::uint32_t nth, std::string& out);

// Decides at one scoring node which model scores a record.
//
// Thread safety: none; belongs to its node.
class ModelChoice {
 public:
  struct Chosen {
    std::shared_ptr<const ServedModel> model;   // null: nothing can score the record, and `problem` says why
    std::shared_ptr<const ServedModel> shadow;  // scores beside it; null: none
    std::string_view problem = {};              // valid until the next call
  };

  virtual ~ModelChoice() = default;

  // Asked between records: whether one of that time may be taken up. The place to notice what has changed.
  [[nodiscard]] virtual bool admits(Timestamp /*time*/) { return true; }
  // Told when there is no record to be taken up.
  virtual void at_rest() {}

  // `key`: the record's, in bytes; the same key is treated the same everywhere. Valid until the next call.
  [[nodiscard]] virtual const Chosen& choose(BytesView key, Timestamp time) = 0;
};

// Where a scoring operator has its models from.
//
// Thread safety: open may be called from any number of threads at the same time.
class ModelSource {
 public:
  virtual ~ModelSource() = default;

  // `node` is being opened in `context`; both outlive the choice. `feature_view`: the hash of the view whose rows are scored,
  // empty if nobody said.
  [[nodiscard]] virtual std::unique_ptr<ModelChoice> open(TaskContext& context, const Node& node,
                                                          const std::string& feature_view) const = 0;
};

// Always this model, and this plan before it. The plan's outputs are the model's inputs.
[[nodiscard]] std::shared_ptr<const ModelSource> fixed_model(std::shared_ptr<const Model> model,
                                                             std::shared_ptr<const RowCleaner> plan = {});

}  // namespace weir::ml
