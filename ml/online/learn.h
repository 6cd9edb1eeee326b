// learn puts a learner into a topology: each record is predicted from what was learned before it, and then learned. So the
// predictions are honest, and their losses say how good the learner is (prequential evaluation).
//
//   const auto learner = std::make_shared<weir::ml::LinearLearner>(
//       weir::ml::LinearOptions{.inputs = {"price", "demand"}, .update = weir::ml::LinearUpdate::kPassiveAggressive});
//   offers
//       .apply(weir::ml::learn(
//           {.store = "offer-learner", .learner = learner, .rules = {.publish_every = 10'000}},
//           [](const Offer& offer) { return std::array{offer.price, offer.demand}; },
//           [](const Offer& offer) { return offer.taken; },                      // std::optional<float>
//           [](const Offer& offer, const weir::ml::Learned& learned) { return Judged{offer.id, learned.scores}; }))
//       .to("judged-offers");
//
// The callables give the row, in the learner's order, NaN where a value is missing; the label; and the new value of the old one
// and what became of it. Key, timestamp and headers stay. Row and label may be optionals: a record with both is predicted
// and learned; one with a row alone is predicted, and with `wait_for_labels` the row waits, with its prediction, for a record
// of the same key that has a label alone. Labels come to it merged into the stream:
//
//   features.merge(labels).apply(weir::ml::learn({.store = "s", .learner = learner, .wait_for_labels = 24h}, ...))
//
// A row whose label does not come within that time of the stream is forgotten, counted as expired. A learner without labels
// (k-means, a scaler) learns every row, and the label is not looked at.
//
// A task has a learner of its own: what was learned lies in a key-value store with a changelog, part by part, and is committed
// with the records it was learned from. Under exactly-once each example is learned once, and restarts, crashes and moves
// change nothing, bit for bit. So partitions learn apart from each other; for one learner of all records use a topic with one
// partition (repartition with partitions = 1), at the price of one task for it.
//
// When the learner diverges it goes back to its last checkpoint and goes on from there; the record says so (LearnStep). Every
// publish_every examples the record carries the learner as bytes, which load_learner() makes a Model of: split them off and
// publish them.
//
// Rows of another width or with infinite values, and labels that are none, go the way of the node's error policy and are not
// learned. A stored learner of another kind or with other options fails the task; the message says what to do.
#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/ml/online/learn_session.h>
#include <weir/ml/online/learner.h>
#include <weir/operators/repartition.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>

namespace weir::ml {

struct LearnOptions {
  StoreName store;
  std::string name = {};  // of the node
  // Required, and one that has learned nothing: each task begins with a copy. What has been learned elsewhere is loaded
  // as a Model.
  std::shared_ptr<const Learner> learner;
  LearnRules rules = {};
  // How long a row waits for its label, in the stream's time; 0: not at all.
  Duration wait_for_labels{0};
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// row(value), row(key, value) or row(key, value, info): a contiguous range of floats, or an optional of that.
template <class F, class K, class V>
concept LearnRowOver = MapperOver<F, K, V> && std::ranges::contiguous_range<NonNull<ResultOver<F, K, V>>> &&
                       std::same_as<std::ranges::range_value_t<NonNull<ResultOver<F, K, V>>>, float>;

// The same: a number, or an optional of one.
template <class F, class K, class V>
concept LabelOver = MapperOver<F, K, V> && std::is_arithmetic_v<NonNull<ResultOver<F, K, V>>>;

// U(value, const Learned&): the new value.
template <class F, class V>
concept LearnedTakerOver = std::invocable<const F&, const V&, const Learned&> &&
                           !std::is_void_v<std::invoke_result_t<const F&, const V&, const Learned&>>;

template <class F, class V>
using LearnedBy = std::remove_cvref_t<std::invoke_result_t<const F&, const V&, const Learned&>>;

// Fails the task.
[[noreturn]] void learner_did_not_open(const Node& node, const absl::Status& status);

template <class K, class V, class RowMaker, class LabelMaker, class Taker>
class LearnNode final : public UnaryNode<K, V, K, LearnedBy<Taker, V>> {
 public:
  LearnNode(const LearnOptions& options, RowMaker row, LabelMaker label, Taker take)
      : store_name_(options.store.text()),
        waits_(options.wait_for_labels.count() > 0),
        row_(std::move(row)),
        label_(std::move(label)),
        take_(std::move(take)),
        session_(options.learner, options.rules, options.wait_for_labels) {}

  void open() override {
    auto& parts = typed_store<LearnSession::Parts>(this->context(), *this, store_name_);
    LearnSession::Waiting* waiting = nullptr;
    if (waits_) {
      waiting = &typed_store<LearnSession::Waiting>(this->context(), *this, store_name_ + "-waiting");
      seen_ = this->context().persistent_time(store_name_);
    }
    if (absl::Status status = session_.open(parts, waiting); !status.ok())
      learner_did_not_open(*this, status);
  }

