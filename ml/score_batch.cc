#include <weir/ml/score_batch.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>

#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir::ml {
namespace {

// Returns what the model threw, or refused; nothing if it scored the rows.
std::string predicted(const Model& model, const RowBatch& rows, std::span<float> scores) {
  try {
    const absl::Status status = model.predict(rows, scores);
    return status.ok() ? "" : message_of(status);
  } catch (const std::exception& error) {
    return fmt::format("model {}: {}", model.name(), error.what());
  }
}

// Without a plan, cells have to be numbers.
absl::Status numbers_of(std::span<const Cell> cells, const Model& model, std::span<float> out) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (std::holds_alternative<std::string_view>(cells[i])) {
      return absl::InvalidArgumentError(
          fmt::format("the input '{}' is a text, and there is no cleaning plan that makes a number of it",
                      model.inputs()[i]));
    }
    const double* number = std::get_if<double>(&cells[i]);
    out[i] = number == nullptr ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(*number);
  }
  return absl::OkStatus();
}

absl::Status made_of(const RawRow& row, const ServedModel& served, std::span<float> out) {
  if (served.cleaner == nullptr) return numbers_of(std::get<std::span<const Cell>>(row), *served.model, out);
  return std::visit([&](const auto& values) { return served.cleaner->clean(values, out); }, row);
}

}  // namespace

std::uint32_t ScoreBatch::lane_of(const std::shared_ptr<const ServedModel>& model) {
  std::uint32_t number = 0;
  while (number < used_ && lanes_[number].model != model) ++number;
  if (number == used_) {
    if (used_ == lanes_.size()) lanes_.emplace_back();
    lanes_[used_++].model = model;
  }
  return number;
}

std::string ScoreBatch::add(const std::shared_ptr<const ServedModel>& model, const RawRow& row,
                            Place& place) {
  if (width_of(row) != model->inputs().size()) {
    return fmt::format("model {}: {} rows of {} columns, this one has {}", model->model->name(),
                       model->cleaner == nullptr ? "it takes" : "its cleaning plan takes",
                       model->inputs().size(), width_of(row));
  }
  const auto* numbers = std::get_if<std::span<const float>>(&row);
  if (model->cleaner == nullptr && numbers != nullptr) {
    place = add_rows(model, *numbers, 1);
    return "";
  }
  const std::uint32_t number = lane_of(model);
  Lane& lane = lanes_[number];
  const std::size_t begin = lane.rows.size();
  lane.rows.resize(begin + model->model->inputs().size());
  if (const absl::Status made = made_of(row, *model, std::span(lane.rows).subspan(begin)); !made.ok()) {
    lane.rows.resize(begin);
    return fmt::format("model {}: {}", model->model->name(), message_of(made));
  }
  place = {number, lane.count++};
  return "";
}

ScoreBatch::Place ScoreBatch::refuse(const std::shared_ptr<const ServedModel>& model, std::string why) {
  const std::uint32_t number = lane_of(model);
  Lane& lane = lanes_[number];
  const Place place{number, Place::kNone - ++lane.refused};
  lane.thrown.emplace_back(place.row, std::move(why));
  return place;
}

ScoreBatch::Place ScoreBatch::add_rows(const std::shared_ptr<const ServedModel>& model,
                                       std::span<const float> rows, std::size_t count) {
  const std::uint32_t number = lane_of(model);
  Lane& lane = lanes_[number];
  lane.rows.insert(lane.rows.end(), rows.begin(), rows.end());
  const std::uint32_t first = lane.count;
  lane.count += static_cast<std::uint32_t>(count);
  return {number, first};
}

void ScoreBatch::score(std::size_t most, ScoreMetrics& metrics) {
  for (std::uint32_t i = 0; i < used_; ++i) score(lanes_[i], most, metrics);
}

void ScoreBatch::score(Lane& lane, std::size_t most, ScoreMetrics& metrics) {
  const Model& model = *lane.model->model;
  const std::size_t columns = model.inputs().size();
  const std::size_t outputs = model.outputs().size();
  lane.scores.resize(lane.count * outputs);
  const RowBatch all(lane.rows, columns);
  const std::span<float> scores(lane.scores);
  for (std::size_t first = 0; first < lane.count; first += most) {
    const std::size_t count = std::min(most, lane.count - first);
    const auto begun = metrics.begin(count);
    const bool whole =
        predicted(model, all.slice(first, count), scores.subspan(first * outputs, count * outputs)).empty();
    metrics.end(*lane.model, count, begun);
    if (whole) continue;
    for (std::size_t row = first; row < first + count; ++row) {
      std::string what = predicted(model, all.slice(row, 1), scores.subspan(row * outputs, outputs));
      if (!what.empty()) lane.thrown.emplace_back(static_cast<std::uint32_t>(row), std::move(what));
    }
  }
}

std::span<const float> ScoreBatch::scores(Place first, std::size_t count) const {
  const Lane& lane = lanes_[first.lane];
  const std::size_t outputs = lane.model->model->outputs().size();
  return std::span<const float>(lane.scores).subspan(first.row * outputs, count * outputs);
}

std::string ScoreBatch::thrown(Place first, std::size_t count) const {
  for (const auto& [row, what] : lanes_[first.lane].thrown) {
    if (row >= first.row && row < first.row + count) return what;
  }
  return "";
}

std::string ScoreBatch::fault(Place place) const {
  if (std::string what = thrown(place, 1); !what.empty()) return what;
  const std::string fault = fault_in(scores(place));
  return fault.empty() ? "" : fmt::format("model {}: {}", model(place).model->name(), fault);
}

void ScoreBatch::clear() {
  for (std::uint32_t i = 0; i < used_; ++i) {
    Lane& lane = lanes_[i];
    lane.model.reset();
    lane.rows.clear();
    lane.thrown.clear();
    lane.count = 0;
    lane.refused = 0;
  }
  used_ = 0;
}

std::size_t width_of(const RawRow& row) {
  return std::visit([](const auto& values) { return values.size(); }, row);
}

std::string fault_in_width(const Model& model, std::size_t columns) {
  if (columns == model.inputs().size()) return "";
  return fmt::format("model {}: it takes rows of {} columns, this one has {}", model.name(),
                     model.inputs().size(), columns);
}

std::string fault_in(std::span<const float> scores) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (!std::isfinite(scores[i])) return fmt::format("output {} is {}", i, scores[i]);
  }
  return "";
}

}  // namespace weir::ml
