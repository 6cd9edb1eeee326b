// score puts a model into a topology: each record's row is scored on the task's own thread, before the commit that covers
// the record, so a score is as exactly-once as any other result.
//
//   payments
//       .apply(weir::ml::score(
//           {.model = model},
//           [](const Payment& payment) { return payment.features; },
//           [](const Payment& payment, std::span<const float> scores) { return Decision{payment.id, scores[0]}; }))
//       .to("decisions");
//
// The first callable gives the row: something contiguous of floats, one per input of the model in the model's order, NaN
// where a value is missing. The second makes the new value of the old one and the model's outputs. Key, timestamp and
// headers stay; three headers say which model it was:
//
//   weir.model.name   weir.model.version   weir.model.digest (first twelve digits; left out if the model has none)
//
// so that whoever reads a score later can tell what made it. A score depends on its row alone.
//
// A row of the wrong width and a score that is not finite go the way of the node's error policy.
#pragma once

#include <concepts>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weir/ml/model.h>
#include <weir/operators/stream.h>

namespace weir::ml {

inline constexpr char kModelNameHeader[] = "weir.model.name";
inline constexpr char kModelVersionHeader[] = "weir.model.version";
inline constexpr char kModelDigestHeader[] = "weir.model.digest";

struct ScoreOptions {
  // Required. Shared by the tasks.
  std::shared_ptr<const Model> model;
  std::string name = {};
  // Whether the headers are written. They cost a copy of the record's headers.
  bool stamp = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// row(value), row(key, value) or row(key, value, info): a contiguous range of floats, such as std::array or std::vector.
template <class F, class K, class V>
concept RowMakerOver = MapperOver<F, K, V> && std::ranges::contiguous_range<ResultOver<F, K, V>> &&
                       std::same_as<std::ranges::range_value_t<ResultOver<F, K, V>>, float>;

// U(value, std::span<const float> scores): the new value.
template <class F, class V>
concept ScoreTakerOver = std::invocable<const F&, const V&, std::span<const float>> &&
                         !std::is_void_v<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

template <class F, class V>
using ScoredBy = std::remove_cvref_t<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

// What identifies the model on a record.
void stamp(const Model& model, Headers& headers);

// Returns the reason why the scores are not to be used, or nothing.
[[nodiscard]] std::string fault_in(std::span<const float> scores);

template <class K, class V, class RowMaker, class ScoreTaker>
class ScoreNode final : public UnaryNode<K, V, K, ScoredBy<ScoreTaker, V>> {
 public:
  ScoreNode(ScoreOptions options, RowMaker row, ScoreTaker take)
      : model_(std::move(options.model)),
        stamp_(options.stamp),
        row_(std::move(row)),
        take_(std::move(take)),
        scores_(model_->outputs().size()) {}

  void accept(const Record<K, V>& record) override {
    const auto row = this->ask_user(row_, record);
    if (!row) return;
    const absl::Status scored = model_->predict_row(
        std::span<const float>(std::ranges::data(*row), std::ranges::size(*row)), scores_);
    const std::string fault = scored.ok() ? fault_in(scores_) : std::string(scored.message());
    if (!fault.empty()) {
      this->context().failed(*this, DropReason::kFailed, "model " + model_->name() + ": " + fault);
      return;
    }
    const auto value =
        this->guarded([&] { return std::invoke(take_, record.value, std::span<const float>(scores_)); });
    if (!value) return;
    if (!stamp_) return this->emit(record.with_value(*value));
    Headers headers = record.headers;
    stamp(*model_, headers);
    this->emit({record.key, *value, record.timestamp, headers, record.origin, record.key_bytes});
  }

 private:
  const std::shared_ptr<const Model> model_;  // shared with the other tasks
  const bool stamp_;
  const RowMaker row_;
  const ScoreTaker take_;
  std::vector<float> scores_;  // reused
};

// For KStream::apply.
template <class RowMaker, class ScoreTaker>
class ScoreOperator {
 public:
  ScoreOperator(ScoreOptions options, RowMaker row, ScoreTaker take, Location where)
      : options_(std::move(options)), row_(std::move(row)), take_(std::move(take)), where_(where) {}

  template <class K, class V>
    requires RowMakerOver<RowMaker, K, V> && ScoreTakerOver<ScoreTaker, V>
  KStream<K, ScoredBy<ScoreTaker, V>> operator()(const KStream<K, V>& stream) const {
    if (options_.model == nullptr) {
      stream.problem("score: options.model is not set", where_);
    } else if constexpr (requires { std::tuple_size<ResultOver<RowMaker, K, V>>::value; }) {
      check_width(stream, std::tuple_size_v<ResultOver<RowMaker, K, V>>);
    }
    return KStream<K, ScoredBy<ScoreTaker, V>>(
        stream.extend("score", {.name = options_.name, .on_error = options_.on_error},
                      node_factory<ScoreNode<K, V, RowMaker, ScoreTaker>>(options_, row_, take_), where_));
  }

 private:
  // A row whose width is known at compile time is compared with the model before anything runs.
  void check_width(const GraphPoint& stream, std::size_t columns) const;

  const ScoreOptions options_;
  const RowMaker row_;
  const ScoreTaker take_;
  const Location where_;
};

// Notes that a model does not take rows of that width.
void refuse_width(const GraphPoint& stream, const Model& model, std::size_t columns, Location where);

template <class RowMaker, class ScoreTaker>
void ScoreOperator<RowMaker, ScoreTaker>::check_width(const GraphPoint& stream, std::size_t columns) const {
  if (options_.model->inputs().size() != columns) refuse_width(stream, *options_.model, columns, where_);
}

template <class RowMaker, class ScoreTaker>
[[nodiscard]] ScoreOperator<RowMaker, ScoreTaker> score(ScoreOptions options, RowMaker row, ScoreTaker take,
                                                        Location where = Location::current()) {
  return {std::move(options), std::move(row), std::move(take), where};
}

}  // namespace weir::ml
