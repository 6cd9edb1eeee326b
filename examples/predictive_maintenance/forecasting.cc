#include "forecasting.h"

#include <algorithm>

#include <fmt/format.h>

#include <weir/ml/anomaly/anomaly.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "unit_features.h"

namespace maintenance {
namespace {

constexpr char kBaselineStore[] = "unit-baselines";

class Normaliser final : public weir::ValueProcessor<std::string, Reading, Normalised> {
 public:
  void open(Context& context) override {
    context_ = &context;
    baselines_ = &context.store<weir::KeyValueStore<std::string, Baselines>>(kBaselineStore);
  }

  void process(const weir::Record<std::string, Reading>& record) override {
    const auto* known = baselines_->find(record.key);
    Baselines baselines = known == nullptr ? Baselines() : known->value;
    const Normalised normalised = normalise(record.value, baselines);
    baselines_->put(record.key, std::move(baselines), record.timestamp);
    context_->forward(normalised);
  }

 private:
  Context* context_ = nullptr;
  weir::KeyValueStore<std::string, Baselines>* baselines_ = nullptr;
};

}  // namespace

absl::StatusOr<weir::Topology> make_topology(std::shared_ptr<const weir::ml::Model> model, double soon) {
  const auto view = unit_view();
  const auto plan = view.plan();
  if (!plan.ok()) return plan.status();
  const auto& names = (*plan)->names();
  if (!std::equal(names.begin(), names.end(), model->inputs().begin(), model->inputs().end())) {
    return absl::InvalidArgumentError(
        fmt::format("the model '{}' was not trained on the features of view 'unit'", model->name()));
  }

  weir::StreamBuilder builder;
  builder.key_value_store<std::string, Baselines>(kBaselineStore);
  const auto units =
      builder.stream<std::string, Reading>(kReadings, {.on_error = weir::ErrorPolicy::kDeadLetter})
          .process_values(
              {.name = "normalise", .stores = {kBaselineStore}, .on_error = weir::ErrorPolicy::kDeadLetter},
              [] { return std::make_unique<Normaliser>(); })
          .apply(weir::ml::anomaly({.store = "unit-detectors",
                                    .name = "watch",
                                    .detector = unit_detector(),
                                    .on_error = weir::ErrorPolicy::kDeadLetter},
                                   distance_of, watched));
  units.filter({.name = "alarming"}, [](const Watched& unit) { return unit.alarm; })
      .map_values([](const Watched& unit) {
        return Alarm{unit.reading.cycle, unit.surprise};
      })
      .to(kAlarms);

  const auto forecasts = units.apply(view).apply(weir::ml::score(
      {.model = std::move(model), .name = "forecast"},
      [](const weir::ml::Featured<Watched>& unit) { return unit.row.values(); },
      [](const weir::ml::Featured<Watched>& unit, std::span<const float> scores) {
        return Forecast{unit.value.reading.cycle, std::max(0.0, static_cast<double>(scores[0]))};
      }));
  forecasts.to(kForecasts);
  forecasts.filter({.name = "soon"}, [soon](const Forecast& forecast) { return forecast.remaining < soon; })
      .to(kWorkshop);
  return builder.build();
}

}  // namespace maintenance
