// A feature view on records that are at hand: a file, a test, a notebook. Needs no stream and no broker, and gives the rows
// that a topology would give for the same records in the same order, bit for bit.
//
//   auto computer = weir::ml::FeatureComputer<Payment>::of(view);
//   for (const Payment& payment : payments) {
//     const FeatureRow& row = computer->row(payment.card, payment, payment.time);
//   }
//
// Everything stays in memory. Thread safety: none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/ml/features/feature_node.h>
#include <weir/ml/features/feature_view.h>
#include <weir/ml/features/key_state.h>

namespace weir::ml {

template <class T, class Scalar = float>
class FeatureComputer {
 public:
  template <class KeyReader>
  [[nodiscard]] static absl::StatusOr<FeatureComputer> of(const FeatureView<T, Scalar, KeyReader>& view) {
    absl::StatusOr<FeaturePlanPtr> plan = view.plan();
    if (!plan.ok()) return plan.status();
    return FeatureComputer(*std::move(plan), view.readers());
  }

  // Takes a record and returns its row, which is valid until the next call. `order`: the record's offset; by default records
  // are counted from 0. A record that a topology would drop is not taken: check with `late`.
  const BasicFeatureRow<Scalar>& row(std::string_view key, const T& record, Timestamp time) {
    return row(key, record, time, next_++);
  }
  const BasicFeatureRow<Scalar>& row(std::string_view key, const T& record, Timestamp time,
                                     std::int64_t order) {
    KeyState& state = state_of(key);
    state.prefetch();
    columns_.read(record);
    const Event event{time, order, columns_.values()};
    const std::int64_t horizon = plan_->horizon();
    if (horizon >= 0 && state.seen() != kNoTimestamp && state.seen() < now_ - horizon) state.forget_all();
    late_ = state.is_late(time);
    const bool first = plan_->spec().include_current && !late_;
    if (!first) state.evaluate(event, false, *workspace_, values_.data());
    if (!late_) state.add(event, *workspace_);
    if (first) state.evaluate(event, true, *workspace_, values_.data());
    state.settle();
    if (time > now_) now_ = time;
    row_.assign(values_);
    return row_;
  }
  // Whether the last record was later than the grace.
  [[nodiscard]] bool late() const { return late_; }
  // The last row before it was rounded to Scalar.
  [[nodiscard]] const std::vector<double>& values() const { return values_; }

  [[nodiscard]] const FeaturePlan& plan() const { return *plan_; }

 private:
  FeatureComputer(FeaturePlanPtr plan, std::vector<ColumnReader<T>> readers)
      : plan_(std::move(plan)),
        columns_(*plan_, std::move(readers)),
        workspace_(std::make_unique<Workspace>(*plan_)),
        values_(plan_->outputs().size()),
        row_(plan_->hash(), values_.size()) {}

  KeyState& state_of(std::string_view key) {
    key_.assign(key);
    const auto found = states_.find(key_);
    return found != states_.end() ? found->second : states_.try_emplace(key_, *plan_).first->second;
  }

  FeaturePlanPtr plan_;
  ColumnsOf<T> columns_;
  std::unique_ptr<Workspace> workspace_;
  std::unordered_map<std::string, KeyState> states_;
  std::vector<double> values_;
  BasicFeatureRow<Scalar> row_;
  std::string key_;
  Timestamp now_ = kNoTimestamp;
  std::int64_t next_ = 0;
  bool late_ = false;
};

}  // namespace weir::ml
