// The node that holds changes of a table back, and how to read the table as those downstream know it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/core/status.h>
#include <weir/operators/due_index.h>
#include <weir/operators/held_store.h>
#include <weir/operators/store_access.h>
#include <weir/operators/suppression.h>
#include <weir/operators/table.h>
#include <weir/operators/topic_key.h>
#include <weir/state/key_value_store.h>

namespace weir {

// What such a node is told, whatever it waits for.
struct Suppression {
  std::string store;
  Duration wait{0};
  // By the ends of windows, and without telling of rows that are gone; otherwise by the time of the first change.
  bool final_results = false;
  std::optional<std::uint64_t> max_records = std::nullopt;
  std::optional<std::uint64_t> max_bytes = std::nullopt;
  WhenFull when_full = WhenFull::kFail;
  // Whether what was there before is, for those downstream, what was replaced last, although nobody was told of it.
  bool like_kafka_streams = false;

  [[nodiscard]] bool is_full(const DueIndex& index) const {
    return (max_records && index.records() > *max_records) || (max_bytes && index.bytes() > *max_bytes);
  }
};

// Fails the task.
[[noreturn]] void too_much_is_held_back(const Node& node, const DueIndex& index);

template <class K, class V>
class SuppressNode final : public UnaryNode<K, Change<V>, K, Change<V>> {
 public:
  using Row = Timestamped<Held<V>>;

  SuppressNode(Suppression how, const std::shared_ptr<const BeforeWish>& wish)
      : how_(std::move(how)),
        keeps_before_(wish->wanted() || wish->rows_wanted()),
        tells_before_(wish->wanted()),
        tells_replaced_(how_.like_kafka_streams && wish->wanted()) {}

  void open() override {
    store_ = &typed_store<HeldStore<V>>(this->context(), *this, how_.store);
    seen_ = this->context().persistent_time(how_.store);
    index_.clear();
    for (const auto& [key, row] : store_->all()) {
      index_.put(row.value.due, key, size_of(key, row.value));
      // Where a task comes to without what it had committed, except for the store.
      see(row.timestamp);
    }
  }

  void accept(const Record<K, Change<V>>& record) override {
    see(record.timestamp);
    hold(record);
    while (index_.first_due() <= *seen_ - how_.wait.count()) tell_first(record.origin);
    while (how_.is_full(index_)) {
      if (how_.when_full == WhenFull::kFail) too_much_is_held_back(*this, index_);
      tell_first(record.origin);
    }
  }

 private:
  void see(Timestamp time) { *seen_ = std::max(*seen_, time); }

  // A change that follows another takes its place.
  void hold(const Record<K, Change<V>>& record) {
    const Change<V>& change = record.value;
    key_bytes_.clear();
    RepartitionKey<K>::encode(record.key, key_bytes_);
    const Row* held = store_->modify(key_bytes_, record.timestamp, [&](std::optional<Row>& row) {
      if (!row) {
        row.emplace();
        row->value.due = due(record);
        if (keeps_before_ && change.before != nullptr) row->value.before = *change.before;
      }
      if (change.now != nullptr) {
        row->value.now = *change.now;
      } else {
        row->value.now.reset();
      }
      if (tells_replaced_) {
        row->value.replaced = change.before == nullptr ? std::nullopt : std::optional<V>(*change.before);
      }
      row->value.headers = record.headers;
      row->timestamp = record.timestamp;
    });
    index_.put(held->value.due, key_bytes_, size_of(key_bytes_, held->value));
  }

  [[nodiscard]] Timestamp due(const Record<K, Change<V>>& record) const {
    if constexpr (kIsWindowed<K>) {
      if (how_.final_results) return record.key.window.end;
    }
    return record.timestamp;
  }

  void tell_first(const Origin& origin) {
    if (absl::Status status = RepartitionKey<K>::decode(index_.first_key(), key_); !status.ok()) {
      unreadable_key(*this, status);
    }
    store_->modify(index_.first_key(), *seen_, [&](std::optional<Row>& row) {
      if (row) told_ = std::move(*row);
      row.reset();
    });
    index_.remove_first();
    const Held<V>& held = told_.value;
    if (how_.final_results && !held.now) return;
    const std::optional<V>& before = tells_replaced_ ? held.replaced : held.before;
    const Change<V> change{held.now ? &*held.now : nullptr, tells_before_ && before ? &*before : nullptr,
                           true};
    this->emit({key_, change, told_.timestamp, held.headers, origin, {}});
  }

  // Measures only where somebody has set a limit.
  [[nodiscard]] std::uint64_t size_of(BytesView key, const Held<V>& held) {
    if (!how_.max_bytes) return 0;
    value_bytes_.clear();
    Serde<Held<V>>::encode(held, value_bytes_);
    return key.size() + value_bytes_.size();
  }

  const Suppression how_;
  const bool keeps_before_;
  const bool tells_before_;
  const bool tells_replaced_;
  HeldStore<V>* store_ = nullptr;
  Timestamp* seen_ = nullptr;  // the largest timestamp of a change that came; committed with the task
  DueIndex index_;
  // Reused, so that their memory is.
  K key_{};
  Row told_;
  Bytes key_bytes_;
  Bytes value_bytes_;
};

// Of a row with changes held back, what was there before them; its time is not known any more. Of others, the row itself.
template <class K, class V>
class SuppressedGetter final : public TableGetter<K, V> {
 public:
  SuppressedGetter(HeldStore<V>& store, std::unique_ptr<TableGetter<K, V>> table)
      : store_(store), table_(std::move(table)) {}

  const Timestamped<V>* find(const K& key, BytesView key_bytes) override {
    held_key_.clear();
    RepartitionKey<K>::encode(key, held_key_);
    const Timestamped<Held<V>>* held = store_.find(held_key_);
    if (held == nullptr) return table_->find(key, key_bytes);
    if (!held->value.before) return nullptr;
    row_ = {*held->value.before, kNoTimestamp};
    return &row_;
  }

 private:
  HeldStore<V>& store_;
  const std::unique_ptr<TableGetter<K, V>> table_;
  Bytes held_key_;
  Timestamped<V> row_;
};

}  // namespace weir