  void accept(const Record<K, V>& record) override {
    const auto made_row = this->ask_user(row_, record);
    if (!made_row) return;
    const auto made_label = this->ask_user(label_, record);
    if (!made_label) return;
    std::optional<std::span<const float>> row;
    if (!is_null(*made_row))
      row.emplace(std::ranges::data(non_null(*made_row)), std::ranges::size(non_null(*made_row)));
    std::optional<float> label;
    if (!is_null(*made_label)) label = static_cast<float>(non_null(*made_label));

    absl::Status status = row ? session_.check(*row) : absl::OkStatus();
    if (status.ok() && label && session_.needs_labels()) status = session_.check_label(*label);
    if (!status.ok()) {
      this->context().failed(*this, DropReason::kFailed, "learn: " + std::string(status.message()));
      return;
    }
    const Learned learned = step(record, row, label);
    const auto value = this->guarded([&] { return std::invoke(take_, record.value, learned); });
    if (value) this->emit(record.with_value(*value));
  }

 private:
  [[nodiscard]] Learned step(const Record<K, V>& record, std::optional<std::span<const float>> row,
                             std::optional<float> label) {
    if (waits_) {
      *seen_ = std::max(*seen_, record.timestamp);
      for (std::size_t expired = session_.expire(*seen_); expired > 0; --expired)
        this->context().drop(DropReason::kExpired);
    }
    if (row && (label || !session_.needs_labels()))
      return session_.learn(*row, label.value_or(0), record.timestamp);
    const bool can_wait = waits_ && !is_null(record.key);
    if (row) return can_wait ? session_.wait(key_of(record), *row, record.timestamp) : session_.predict(*row);
    if (label && can_wait) return session_.label(key_of(record), *label, record.timestamp);
    return session_.without_row(label);
  }

  [[nodiscard]] static std::string key_of(const Record<K, V>& record) {
    std::string key;
    if constexpr (Transportable<K>) Serde<NonNull<K>>::encode(non_null(record.key), key);
    return key;
  }

  const std::string store_name_;
  const bool waits_;
  const RowMaker row_;
  const LabelMaker label_;
  const Taker take_;
  LearnSession session_;
  Timestamp* seen_ = nullptr;  // the largest timestamp that came; committed with the task
};

// For KStream::apply.
template <class RowMaker, class LabelMaker, class Taker>
class LearnOperator {
 public:
  LearnOperator(LearnOptions options, RowMaker row, LabelMaker label, Taker take, Location where)
      : options_(std::move(options)),
        row_(std::move(row)),
        label_(std::move(label)),
        take_(std::move(take)),
        where_(where) {}

  template <class K, class V>
    requires LearnRowOver<RowMaker, K, V> && LabelOver<LabelMaker, K, V> && LearnedTakerOver<Taker, V>
  KStream<K, LearnedBy<Taker, V>> operator()(const KStream<K, V>& stream) const {
    const LearnOptions options = checked(stream);
    const std::string& store = options.store.text();
    StoreOptions store_options;
    store_options.persistent = options.persistent;
    store_options.logged = options.logged;
    std::vector<std::string> stores{store};
    const bool waits = options.wait_for_labels.count() > 0;
    // Records of one key have to meet.
    const KStream<K, V> from = waits ? keyed_or_null(stream, store, where_) : stream;
    if (waits) {
      if constexpr (!Transportable<K>)
        from.problem("learn: to wait for labels keys must have a Serde", where_);
      stores.push_back(store + "-waiting");
      from.graph()->topology().add_store(
          key_value_store_spec<std::string, WaitingRow>(stores.back(), store_options), state_engine(),
          where_);
    }
    // Rows of parts are read when the task begins, and never again: to cache them would keep what the learner has.
    store_options.cache_bytes = 0;
    from.graph()->topology().add_store(key_value_store_spec<std::string, StoredPart>(store, store_options),
                                       state_engine(), where_);
    return KStream<K, LearnedBy<Taker, V>>(
        from.extend("learn", {.name = options.name, .on_error = options.on_error},
                    node_factory<LearnNode<K, V, RowMaker, LabelMaker, Taker>>(options, row_, label_, take_),
                    where_, stores));
  }

 private:
  // Returns options that can be; problems are noted.
  [[nodiscard]] LearnOptions checked(const GraphPoint& stream) const;

  const LearnOptions options_;
  const RowMaker row_;
  const LabelMaker label_;
  const Taker take_;
  const Location where_;
};

// See LearnOperator.
[[nodiscard]] LearnOptions checked_options(const GraphPoint& stream, LearnOptions options, Location where);

template <class RowMaker, class LabelMaker, class Taker>
LearnOptions LearnOperator<RowMaker, LabelMaker, Taker>::checked(const GraphPoint& stream) const {
  return checked_options(stream, options_, where_);
}

template <class RowMaker, class LabelMaker, class Taker>
[[nodiscard]] LearnOperator<RowMaker, LabelMaker, Taker> learn(LearnOptions options, RowMaker row,
                                                               LabelMaker label, Taker take,
                                                               Location where = Location::current()) {
  return {std::move(options), std::move(row), std::move(label), std::move(take), where};
}

}  // namespace weir::ml
