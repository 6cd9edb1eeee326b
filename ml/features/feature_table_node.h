// The node that makes a table of a feature view, and how those downstream look its features up as of a time.
//
// Internal to the features; use feature_stream.h.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/feature_row.h>
#include <weir/ml/features/feature_store.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table_access.h>
#include <weir/state/key_encoder.h>
#include <weir/state/key_value_store.h>

namespace weir::ml {

// What such a node is told.
struct FeatureTableTerms {
  std::string rows;      // the store of what was told
  std::string features;  // that of the view
  bool suppress_same = true;
  std::optional<Duration> refresh = std::nullopt;
};

// Returns the values of the row of a key that was never seen.
[[nodiscard]] std::vector<double> values_of_nothing(const FeaturePlan& plan);

template <class Scalar>
[[nodiscard]] BasicFeatureRow<Scalar> row_of_nothing(const FeaturePlanPtr& plan) {
  BasicFeatureRow<Scalar> row(plan->hash(), plan->outputs().size());
  row.assign(values_of_nothing(*plan));
  return row;
}

// Rows of a view as of any time, from its store.
template <class K, class Scalar>
class FeatureLookUp {
 public:
  using Row = BasicFeatureRow<Scalar>;

  FeatureLookUp(FeaturePlanPtr plan, FeatureStore& store)
      : plan_(std::move(plan)),
        store_(&store),
        values_(plan_->outputs().size()),
        row_(plan_->hash(), values_.size()) {}

  // Returns the row, which is valid until the next call; there always is one.
  const Row& at(const K& key, Timestamp time, BytesView key_bytes = {}) {
    newest_ = store_->look(key_encoder_(key, key_bytes), time, values_.data());
    row_.assign(values_);
    return row_;
  }
  [[nodiscard]] std::optional<Timestamp> newest_of(const K& key, BytesView key_bytes) {
    return store_->look(key_encoder_(key, key_bytes), 0, values_.data());
  }
  // Of the row that was returned last: the time of its key's newest record, nothing if no record at `now` could ask for any.
  [[nodiscard]] std::optional<Timestamp> newest(Timestamp now) const {
    const std::int64_t horizon = plan_->horizon();
    return newest_ && horizon >= 0 && *newest_ < now - horizon ? std::nullopt : newest_;
  }

 private:
  const FeaturePlanPtr plan_;
  FeatureStore* store_;
  KeyEncoder<K> key_encoder_;
  std::vector<double> values_;
  Row row_;
  std::optional<Timestamp> newest_;
};

// As of the time that is asked for, without one as of the key's newest record; there is a row for every key.
template <class K, class Scalar>
class FeatureGetter final : public TableGetter<K, BasicFeatureRow<Scalar>> {
 public:
  using Row = BasicFeatureRow<Scalar>;

  FeatureGetter(FeaturePlanPtr plan, FeatureStore& store) : look_up_(std::move(plan), store) {}

  const Timestamped<Row>* find(const K& key, BytesView key_bytes) override {
    return find_as_of(key, look_up_.newest_of(key, key_bytes).value_or(0), key_bytes);
  }
  const Timestamped<Row>* find_as_of(const K& key, Timestamp time, BytesView key_bytes) override {
    found_.value = look_up_.at(key, time, key_bytes);
    found_.timestamp = time;
    return &found_;
  }

 private:
  FeatureLookUp<K, Scalar> look_up_;
  Timestamped<Row> found_;
};

template <class K, class T, class Scalar>
class FeatureTableNode final : public UnaryNode<K, Featured<T, Scalar>, K, Change<BasicFeatureRow<Scalar>>> {
 public:
  using Row = BasicFeatureRow<Scalar>;

  FeatureTableNode(FeaturePlanPtr plan, FeatureTableTerms terms, std::shared_ptr<const BeforeWish> before)
      : plan_(std::move(plan)), terms_(std::move(terms)), before_wanted_(before->wanted()) {}

  void open() override {
    rows_ = &typed_store<KeyValueStore<K, Row>>(this->context(), *this, terms_.rows);
    look_up_.emplace(plan_, typed_store<FeatureStore>(this->context(), *this, terms_.features));
    now_ = this->context().persistent_time(terms_.rows);
    refreshed_ = this->context().persistent_time(terms_.rows + "-refreshed");
  }

  void accept(const Record<K, Featured<T, Scalar>>& record) override {
    *now_ = std::max(*now_, record.value.time);
    if (!record.value.late) tell(record);
    if (!terms_.refresh) return;
    // By records alone, so that neither restarts nor other inputs of the task move it.
    const Timestamp begun = *now_ - *now_ % terms_.refresh->count();
    if (begun > std::exchange(*refreshed_, begun)) refresh(record.origin);
  }

 private:
  void tell(const Record<K, Featured<T, Scalar>>& record) {
    // What a next record would find: a record out of order changes what there is as of the newest one.
    const Row* row = &look_up_->at(record.key, record.value.time, record.key_bytes);
    Timestamp time = record.value.time;
    if (const auto newest = look_up_->newest(time); newest && *newest > time) {
      time = *newest;
      row = &look_up_->at(record.key, time, record.key_bytes);
    }
    const Timestamped<Row>* told = rows_->find(record.key, record.key_bytes);
    if (told != nullptr && terms_.suppress_same && told->value == *row) return;
    std::optional<Row> before;
    if (told != nullptr && before_wanted_) before = told->value;
    rows_->put(record.key, *row, time, record.key_bytes);
    const Change<Row> change{row, before ? &*before : nullptr, true};
    this->emit({record.key, change, record.timestamp, record.headers, record.origin, record.key_bytes});
  }

  struct Turn {
    K key;
    std::optional<Row> now;
    Row before;
  };

  // Makes all rows as of now, and tells of those that are others by themselves.
  void refresh(const Origin& origin) {
    std::vector<Turn> turns;
    for (const auto& [key, told] : rows_->all()) {
      const Row& row = look_up_->at(key, *now_);
      const bool known = look_up_->newest(*now_).has_value();
      if (known && row == told.value) continue;
      turns.push_back({key, known ? std::optional<Row>(row) : std::nullopt, told.value});
    }
    for (const Turn& turn : turns) {
      if (turn.now) {
        rows_->put(turn.key, *turn.now, *now_);
      } else {
        rows_->erase(turn.key, *now_);
      }
      const Change<Row> change{turn.now ? &*turn.now : nullptr, before_wanted_ ? &turn.before : nullptr,
                               true};
      this->emit({turn.key, change, *now_, kNoHeaders, origin, {}});
    }
  }

  const FeaturePlanPtr plan_;
  const FeatureTableTerms terms_;
  const bool before_wanted_;
  KeyValueStore<K, Row>* rows_ = nullptr;
  std::optional<FeatureLookUp<K, Scalar>> look_up_;
  // Committed with the task:
  Timestamp* now_ = nullptr;        // the largest time of a record
  Timestamp* refreshed_ = nullptr;  // the multiple of the interval that has begun
};

}  // namespace weir::ml
