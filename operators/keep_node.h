// The node that keeps what another table says in a store of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/options.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table_access.h>
#include <weir/state/key_value_store.h>

namespace weir {

template <class K, class V>
class KeepNode final : public UnaryNode<K, Change<V>, K, Change<V>> {
 public:
  using Row = Timestamped<V>;

  KeepNode(std::string store, Emit emit, std::shared_ptr<const BeforeWish> before)
      : store_name_(std::move(store)), emit_(emit), before_wanted_(before->wanted()) {}

  void open() override {
    store_ = &typed_store<KeyValueStore<K, V>>(this->context(), *this, store_name_);
    if (emit_ == Emit::kEveryUpdate) return;
    store_->on_commit({.before = before_wanted_}, [this](const K& key, const Row* now, const Row* before,
                                                         Timestamp timestamp, const Headers& headers,
                                                         const Origin& origin) {
      const Change<V> change{now == nullptr ? nullptr : &now->value,
                             before == nullptr ? nullptr : &before->value, true, EmitReason::kCommit};
      this->emit({key, change, timestamp, headers, origin, {}});
    });
  }

  void accept(const Record<K, Change<V>>& record) override {
    std::optional<V> before;
    if (before_wanted_ && emit_ == Emit::kEveryUpdate) {
      if (const Row* row = store_->find(record.key, record.key_bytes)) before = row->value;
    }
    const RecordInfo cause{record.timestamp, record.headers, record.origin};
    const RecordInfo* told = emit_ == Emit::kOnCommit ? &cause : nullptr;
    const V* now = record.value.now;
    if (now == nullptr) {
      store_->erase(record.key, record.timestamp, record.key_bytes, told);
    } else {
      store_->put(record.key, *now, record.timestamp, record.key_bytes, told);
    }
    if (emit_ == Emit::kOnCommit) return;
    const Change<V> change{now, before ? &*before : nullptr, true, record.value.reason};
    this->emit(record.with_value(change));
  }

 private:
  const std::string store_name_;
  const Emit emit_;
  const bool before_wanted_;
  KeyValueStore<K, V>* store_ = nullptr;
};

}  // namespace weir
