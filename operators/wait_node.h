// The node that lets a stream's records wait, and passes them on in the order of their times.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/due_index.h>
#include <weir/operators/held_store.h>
#include <weir/operators/store_access.h>
#include <weir/operators/topic_key.h>
#include <weir/state/key_value_store.h>

namespace weir {

// Writes and reads the key under which a record waits: its time, its key, and a number that tells records of the same time
// and key apart.
void encode_waiting(Timestamp time, BytesView key, std::uint64_t number, Bytes& out);
struct WaitingKey {
  BytesView key;
  std::uint64_t number = 0;
};
[[nodiscard]] WaitingKey decode_waiting(BytesView bytes);

// A record waits until the greatest timestamp that waited is `grace` past its own; one that is older than that passes at
// once, and so does one without key or value. Keys and values must be Storable.
template <class K, class V>
class WaitNode final : public UnaryNode<K, V, K, V> {
 public:
  using Key = NonNull<K>;
  using Value = NonNull<V>;
  using Row = Timestamped<Held<Value>>;

  WaitNode(std::string store, Duration grace) : store_name_(std::move(store)), grace_(grace) {}

  void open() override {
    store_ = &typed_store<HeldStore<Value>>(this->context(), *this, store_name_);
    seen_ = this->context().persistent_time(store_name_);
    index_.clear();
    number_ = 0;
    for (const auto& [key, row] : store_->all()) {
      index_.put(row.value.due, key, 0);
      number_ = std::max(number_, decode_waiting(key).number + 1);
      // Where a task comes to without what it had committed, except for the store.
      *seen_ = std::max(*seen_, row.timestamp);
    }
  }

  void accept(const Record<K, V>& record) override {
    if (is_null(record.key) || is_null(record.value) || record.timestamp < *seen_ - grace_.count()) {
      this->emit(record);
      return;
    }
    *seen_ = std::max(*seen_, record.timestamp);
    hold(record);
    while (index_.first_due() <= *seen_ - grace_.count()) pass_first(record.origin);
  }

 private:
  void hold(const Record<K, V>& record) {
    key_bytes_.clear();
    RepartitionKey<Key>::encode(non_null(record.key), key_bytes_);
    waiting_bytes_.clear();
    encode_waiting(record.timestamp, key_bytes_, number_++, waiting_bytes_);
    index_.put(record.timestamp, waiting_bytes_, 0);
    store_->put(waiting_bytes_,
                {record.timestamp, non_null(record.value), std::nullopt, std::nullopt, record.headers},
                record.timestamp);
  }

  void pass_first(const Origin& origin) {
    if constexpr (kIsOptional<K>) key_.emplace();
    absl::Status status = decode_key(decode_waiting(index_.first_key()).key);
    if (!status.ok()) unreadable_key(*this, status);
    store_->modify(index_.first_key(), *seen_, [&](std::optional<Row>& row) {
      if (row) passed_ = std::move(*row);
      row.reset();
    });
    index_.remove_first();
    if (!passed_.value.now) return;  // the store could not be read, and the commit will say so
    const auto emit = [&](const V& value) {
      this->emit({key_, value, passed_.timestamp, passed_.value.headers, origin, {}});
    };
    if constexpr (kIsOptional<V>) {
      emit(passed_.value.now);
    } else {
      emit(*passed_.value.now);
    }
  }

  [[nodiscard]] absl::Status decode_key(BytesView bytes) {
    if constexpr (kIsOptional<K>) {
      return RepartitionKey<Key>::decode(bytes, *key_);
    } else {
      return RepartitionKey<Key>::decode(bytes, key_);
    }
  }

  const std::string store_name_;
  const Duration grace_;
  HeldStore<Value>* store_ = nullptr;
  Timestamp* seen_ = nullptr;  // the greatest timestamp that waited; committed with the task
  DueIndex index_;
  std::uint64_t number_ = 0;
  // Reused, so that their memory is.
  K key_{};
  Row passed_;
  Bytes key_bytes_;
  Bytes waiting_bytes_;
};

}  // namespace weir
