// clean puts a RowCleaner into a topology: it makes each record's row fit for the model.
//
//   payments
//       .apply(weir::ml::clean(
//           {.cleaner = cleaner},
//           [](const Payment& payment) {
//             return std::array<weir::ml::Cell, 3>{payment.amount, payment.country, payment.shop};
//           },
//           [](const Payment& payment, std::span<const float> row) {
//             return Row{payment.id, {row.begin(), row.end()}};
//           }))
//       .apply(weir::ml::score(...));
//
// The first callable gives the raw row, in the plan's order; texts in it are views of the record. The second makes the new
// value of the old one and the floats. Key, timestamp and headers stay. A row that the plan refuses goes the way of the node's error
// policy. There is no state: a replay gives the same rows.
#pragma once

#include <concepts>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weir/ml/cleaning/row_cleaner.h>
#include <weir/operators/stream.h>

namespace weir::ml {

struct CleanOptions {
  // Required. Shared by the tasks.
  std::shared_ptr<const RowCleaner> cleaner;
  std::string name = {};
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// cells(value), cells(key, value) or cells(key, value, info): a contiguous range of Cells, or of floats.
template <class F, class K, class V>
concept CellMakerOver = MapperOver<F, K, V> && std::ranges::contiguous_range<ResultOver<F, K, V>> &&
                        (std::same_as<std::ranges::range_value_t<ResultOver<F, K, V>>, Cell> ||
                         std::same_as<std::ranges::range_value_t<ResultOver<F, K, V>>, float>);

// U(value, std::span<const float> row): the new value.
template <class F, class V>
concept RowTakerOver = std::invocable<const F&, const V&, std::span<const float>> &&
                       !std::is_void_v<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

template <class F, class V>
using TakenBy = std::remove_cvref_t<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

template <class K, class V, class CellMaker, class RowTaker>
class CleanNode final : public UnaryNode<K, V, K, TakenBy<RowTaker, V>> {
 public:
  CleanNode(CleanOptions options, CellMaker cells, RowTaker take)
      : cleaner_(std::move(options.cleaner)),
        cells_(std::move(cells)),
        take_(std::move(take)),
        row_(cleaner_->outputs().size()) {}

  void accept(const Record<K, V>& record) override {
    const auto cells = this->ask_user(cells_, record);
    if (!cells) return;
    const std::span raw(std::ranges::data(*cells), std::ranges::size(*cells));
    if (const absl::Status cleaned = cleaner_->clean(raw, row_); !cleaned.ok()) {
      return this->context().failed(*this, DropReason::kFailed, std::string(cleaned.message()));
    }
    const auto value =
        this->guarded([&] { return std::invoke(take_, record.value, std::span<const float>(row_)); });
    if (value) this->emit(record.with_value(*value));
  }

 private:
  const std::shared_ptr<const RowCleaner> cleaner_;  // shared with the other tasks
  const CellMaker cells_;
  const RowTaker take_;
  std::vector<float> row_;  // reused
};

// For KStream::apply.
template <class CellMaker, class RowTaker>
class CleanOperator {
 public:
  CleanOperator(CleanOptions options, CellMaker cells, RowTaker take, Location where)
      : options_(std::move(options)), cells_(std::move(cells)), take_(std::move(take)), where_(where) {}

  template <class K, class V>
    requires CellMakerOver<CellMaker, K, V> && RowTakerOver<RowTaker, V>
  KStream<K, TakenBy<RowTaker, V>> operator()(const KStream<K, V>& stream) const {
    if (options_.cleaner == nullptr) stream.problem("clean: options.cleaner is not set", where_);
    return KStream<K, TakenBy<RowTaker, V>>(
        stream.extend("clean", {.name = options_.name, .on_error = options_.on_error},
                      node_factory<CleanNode<K, V, CellMaker, RowTaker>>(options_, cells_, take_), where_));
  }

 private:
  const CleanOptions options_;
  const CellMaker cells_;
  const RowTaker take_;
  const Location where_;
};

template <class CellMaker, class RowTaker>
[[nodiscard]] CleanOperator<CellMaker, RowTaker> clean(CleanOptions options, CellMaker cells, RowTaker take,
                                                       Location where = Location::current()) {
  return {std::move(options), std::move(cells), std::move(take), where};
}

}  // namespace weir::ml
