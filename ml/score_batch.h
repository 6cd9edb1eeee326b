// The rows that wait at a scoring node, model by model, and their scores. Knows no records.
//
// Its memory is kept from batch to batch: once it is as large as it gets, nothing is allocated.
//
// Thread safety: none; belongs to its node.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <weir/ml/monitoring/score_metrics.h>
#include <weir/ml/served_model.h>

namespace weir::ml {

// A row as a record has it: numbers, where a NaN is missing, or numbers and texts.
using RawRow = std::variant<std::span<const float>, std::span<const Cell>>;

class ScoreBatch {
 public:
  // Where a row is.
  struct Place {
    static constexpr std::uint32_t kNone = UINT32_MAX;
    std::uint32_t lane = kNone;
    std::uint32_t row = 0;
  };

  // Adds a row for a model, as the model's cleaning plan makes it if it has one. Returns why the model cannot have it, and then
  // adds nothing; or "".
  [[nodiscard]] std::string add(const std::shared_ptr<const ServedModel>& model, const RawRow& row,
                                Place& place);
  // Notes that there is no row for a model, and why: fault() of the place says so.
  [[nodiscard]] Place refuse(const std::shared_ptr<const ServedModel>& model, std::string why);
  // Adds several rows that follow each other and are the model's, behind its plan: see fault_in_width. Returns the first one's
  // place; theirs follow, too.
  [[nodiscard]] Place add_rows(const std::shared_ptr<const ServedModel>& model, std::span<const float> rows,
                               std::size_t count);

  // Scores all rows, at most `most` at a time. A model that throws is asked again row by row, so that only the row that it
  // cannot score goes without.
  void score(std::size_t most, ScoreMetrics& metrics);

  [[nodiscard]] const ServedModel& model(Place place) const { return *lanes_[place.lane].model; }
  // After score(), until clear().
  [[nodiscard]] std::span<const float> scores(Place place) const { return scores(place, 1); }
  // Returns why the row has no scores to be used, or nothing: the model threw, or a score is not finite.
  [[nodiscard]] std::string fault(Place place) const;
  // The same for several rows: their scores, and what the model threw for the first that it threw for.
  [[nodiscard]] std::span<const float> scores(Place first, std::size_t count) const;
  [[nodiscard]] std::string thrown(Place first, std::size_t count) const;

  // Forgets rows and models.
  void clear();

 private:
  struct Lane {
    std::shared_ptr<const ServedModel> model;
    std::vector<float> rows;
    std::vector<float> scores;
    std::uint32_t count = 0;
    std::uint32_t refused = 0;
    // By row; of those that were refused the numbers are the largest, downwards.
    std::vector<std::pair<std::uint32_t, std::string>> thrown;
  };

  [[nodiscard]] std::uint32_t lane_of(const std::shared_ptr<const ServedModel>& model);
  void score(Lane& lane, std::size_t most, ScoreMetrics& metrics);

  std::vector<Lane> lanes_;
  std::uint32_t used_ = 0;
};

[[nodiscard]] std::size_t width_of(const RawRow& row);

// Returns why a row of so many columns is none of the model's, or nothing.
[[nodiscard]] std::string fault_in_width(const Model& model, std::size_t columns);

// Returns the reason why the scores are not to be used, or nothing.
[[nodiscard]] std::string fault_in(std::span<const float> scores);

}  // namespace weir::ml
