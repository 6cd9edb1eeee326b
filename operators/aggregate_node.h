// The nodes under count, reduce and aggregate without windows: one row per key.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/grouped.h>
#include <weir/operators/options.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table.h>
#include <weir/operators/to_stream.h>
#include <weir/state/key_value_store.h>
#include <weir/state/versioned_store.h>

namespace weir {

template <class K, class V, class Step>
class AggregateNode final : public UnaryNode<K, V, K, Change<typename Step::Value>> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  AggregateNode(std::string store, Emit emit, std::shared_ptr<const BeforeWish> before, Step step)
      : store_name_(std::move(store)),
        emit_(emit),
        before_wanted_(before->wanted()),
        step_(std::move(step)) {}

  void open() override {
    store_ = &typed_store<KeyValueStore<K, Value>>(this->context(), *this, store_name_);
    if (emit_ == Emit::kEveryUpdate) return;
    store_->on_commit({.before = before_wanted_}, [this](const K& key, const Row* now, const Row* before,
                                                         Timestamp timestamp, const Headers& headers,
                                                         const Origin& origin) {
      const Change<Value> change{value_of(now), value_of(before), true, EmitReason::kCommit};
      this->emit({key, change, timestamp, headers, origin, {}});
    });
  }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.value)) {
      this->context().drop(DropReason::kNullValue);
      return;
    }
    if (emit_ == Emit::kEveryUpdate) {
      update_and_emit(record);
    } else {
      update(record);
    }
  }

 private:
  void update(const Record<K, V>& record) {
    const RecordInfo cause{record.timestamp, record.headers, record.origin};
    Timestamp erased = record.timestamp;
    if constexpr (Step::kRows == Rows::kMayVanish) {
      if (const Row* row = store_->find(record.key, record.key_bytes))
        erased = std::max(erased, row->timestamp);
    }
    // The policy has dealt with a failure, and the row is as it was.
    static_cast<void>(this->guarded([&] {
      store_->modify(
          record.key, erased, [&](std::optional<Row>& row) { change(record, row); }, record.key_bytes,
          &cause);
    }));
  }

  void update_and_emit(const Record<K, V>& record) {
    const Row* now = nullptr;
    std::optional<Value> before;
    Timestamp timestamp = record.timestamp;
    if constexpr (Step::kRows == Rows::kMayVanish) {
      if (const Row* row = store_->find(record.key, record.key_bytes))
        timestamp = std::max(timestamp, row->timestamp);
    }
    const bool done = this->guarded([&] {
      now = store_->modify(
          record.key, timestamp,
          [&](std::optional<Row>& row) {
            if (before_wanted_) before = row ? std::optional<Value>(row->value) : step_.first_before();
            change(record, row);
          },
          record.key_bytes);
    });
    if (!done) return;
    const Change<Value> change{value_of(now), before ? &*before : nullptr, true};
    this->emit({record.key, change, now != nullptr ? now->timestamp : timestamp, record.headers,
                record.origin, record.key_bytes});
  }

  void change(const Record<K, V>& record, std::optional<Row>& row) const {
    const Timestamp timestamp = row ? std::max(record.timestamp, row->timestamp) : record.timestamp;
    step_(record.with_value(non_null(record.value)), row);
    if (row) row->timestamp = timestamp;
  }

  [[nodiscard]] static const Value* value_of(const Row* row) {
    return row == nullptr ? nullptr : &row->value;
  }

  const std::string store_name_;
  const Emit emit_;
  const bool before_wanted_;
  const Step step_;
  KeyValueStore<K, Value>* store_ = nullptr;
};

// The same for rows that are remembered as they were. What is told is told at once; a result that is older than what the
// store remembers is dropped and counted.
template <class K, class V, class Step>
class VersionedAggregateNode final : public UnaryNode<K, V, K, Change<typename Step::Value>> {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  VersionedAggregateNode(std::string store, std::shared_ptr<const BeforeWish> before, Step step)
      : store_name_(std::move(store)), before_wanted_(before->wanted()), step_(std::move(step)) {}

  void open() override {
    store_ = &typed_store<VersionedStore<K, Value>>(this->context(), *this, store_name_);
  }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.value)) {
      this->context().drop(DropReason::kNullValue);
      return;
    }
    std::optional<Row> row;
    if (const Row* found = store_->find(record.key, record.key_bytes)) row = *found;
    const Timestamp timestamp = row ? std::max(record.timestamp, row->timestamp) : record.timestamp;
    std::optional<Value> before;
    const bool done = this->guarded([&] {
      if (before_wanted_) before = row ? std::optional<Value>(row->value) : step_.first_before();
      step_(record.with_value(non_null(record.value)), row);
    });
    if (!done) return;
    std::optional<Value> now;
    if (row) now = std::move(row->value);
    const VersionPut put = store_->put(record.key, now, timestamp, record.key_bytes);
    if (!put.accepted) {
      this->context().drop(DropReason::kExpired);
      return;
    }
    const Change<Value> change{now ? &*now : nullptr, before ? &*before : nullptr, put.latest()};
    this->emit({record.key, change, timestamp, record.headers, record.origin, record.key_bytes});
  }

 private:
  const std::string store_name_;
  const bool before_wanted_;
  const Step step_;
  VersionedStore<K, Value>* store_ = nullptr;
};

template <class K, class V, class Step>
[[nodiscard]] NodeFactory aggregate_factory(const TableOptions& options,
                                            const std::shared_ptr<BeforeWish>& before, Step step) {
  const std::string& store = options.store.text();
  if (options.history)
    return node_factory<VersionedAggregateNode<K, V, Step>>(store, before, std::move(step));
  return node_factory<AggregateNode<K, V, Step>>(store, options.emit, before, std::move(step));
}

// Adds such a node, and its store, below a KGroupedStream or KGroupedTable.
template <class Group, class Step>
[[nodiscard]] auto add_aggregate(const Group& group, const std::string& verb, const TableOptions& options,
                                 Step step, const Location& where) {
  const std::string& store = options.store.text();
  const auto stream = group.keyed_stream(store, where);
  using Key = typename decltype(stream)::Key;
  using V = typename decltype(stream)::Value;
  using Value = typename Step::Value;
  const std::string name = stream.name_for(verb, options.name);
  auto access = add_table_store<Key, Value>(stream, name, options, where);
  GraphPoint point =
      stream.extend_named(name, options.on_error,
                          aggregate_factory<Key, V>(options, access.before, std::move(step)), where, {store});
  return KTable<Key, Value, Step::kRows>(std::move(point), std::move(access));
}

}  // namespace weir
