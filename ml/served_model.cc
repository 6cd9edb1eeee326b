#include <weir/ml/served_model.h>

#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace weir::ml {
namespace {

constexpr std::size_t kDigestDigits = 12;

class FixedChoice final : public ModelChoice {
 public:
  explicit FixedChoice(std::shared_ptr<const ServedModel> model) : chosen_{std::move(model), nullptr, {}} {}
  const Chosen& choose(BytesView, Timestamp) override { return chosen_; }

 private:
  const Chosen chosen_;
};

class FixedSource final : public ModelSource {
 public:
  FixedSource(std::shared_ptr<const Model> model, std::shared_ptr<const RowCleaner> plan)
      : model_(std::move(model)), plan_(std::move(plan)) {}
  std::unique_ptr<ModelChoice> open(TaskContext&, const Node&,
                                    const std::string& feature_view) const override {
    return std::make_unique<FixedChoice>(
        std::make_shared<const ServedModel>(model_, "", feature_view, plan_));
  }

 private:
  // Shared with the tasks.
  const std::shared_ptr<const Model> model_;
  const std::shared_ptr<const RowCleaner> plan_;
};

}  // namespace

Headers model_stamps(const std::string& name, const std::string& version, const std::string& digest,
                     const std::string& branch, const std::string& feature_view) {
  Headers stamps;
  stamps.add(kModelNameHeader, name);
  stamps.add(kModelVersionHeader, version);
  if (!digest.empty()) stamps.add(kModelDigestHeader, digest.substr(0, kDigestDigits));
  if (!feature_view.empty()) stamps.add(kFeatureViewHeader, feature_view);
  if (!branch.empty()) stamps.add(kModelBranchHeader, branch);
  return stamps;
}

ServedModel::ServedModel(std::shared_ptr<const Model> served, const std::string& branch,
                         const std::string& feature_view, std::shared_ptr<const RowCleaner> plan)
    : model(std::move(served)),
      cleaner(std::move(plan)),
      stamps(model_stamps(model->name(), model->version(), model->digest(), branch, feature_view)) {}

void append_prediction_id(const Origin& origin, std::uint32_t nth, std::string& out) {
  if (origin.topic.empty()) return;
  fmt::format_to(std::back_inserter(out), "{}-{}-{}", origin.topic, origin.partition, origin.offset);
  if (nth > 0) fmt::format_to(std::back_inserter(out), "#{}", nth);
}

std::shared_ptr<const ModelSource> fixed_model(std::shared_ptr<const Model> model,
                                               std::shared_ptr<const RowCleaner> plan) {
  return std::make_shared<FixedSource>(std::move(model), std::move(plan));
}

}  // namespace weir::ml
