// score puts models into a topology: each record's row is scored on the task's own thread, before the commit that covers
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
// where a value is missing. Where the model's manifest has a cleaning plan (see <weir/ml/registry/manifest.h>), the row is what
// the plan takes, in the plan's order, and may be of Cells, numbers and texts; the plan of the model that was chosen for the
// record makes that model's row of it, so a new model brings its plan at the same record. The second makes the new value of the old one and the model's outputs. Key, timestamp and
// headers stay; further headers say which model it was, so that whoever reads a score later can tell what made it:
//
//   weir.model.name   weir.model.version   weir.model.digest (first twelve digits)   weir.features (hash of the view)
//   weir.model.branch (champion, canary, fallback)   weir.prediction ("<topic>-<partition>-<offset>" of the input)
//
// Those that say nothing are left out.
//
// Records are scored in batches of what one poll brought, up to max_batch, and passed on in their order: never later than
// the next commit, nor than a record of another partition or a timer. Nothing waits for a batch to be full unless max_wait
// says so. A score depends on its row alone, and so do order and results: a batch of 1 gives the same bytes as one of 64.
// Keys and values are copied while they wait. Those that cannot be, and views, are scored one by one; a struct of views into
// anything but the record's own bytes needs max_batch = 1.
//
// A row of the wrong width or that the plan refuses, a model that throws and a score that is not finite go the way of the node's error policy, with
// the record that it was; its neighbours in the batch are scored.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weir/core/record_holder.h>
#include <weir/ml/key_bytes.h>
#include <weir/ml/monitoring/score_metrics.h>
#include <weir/ml/score_batch.h>
#include <weir/ml/score_options.h>
#include <weir/ml/shadow_score.h>
#include <weir/operators/merge.h>
#include <weir/operators/stream.h>

namespace weir::ml {

// row(value), row(key, value) or row(key, value, info): a contiguous range of floats or of Cells, such as std::array or
// std::vector.
template <class F, class K, class V>
concept RowMakerOver = MapperOver<F, K, V> && std::ranges::contiguous_range<ResultOver<F, K, V>> &&
                       (std::same_as<std::ranges::range_value_t<ResultOver<F, K, V>>, float> ||
                        std::same_as<std::ranges::range_value_t<ResultOver<F, K, V>>, Cell>);

// U(value, std::span<const float> scores): the new value.
template <class F, class V>
concept ScoreTakerOver = std::invocable<const F&, const V&, std::span<const float>> &&
                         !std::is_void_v<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

template <class F, class V>
using ScoredBy = std::remove_cvref_t<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

// The part of the node that knows neither keys nor values.
class ScoreNodeBase : public RecordHolder, public RecordGate {
 public:
  explicit ScoreNodeBase(ScoreOptions options) : options_(std::move(options)) {}

  void attach(HoldDesk& desk, bool may_hold) override;
  [[nodiscard]] bool full() const override { return held_ >= options_.max_batch; }
  [[nodiscard]] bool holds() const override { return held_ > 0; }
  [[nodiscard]] Duration due_in() const override;
  [[nodiscard]] bool admits(Timestamp time) override;
  void at_rest() override { choice_->at_rest(); }

 protected:
  // What is known of a record that waits, but for its key, value and time.
  struct Waiting {
    ScoreBatch::Place main;
    ScoreBatch::Place shadow;
    std::uint64_t number = 0;  // at the desk
    std::uint32_t nth = 0;     // among the rows of its input record
    Duration since{0};
    Timestamp time = 0;
  };

  void open_models(TaskContext& context, const Node& node);
  // Puts a row into the batch. Returns why it cannot be scored, or nothing.
  [[nodiscard]] std::string put(BytesView key, Timestamp time, const RawRow& row, const Origin& origin,
                                Waiting& waiting);
  // Whether records wait for others.
  [[nodiscard]] bool batches() const { return may_hold_ && options_.max_batch > 1; }
  [[nodiscard]] Duration now() const;
  [[nodiscard]] bool measures_time() const {
    return options_.max_wait.count() > 0 || options_.budget.count() > 0;
  }
  void note_held(Duration since);

  // How a waiting record came out.
  struct Outcome {
    std::span<const float> scores;
    std::string fault = {};  // not empty: there is no score to be used
    bool fallback = false;
  };
  [[nodiscard]] Outcome outcome(const Waiting& waiting, Duration now);
  // Scores what is in the batch.
  void score_batch();
  // Writes the headers of a result.
  void stamp(const Headers& own, const Waiting& waiting, const Outcome& outcome, const Origin& origin,
             Headers& headers) const;
  [[nodiscard]] ShadowScore shadow_score(const Waiting& waiting, const Outcome& outcome,
                                         const Origin& origin) const;

