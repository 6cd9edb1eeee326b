// The typed nodes of a foreign-key join; see join_foreign_key.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/partitioner.h>
#include <weir/core/status.h>
#include <weir/operators/foreign_key_nodes.h>
#include <weir/operators/join_sides.h>
#include <weir/operators/table.h>
#include <weir/operators/topic_key.h>

namespace weir {

// Returns the key's bytes as the join's topics have them: those it came from, or encoded into `buffer`.
template <class K>
[[nodiscard]] BytesView key_in_topic(const K& key, BytesView known, Bytes& buffer) {
  if constexpr (RepartitionKey<K>::kKeepsBytes) {
    if (known.data() != nullptr) return known;
  }
  buffer.clear();
  RepartitionKey<K>::encode(key, buffer);
  return buffer;
}
// The other way: what Record::key_bytes may say of a key that was decoded from `bytes`.
template <class K>
[[nodiscard]] BytesView kept_key_bytes(BytesView bytes) {
  return RepartitionKey<K>::kKeepsBytes ? bytes : BytesView();
}

// Takes the changes of the left table and sends registrations.
template <JoinKind kind, class K, class L, class RightKey, class Extractor>
class RegisterSink final : public LeafNode<K, Change<L>> {
 public:
  RegisterSink(TopicName topic, bool like_kafka_streams, Extractor extract)
      : topic_(std::move(topic)), like_kafka_streams_(like_kafka_streams), extract_(std::move(extract)) {}

  void open() override {
    output_ = this->context().output(topic_.on_broker(this->context().application_id()));
  }

  void accept(const Record<K, Change<L>>& record) override {
    const Change<L>& change = record.value;
    if (!change.latest) {
      this->context().drop(DropReason::kLate);
      return;
    }
    const bool asked = this->guarded([&] {
      old_key_ = key_of(record, change.before);
      new_key_ = key_of(record, change.now);
    });
    if (!asked) return;
    const Registrations registrations =
        registrations_of(kind, like_kafka_streams_, change.before != nullptr, bytes_of(old_key_, old_bytes_),
                         change.now != nullptr, bytes_of(new_key_, new_bytes_));
    if (registrations.dropped) this->context().drop(DropReason::kNullKey);
    if (registrations.messages.empty()) return;

    Subscription subscription;
    if (change.now != nullptr) {
      value_.clear();
      Serde<L>::encode(*change.now, value_);
      subscription.hash = murmur3(value_);
    }
    subscription.key = key_in_topic(record.key, record.key_bytes, key_);
    subscription.partition = this->context().partition();
    for (const Registration& registration : registrations.messages) {
      subscription.instruction = registration.instruction;
      send(registration.foreign_key, subscription, record);
    }
  }

 private:
  [[nodiscard]] std::optional<RightKey> key_of(const Record<K, Change<L>>& record, const L* row) const {
    if (row == nullptr) return std::nullopt;
    return call_with(extract_, record.with_value(*row));
  }

  [[nodiscard]] static NullableBytes bytes_of(const std::optional<RightKey>& key, Bytes& buffer) {
    if (!key) return std::nullopt;
    return key_in_topic(*key, {}, buffer);
  }

  void send(const NullableBytes& foreign_key, const Subscription& subscription,
            const Record<K, Change<L>>& record) {
    message_.clear();
    encode(subscription, message_);
    OutgoingRecord outgoing;
    outgoing.topic = output_.id;
    outgoing.key = foreign_key;
    outgoing.value = message_;
    outgoing.timestamp = record.timestamp;
    outgoing.headers = &record.headers;
    using Format = RepartitionKey<RightKey>;
    if constexpr (!Format::kHashesAllBytes) {
      if (foreign_key && output_.partitions > 0) {
        outgoing.partition = partition_for_key(Format::hashed_bytes(*foreign_key), output_.partitions);
      }
    }
    this->context().send(outgoing);
  }

  const TopicName topic_;
  const bool like_kafka_streams_;
  const Extractor extract_;
  OutputTopic output_;
  // Reused, so that their memory is.
  std::optional<RightKey> old_key_;
  std::optional<RightKey> new_key_;
  Bytes old_bytes_;
  Bytes new_bytes_;
  Bytes key_;
  Bytes value_;
  Bytes message_;
};

template <class RightKey, class R>
class TypedSubscribeNode final : public SubscribeNode {
 public:
  TypedSubscribeNode(AnsweringSide side, TableAccess<RightKey, R> right)
      : SubscribeNode(std::move(side)), access_(std::move(right)) {}

