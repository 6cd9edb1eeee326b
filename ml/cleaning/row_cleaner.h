// A RowCleaner makes a model's row of a raw one, as a CleaningPlan says.
//
//   const absl::StatusOr<weir::ml::RowCleaner> cleaner = weir::ml::RowCleaner::parse(plan_json);
//   const std::array<weir::ml::Cell, 3> raw = {12.5, "DE", "corner shop"};
//   std::vector<float> row(cleaner->outputs().size());
//   const absl::Status cleaned = cleaner->clean(raw, row);
//
// A row's result depends on that row and the plan alone. Nothing is allocated per row, but for numbers where the plan has a
// text.
//
// Thread safety: does not change; any number of threads may use one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/ml/cleaning/cleaning_plan.h>

namespace weir::ml {

// A value of a raw row: missing, a number (a NaN is missing too), or a text, which is borrowed.
using Cell = std::variant<std::monostate, double, std::string_view>;

class RowCleaner {
 public:
  // A plan may not make more outputs.
  static constexpr std::size_t kOutputsMax = 1 << 20;

  // InvalidArgument says what is wrong with the plan, and in which column.
  [[nodiscard]] static absl::StatusOr<RowCleaner> make(CleaningPlan plan);
  [[nodiscard]] static absl::StatusOr<RowCleaner> parse(BytesView json);

  [[nodiscard]] const CleaningPlan& plan() const { return plan_; }
  [[nodiscard]] std::string to_json() const;

  // The names of what goes in and comes out, in order. Model::inputs() should be the latter.
  [[nodiscard]] std::span<const std::string> inputs() const { return inputs_; }
  [[nodiscard]] std::span<const std::string> outputs() const { return outputs_; }

  // Cleans one row. Fails with InvalidArgument if the sizes are not those of inputs() and outputs(), if a text is where the
  // plan has a number, or if the plan refuses the row; the message names the column. `out` then holds something.
  [[nodiscard]] absl::Status clean(std::span<const Cell> row, std::span<float> out) const;

  // The same for a row of numbers, where a NaN is missing.
  [[nodiscard]] absl::Status clean(std::span<const float> row, std::span<float> out) const;

 private:
  // What is asked of a column, prepared.
  struct Encoder {
    std::map<std::string, std::uint32_t, std::less<>> places;  // of categories, from 1
    bool spread = false;                                       // to zeros and a one
    std::size_t width = 1;
  };
  struct Column {
    std::size_t plan = 0;  // which of the plan
    bool is_text = false;
    Encoder encoder = {};
  };

  explicit RowCleaner(CleaningPlan plan) : plan_(std::move(plan)) {}
  [[nodiscard]] absl::Status add_column(std::size_t index);
  [[nodiscard]] absl::Status clean_number(const ColumnPlan& plan, double number, float& out) const;
  [[nodiscard]] absl::Status clean_one(const Column& column, const Cell& cell, std::span<float>& out) const;
  [[nodiscard]] absl::Status check_sizes(std::size_t given, std::size_t wanted) const;

  CleaningPlan plan_;
  std::vector<std::string> inputs_;
  std::vector<std::string> outputs_;
  std::vector<Column> columns_;
};

}  // namespace weir::ml