  const ScoreOptions options_;
  HoldDesk* desk_ = nullptr;
  ScoreBatch batch_;
  std::size_t held_ = 0;

 private:
  std::unique_ptr<ModelChoice> choice_;
  std::optional<ScoreMetrics> metrics_;
  Timestamp scored_at_ = 0;  // wall time, if anything is measured
  const Clock* clock_ = nullptr;
  bool may_hold_ = false;
  Duration first_since_{0};
  Origin last_origin_;
  std::uint32_t last_nth_ = 0;
};

template <class K, class V, class RowMaker, class ScoreTaker>
class ScoreNode final : public Emitter<K, ScoredBy<ScoreTaker, V>>, public Inlet<K, V>, public ScoreNodeBase {
 public:
  using Result = ScoredBy<ScoreTaker, V>;

  // With `shadowed`, the first child gets the results, the second what the shadow model said.
  ScoreNode(ScoreOptions options, bool shadowed, RowMaker row, ScoreTaker take)
      : ScoreNodeBase(std::move(options)),
        shadowed_(shadowed),
        row_(std::move(row)),
        take_(std::move(take)) {}

  bool connect(Node& child) override {
    if (!shadowed_ || !this->has_outlets()) return Emitter<K, Result>::connect(child);
    return (shadows_ = dynamic_cast<Inlet<K, ShadowScore>*>(&child)) != nullptr;
  }

  void open() override { open_models(this->context(), *this); }

  void accept(const Record<K, V>& record) override {
    const auto row = this->ask_user(row_, record);
    if (!row) return;
    Waiting waiting;
    const std::span<const std::ranges::range_value_t<ResultOver<RowMaker, K, V>>> values(
        std::ranges::data(*row), std::ranges::size(*row));
    if (const std::string fault =
            put(key_bytes_.of(record), record.timestamp, values, record.origin, waiting);
        !fault.empty()) {
      this->context().failed(*this, DropReason::kFailed, fault);
      return;
    }
    if constexpr (kCanWait) {
      if (batches()) return wait(record, waiting);
    }
    score_batch();
    pass_on(record, waiting, Duration{0});
    batch_.clear();
  }

  void release() override {
    if constexpr (kCanWait) {
      score_batch();
      const std::size_t count = std::exchange(held_, 0);
      const Duration time = measures_time() ? now() : Duration{0};
      for (std::size_t i = 0; i < count; ++i) {
        const Slot& slot = slots_[i];
        desk_->resume(slot.waiting.number);
        pass_on({*slot.key, *slot.value, slot.timestamp, slot.headers, slot.origin, slot.key_bytes.view()},
                slot.waiting, time);
      }
      batch_.clear();
    }
  }

 private:
  static constexpr bool kCanWait = Owning<K> && Owning<V> && std::copyable<K> && std::copyable<V>;

  struct Slot {
    std::optional<K> key;
    std::optional<V> value;
    Timestamp timestamp = 0;
    Headers headers;
    Origin origin;
    KeptKeyBytes key_bytes;
    Waiting waiting;
  };

  void wait(const Record<K, V>& record, const Waiting& waiting)
    requires kCanWait
  {
    if (held_ == slots_.size()) slots_.emplace_back();
    Slot& slot = slots_[held_];
    slot.key = record.key;
    slot.value = record.value;
    slot.timestamp = record.timestamp;
    slot.headers = record.headers;
    slot.origin = record.origin;
    slot.key_bytes.keep(record.key_bytes);
    slot.waiting = waiting;
    slot.waiting.number = desk_->hold();
    if (measures_time()) slot.waiting.since = now();
    note_held(slot.waiting.since);
  }

  void pass_on(const Record<K, V>& record, const Waiting& waiting, Duration now) {
    const Outcome out = outcome(waiting, now);
    if (!out.fault.empty()) {
      this->context().failed(*this, DropReason::kFailed, out.fault);
      return;
    }
    const auto value = this->guarded([&] { return std::invoke(take_, record.value, out.scores); });
    if (!value) return;
    if (options_.stamp) {
      stamp(record.headers, waiting, out, record.origin, stamped_);
      this->emit({record.key, *value, record.timestamp, stamped_, record.origin, record.key_bytes});
    } else {
      this->emit(record.with_value(*value));
    }
    if (shadows_ != nullptr && waiting.shadow.lane != ScoreBatch::Place::kNone)
      shadows_->accept(record.with_value(shadow_score(waiting, out, record.origin)));
  }