  void open() override {
    SubscribeNode::open();
    right_ = access_.open_getter(this->context(), *this);
  }

 protected:
  absl::StatusOr<bool> look_up(BytesView foreign_key, Bytes& value, Timestamp& time) override {
    if (absl::Status status = RepartitionKey<RightKey>::decode(foreign_key, key_); !status.ok()) {
      return with_context(status, "foreign key");
    }
    // A view of a table may call the user's code.
    const auto found =
        this->guarded([&] { return right_->find(key_, kept_key_bytes<RightKey>(foreign_key)); });
    const Timestamped<R>* row = found.value_or(nullptr);
    if (row == nullptr) return false;
    value.clear();
    Serde<R>::encode(row->value, value);
    time = row->timestamp;
    return true;
  }

 private:
  const TableAccess<RightKey, R> access_;
  std::unique_ptr<TableGetter<RightKey, R>> right_;
  RightKey key_{};
};

// Takes the changes of the right table.
template <class RightKey, class R>
class TellNode final : public TellBase, public Inlet<RightKey, Change<R>> {
 public:
  explicit TellNode(AnsweringSide side) : TellBase(std::move(side)) {}

  void accept(const Record<RightKey, Change<R>>& record) override {
    const Change<R>& change = record.value;
    if (!change.latest) {
      this->context().drop(DropReason::kLate);
      return;
    }
    NullableBytes value;
    if (change.now != nullptr) {
      value_.clear();
      Serde<R>::encode(*change.now, value_);
      value = value_;
    }
    tell(key_in_topic(record.key, record.key_bytes, key_), value, record.timestamp, record.headers,
         record.origin);
  }

 private:
  Bytes key_;
  Bytes value_;
};

// Takes answers, and joins if they are about the left row as it is now.
template <JoinKind kind, class K, class L, class R, class Joiner>
class ResolveNode final
    : public UnaryNode<Bytes, Bytes, K, Change<NonNull<SidesJoinedBy<kind, Joiner, K, L, R>>>> {
 public:
  using Value = NonNull<SidesJoinedBy<kind, Joiner, K, L, R>>;

  ResolveNode(TableAccess<K, L> left, Joiner join) : access_(std::move(left)), join_(std::move(join)) {}

  void open() override { left_ = access_.open_getter(this->context(), *this); }

  void accept(const Record<Bytes, Bytes>& record) override {
    const auto answer = decode_answer(record.value);
    if (!answer.ok()) return undecodable(answer.status());
    if (const absl::Status status = RepartitionKey<K>::decode(record.key, key_); !status.ok()) {
      return undecodable(status);
    }
    if (answer->value) {
      if (const absl::Status status = Serde<R>::decode(*answer->value, right_); !status.ok()) {
        return undecodable(status);
      }
    }
    bool current = false;
    const bool asked = this->guarded([&] {
      const Timestamped<L>* row = left_->find(key_, kept_key_bytes<K>(record.key));
      current = hash_of(row) == answer->hash;
      if (!current) return;
      result_.reset();
      const R* right = answer->value ? &right_ : nullptr;
      if (row != nullptr && (kind == JoinKind::kLeft || right != nullptr)) {
        result_ = join_(key_, &row->value, right);
      }
    });
    if (!asked) return;
    if (!current) {
      this->context().drop(DropReason::kLate);
      return;
    }
    const Change<Value> change{result_ ? &*result_ : nullptr, nullptr, true};
    this->emit(
        {key_, change, record.timestamp, record.headers, record.origin, kept_key_bytes<K>(record.key)});
  }

 private:
  void undecodable(const absl::Status& status) {
    this->context().failed(*this, DropReason::kUndecodable, message_of(status));
  }

  [[nodiscard]] std::optional<Hash128> hash_of(const Timestamped<L>* row) {
    if (row == nullptr) return std::nullopt;
    left_value_.clear();
    Serde<L>::encode(row->value, left_value_);
    return murmur3(left_value_);
  }

  const TableAccess<K, L> access_;
  SidesJoiner<kind, Joiner, K, L, R> join_;
  std::unique_ptr<TableGetter<K, L>> left_;
  // Reused, so that their memory is.
  K key_{};
  R right_{};
  std::optional<Value> result_;
  Bytes left_value_;
};

}  // namespace weir
