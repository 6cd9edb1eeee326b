// The node of a feedback join.
#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/core/status.h>
#include <weir/ml/feedback/example.h>
#include <weir/ml/feedback/feedback_row.h>
#include <weir/operators/due_index.h>
#include <weir/operators/held_store.h>
#include <weir/operators/join_streams_node.h>
#include <weir/operators/store_access.h>
#include <weir/state/key_value_store.h>

namespace weir::ml {

enum class LabelChoice {
  kFirst,  // later ones for the same prediction are dropped and counted as duplicates
  kLast,   // later ones, in the order they come, are corrections
};

// What the node is told.
struct FeedbackTerms {
  std::string store;
  Timestamp horizon = 0;
  Timestamp grace = 0;
  Timestamp keep = 0;
  LabelChoice choice = LabelChoice::kFirst;
};

// Stands for the lack of a callable that tells the time of features.
struct NoFeatureTime {};

// Says why an example would learn from its own future.
[[nodiscard]] std::string features_too_new(Timestamp feature_time, Timestamp predicted_at);

template <class K, class P, class L, class FeatureTime>
class FeedbackNode final : public Emitter<K, Example<P, L>>,
                           public Inlet<K, P>,
                           public Inlet<K, FromRight<L>> {
 public:
  using Row = FeedbackRow<P, L>;

  // Of one id, before its prediction comes; more are dropped and counted as duplicates.
  static constexpr std::size_t kWaitingLabelsMax = 16;

  FeedbackNode(FeedbackTerms terms, std::optional<L> otherwise, FeatureTime feature_time)
      : terms_(std::move(terms)), otherwise_(std::move(otherwise)), feature_time_(std::move(feature_time)) {}

  [[nodiscard]] bool connect(Node& child) override {
    if (Emitter<K, Example<P, L>>::connect(child)) return true;
    auto* inlet = dynamic_cast<Inlet<K, Orphan<L>>*>(&child);
    if (inlet == nullptr) return false;
    orphans_.push_back(inlet);
    return true;
  }

  void open() override {
    store_ = &typed_store<KeyValueStore<K, Row>>(this->context(), *this, terms_.store);
    seen_ = this->context().persistent_time(terms_.store);
    index_.clear();
    for (const auto& [key, row] : store_->all()) note_due(key, row.value.due);
  }

  void accept(const Record<K, P>& record) override {
    pass_time(record.timestamp, record.origin);
    take(record);
    settle_due(record.origin);
  }

  void accept(const Record<K, FromRight<L>>& record) override {
    pass_time(record.timestamp, record.origin);
    take(record, *record.value.value);
    settle_due(record.origin);
  }

 private:
  void take(const Record<K, P>& record) {
    Timestamp feature_time = kNoTimestamp;
    if constexpr (!std::same_as<FeatureTime, NoFeatureTime>) {
      const auto told = this->ask_user(feature_time_, record);
      if (!told) return;
      feature_time = *told;
      if (feature_time >= record.timestamp) {
        return this->context().failed(*this, DropReason::kFailed,
                                      features_too_new(feature_time, record.timestamp));
      }
    }
    Row row = found(record.key);
    if (row.prediction) return this->context().drop(DropReason::kDuplicate);
    row.prediction.emplace();
    row.prediction->now = record.value;
    row.prediction->headers = record.headers;
    row.prediction->due = record.timestamp;
    row.feature_time = feature_time;
    row.due = record.timestamp + terms_.horizon + terms_.grace;
    const std::vector<typename Row::Waiting> labels = std::exchange(row.labels, {});
    for (const auto& [time, label] : labels)
      match(record.key, row, time, label, record.headers, record.origin);
    put(record.key, std::move(row));
  }

  void take(const Record<K, FromRight<L>>& record, const L& label) {
    Row row = found(record.key);
    if (row.prediction) {
      match(record.key, row, record.timestamp, label, record.headers, record.origin);
    } else {
      if (row.labels.size() == kWaitingLabelsMax) return this->context().drop(DropReason::kDuplicate);
      row.labels.push_back({record.timestamp, label});
      row.due = std::max(row.due, record.timestamp + terms_.grace);
    }
    put(record.key, std::move(row));
  }

  // Finds a label's place. `headers` are those of the record that came now, for labels that have none.
  void match(const K& key, Row& row, Timestamp time, const L& label, const Headers& headers,
             const Origin& origin) {
    const Timestamp predicted_at = row.prediction->due;
    if (time < predicted_at) {
      return tell_orphan(key, {label, OrphanReason::kBeforePrediction, time}, headers, origin);
    }
    const bool corrects = row.told == FeedbackTold::kDefault ||
                          (row.told == FeedbackTold::kLabel && terms_.choice == LabelChoice::kLast);
    if (time - predicted_at > terms_.horizon) {
      tell_orphan(key, {label, OrphanReason::kTooLate, time}, headers, origin);
      if (corrects) tell(key, row, ExampleKind::kCorrection, label, time, origin);
      return;
    }
    if (row.told == FeedbackTold::kLabel && !corrects) return this->context().drop(DropReason::kDuplicate);
    tell(key, row, corrects ? ExampleKind::kCorrection : ExampleKind::kLabelled, label, time, origin);
    row.told = FeedbackTold::kLabel;
  }

  void tell(const K& key, const Row& row, ExampleKind kind, const L& label, Timestamp time,
            const Origin& origin) {
    const Held<P>& held = *row.prediction;
    const Example<P, L> example{*held.now, label, kind, row.feature_time, held.due, time};
    this->emit({key, example, time, held.headers, origin});
  }

  void tell_orphan(const K& key, const Orphan<L>& orphan, const Headers& headers, const Origin& origin) {
    for (Inlet<K, Orphan<L>>* inlet : orphans_) {
      inlet->accept({key, orphan, orphan.labelled_at, headers, origin});
    }
  }

  void pass_time(Timestamp time, const Origin& origin) {
    *seen_ = std::max(*seen_, time);
    settle_due(origin);
  }

  void settle_due(const Origin& origin) {
    while (index_.first_due() < *seen_) {
      const Timestamp due = index_.first_due();
      K key{};
      if (absl::Status status = Serde<K>::decode(index_.first_key(), key); !status.ok()) {
        unreadable_key(*this, status);
      }
      index_.remove_first();
      Row row = found(key);
      // What is due at another time by now, or gone, has an entry of its own, or none.
      if (row.due == due && (row.prediction || !row.labels.empty())) settle(key, std::move(row), origin);
    }
  }

  void settle(const K& key, Row row, const Origin& origin) {
    if (!row.prediction) {
      store_->erase(key, *seen_);
      for (const auto& [time, label] : row.labels) {
        tell_orphan(key, {label, OrphanReason::kNoPrediction, time}, kNoHeaders, origin);
      }
      return;
    }
    const bool first = !row.settled;
    if (first && row.told == FeedbackTold::kNothing && otherwise_) {
      tell(key, row, ExampleKind::kDefault, *otherwise_, row.prediction->due + terms_.horizon, origin);
      row.told = FeedbackTold::kDefault;
    }
    if (!first || terms_.keep == 0) return store_->erase(key, *seen_);
    row.settled = true;
    row.due += terms_.keep;
    put(key, std::move(row));
  }

  [[nodiscard]] Row found(const K& key) {
    const auto* held = store_->find(key);
    return held == nullptr ? Row() : held->value;
  }

  void put(const K& key, Row row) {
    note_due(key, row.due);
    store_->put(key, std::move(row), *seen_);
  }

  void note_due(const K& key, Timestamp due) {
    key_bytes_.clear();
    Serde<K>::encode(key, key_bytes_);
    index_.put(due, key_bytes_, 0);
  }

  const FeedbackTerms terms_;
  const std::optional<L> otherwise_;
  const FeatureTime feature_time_;
  KeyValueStore<K, Row>* store_ = nullptr;
  Timestamp* seen_ = nullptr;  // the largest timestamp of both streams; committed with the task
  DueIndex index_;             // of the rows in the store, and some that changed since
  std::vector<Inlet<K, Orphan<L>>*> orphans_;
  Bytes key_bytes_;  // reused
};

}  // namespace weir::ml