  const bool shadowed_;
  const RowMaker row_;
  const ScoreTaker take_;
  Inlet<K, ShadowScore>* shadows_ = nullptr;
  std::vector<Slot> slots_;  // the first held_ wait; the rest is memory to be used again
  Headers stamped_;
  KeyBytes<K> key_bytes_;
};

// Notes what is wrong with the options or, if the width of rows is known (not 0), with the model.
void check_score(const GraphPoint& stream, const ScoreOptions& options, std::size_t columns, Location where);

// For KStream::apply.
template <class RowMaker, class ScoreTaker>
class ScoreOperator {
 public:
  ScoreOperator(ScoreOptions options, RowMaker row, ScoreTaker take, Location where)
      : options_(std::move(options)), row_(std::move(row)), take_(std::move(take)), where_(where) {}

  template <class K, class V>
    requires RowMakerOver<RowMaker, K, V> && ScoreTakerOver<ScoreTaker, V>
  KStream<K, ScoredBy<ScoreTaker, V>> operator()(const KStream<K, V>& stream) const {
    check<K, V>(stream);
    return KStream<K, ScoredBy<ScoreTaker, V>>(stream.extend(
        "score", {.name = options_.name, .on_error = options_.on_error}, node<K, V>(false), where_));
  }

 protected:
  // A row whose width is known at compile time is compared with the model before anything runs.
  template <class K, class V>
  void check(const KStream<K, V>& stream) const {
    std::size_t columns = 0;
    if constexpr (requires { std::tuple_size<ResultOver<RowMaker, K, V>>::value; })
      columns = std::tuple_size_v<ResultOver<RowMaker, K, V>>;
    check_score(stream, options_, columns, where_);
  }
  template <class K, class V>
  [[nodiscard]] NodeFactory node(bool shadowed) const {
    return node_factory<ScoreNode<K, V, RowMaker, ScoreTaker>>(options_, shadowed, row_, take_);
  }

  const ScoreOptions options_;
  const RowMaker row_;
  const ScoreTaker take_;
  const Location where_;
};

template <class RowMaker, class ScoreTaker>
[[nodiscard]] ScoreOperator<RowMaker, ScoreTaker> score(ScoreOptions options, RowMaker row, ScoreTaker take,
                                                        Location where = Location::current()) {
  return {std::move(options), std::move(row), std::move(take), where};
}

// What score_with_shadow makes: the results, and what the shadow model said of the same rows.
template <class K, class U>
struct ShadowedResult {
  KStream<K, U> results;
  KStream<K, ShadowScore> shadows;
};

// score with the shadow model's scores as a stream of its own:
//
//   const auto [decisions, shadows] = payments.apply(weir::ml::score_with_shadow({.models = models.use("fraud")}, row, decide));
//   decisions.to("decisions");
//   shadows.to("fraud-shadow", {.on_error = weir::ErrorPolicy::kSkip});
//
// A shadow model that throws, or scores with what is not a number, changes nothing of the results: it is told in the
// ShadowScore. There are none while no model of the registry has the role shadow. Nodes: "<name>", "<name>-results",
// "<name>-shadows".
template <class RowMaker, class ScoreTaker>
class ShadowedScoreOperator final : private ScoreOperator<RowMaker, ScoreTaker> {
 public:
  using ScoreOperator<RowMaker, ScoreTaker>::ScoreOperator;

  template <class K, class V>
    requires RowMakerOver<RowMaker, K, V> && ScoreTakerOver<ScoreTaker, V>
  ShadowedResult<K, ScoredBy<ScoreTaker, V>> operator()(const KStream<K, V>& stream) const {
    using Result = ScoredBy<ScoreTaker, V>;
    this->template check<K, V>(stream);
    const std::string name = stream.name_for("score", this->options_.name);
    const GraphPoint scored =
        stream.extend_named(name, this->options_.on_error, this->template node<K, V>(true), this->where_);
    return {
        KStream<K, Result>(scored.extend_named(name + "-results", ErrorPolicy::kInherit,
                                               node_factory<PassNode<K, Result>>(), this->where_)),
        KStream<K, ShadowScore>(scored.extend_named(name + "-shadows", ErrorPolicy::kInherit,
                                                    node_factory<PassNode<K, ShadowScore>>(), this->where_))};
  }
};

template <class RowMaker, class ScoreTaker>
[[nodiscard]] ShadowedScoreOperator<RowMaker, ScoreTaker> score_with_shadow(
    ScoreOptions options, RowMaker row, ScoreTaker take, Location where = Location::current()) {
  return {std::move(options), std::move(row), std::move(take), where};
}

}  // namespace weir::ml
