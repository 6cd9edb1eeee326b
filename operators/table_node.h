// The nodes that make a table of what a stream or topic says: the last value of each key, a null deletes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/options.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table.h>
#include <weir/operators/to_stream.h>
#include <weir/state/key_value_store.h>
#include <weir/state/versioned_store.h>

namespace weir {

// K and V may be optional; the table's are not.
template <class K, class V>
class TableNode final : public UnaryNode<K, V, NonNull<K>, Change<NonNull<V>>> {
 public:
  using Key = NonNull<K>;
  using Value = NonNull<V>;
  using Row = Timestamped<Value>;

  TableNode(std::string store, Emit emit, std::shared_ptr<const BeforeWish> before)
      : store_name_(std::move(store)), emit_(emit), before_wanted_(before->wanted()) {}

  void open() override {
    store_ = &typed_store<KeyValueStore<Key, Value>>(this->context(), *this, store_name_);
    if (emit_ == Emit::kEveryUpdate) return;
    store_->on_commit({.before = before_wanted_}, [this](const Key& key, const Row* now, const Row* before,
                                                         Timestamp timestamp, const Headers& headers,
                                                         const Origin& origin) {
      const Change<Value> change{now == nullptr ? nullptr : &now->value,
                                 before == nullptr ? nullptr : &before->value, true, EmitReason::kCommit};
      this->emit({key, change, timestamp, headers, origin, {}});
    });
  }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.key)) {
      this->context().drop(DropReason::kNullKey);
      return;
    }
    const Key& key = non_null(record.key);
    std::optional<Value> before;
    if (before_wanted_ && emit_ == Emit::kEveryUpdate) {
      if (const Row* row = store_->find(key, record.key_bytes)) before = row->value;
    }
    const RecordInfo cause{record.timestamp, record.headers, record.origin};
    const RecordInfo* told = emit_ == Emit::kOnCommit ? &cause : nullptr;
    if (is_null(record.value)) {
      store_->erase(key, record.timestamp, record.key_bytes, told);
    } else {
      store_->put(key, non_null(record.value), record.timestamp, record.key_bytes, told);
    }
    if (emit_ == Emit::kOnCommit) return;
    const Change<Value> change{is_null(record.value) ? nullptr : &non_null(record.value),
                               before ? &*before : nullptr, true};
    this->emit({key, change, record.timestamp, record.headers, record.origin, record.key_bytes});
  }

 private:
  const std::string store_name_;
  const Emit emit_;
  const bool before_wanted_;
  KeyValueStore<Key, Value>* store_ = nullptr;
};

// The same where the table keeps nothing.
template <class K, class V>
class UnkeptTableNode final : public UnaryNode<K, V, NonNull<K>, Change<NonNull<V>>> {
 public:
  void accept(const Record<K, V>& record) override {
    if (is_null(record.key)) {
      this->context().drop(DropReason::kNullKey);
      return;
    }
    Change<NonNull<V>> change;
    if (!is_null(record.value)) change.now = &non_null(record.value);
    this->emit(
        {non_null(record.key), change, record.timestamp, record.headers, record.origin, record.key_bytes});
  }
};

// The same where the table remembers what its rows were.
template <class K, class V>
class VersionedTableNode final : public UnaryNode<K, V, NonNull<K>, Change<NonNull<V>>> {
 public:
  using Key = NonNull<K>;
  using Value = NonNull<V>;

  VersionedTableNode(std::string store, std::shared_ptr<const BeforeWish> before)
      : store_name_(std::move(store)), before_wanted_(before->wanted()) {}

  void open() override {
    store_ = &typed_store<VersionedStore<Key, Value>>(this->context(), *this, store_name_);
  }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.key)) {
      this->context().drop(DropReason::kNullKey);
      return;
    }
    const Key& key = non_null(record.key);
    std::optional<Value> before;
    if (before_wanted_) {
      if (const Timestamped<Value>* row = store_->find(key, record.key_bytes)) before = row->value;
    }
    const Value* now = is_null(record.value) ? nullptr : &non_null(record.value);
    const VersionPut put = store_->put(key, now == nullptr ? std::nullopt : std::optional<Value>(*now),
                                       record.timestamp, record.key_bytes);
    if (!put.accepted) {
      this->context().drop(DropReason::kExpired);
      return;
    }
    const Change<Value> change{now, before ? &*before : nullptr, put.latest()};
    this->emit({key, change, record.timestamp, record.headers, record.origin, record.key_bytes});
  }

 private:
  const std::string store_name_;
  const bool before_wanted_;
  VersionedStore<Key, Value>* store_ = nullptr;
};

// Adds a node that keeps the table, and its store.
template <Rows rows, class K, class V>
[[nodiscard]] KTable<NonNull<K>, NonNull<V>, rows> add_table(const KStream<K, V>& stream,
                                                             const std::string& verb,
                                                             const TableOptions& options,
                                                             const Location& where) {
  const std::string& store = options.store.text();
  const std::string name = stream.name_for(verb, options.name);
  auto access = add_table_store<NonNull<K>, NonNull<V>>(stream, name, options, where);
  NodeFactory make = options.history ? node_factory<VersionedTableNode<K, V>>(store, access.before)
                                     : node_factory<TableNode<K, V>>(store, options.emit, access.before);
  return KTable<NonNull<K>, NonNull<V>, rows>(
      stream.extend_named(name, options.on_error, std::move(make), where, {store}), std::move(access));
}

// Requires options.store.
[[nodiscard]] inline TableOptions kept(const SourceTableOptions& options) {
  return {.store = *options.store,
          .name = options.name,
          .emit = options.emit,
          .history = options.history,
          .persistent = options.persistent,
          .logged = options.logged,
          .max_rows = options.max_rows,
          .on_error = options.on_error};
}

template <class K, class V>
[[nodiscard]] KTable<NonNull<K>, NonNull<V>> add_unkept_table(const KStream<K, V>& stream,
                                                              const SourceTableOptions& options,
                                                              const Location& where) {
  TableAccess<NonNull<K>, NonNull<V>> access;
  access.before = BeforeWish::impossible();
  return KTable<NonNull<K>, NonNull<V>>(
      stream.extend_named(options.name, options.on_error, node_factory<UnkeptTableNode<K, V>>(), where),
      std::move(access));
}

}  // namespace weir
