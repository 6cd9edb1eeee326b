// The parts of a foreign-key join's nodes that know no types; see join_foreign_key.h.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <absl/status/statusor.h>

#include <weir/core/node.h>
#include <weir/core/topology.h>
#include <weir/operators/subscription.h>
#include <weir/state/key_value_store.h>

namespace weir {

// An encoded answer on its way to the left side.
struct AddressedAnswer {
  BytesView bytes;
  Partition partition = 0;
};

// By the bytes of encode_subscription_prefix and those of the left row's key; the value is the encoded subscription.
using SubscriptionStore = KeyValueStore<Bytes, Bytes>;

// What the right side's nodes have in common.
struct AnsweringSide {
  std::string store;  // of the subscriptions
  // Whether an empty value passes for no row, as it does in Kafka Streams.
  bool empty_is_none = false;

  // Returns what an answer says of a row with these bytes.
  [[nodiscard]] NullableBytes said(BytesView value) const {
    return value.empty() && empty_is_none ? NullableBytes() : NullableBytes(value);
  }
};

// Writes answers, keyed by the left row, to the partitions they are for.
class AnswerSink final : public LeafNode<Bytes, AddressedAnswer> {
 public:
  explicit AnswerSink(TopicName topic) : topic_(std::move(topic)) {}
  void open() override;
  void accept(const Record<Bytes, AddressedAnswer>& record) override;

 private:
  const TopicName topic_;
  OutputTopic output_;
};

// Takes registrations: keeps the subscriptions, and answers with the right row. An answer is as young as the younger of the
// subscription and the row, and has the subscription's headers.
class SubscribeNode : public UnaryNode<std::optional<Bytes>, Bytes, Bytes, AddressedAnswer> {
 public:
  explicit SubscribeNode(AnsweringSide side) : side_(std::move(side)) {}

  void open() override;
  void accept(const Record<std::optional<Bytes>, Bytes>& record) final;

 protected:
  // Looks a right row up. Returns whether there is one; then `value` is overwritten with its bytes, and `time` is its own.
  [[nodiscard]] virtual absl::StatusOr<bool> look_up(BytesView foreign_key, Bytes& value,
                                                     Timestamp& time) = 0;

 private:
  void keep(BytesView foreign_key, const Subscription& subscription, const Bytes& message, Timestamp time);

  const AnsweringSide side_;
  SubscriptionStore* store_ = nullptr;
  Bytes left_key_;
  Bytes store_key_;
  Bytes right_value_;
  Bytes answer_;
};

// Tells the subscribers of a right row that it has changed, in the order of the left rows' key bytes.
class TellBase : public Emitter<Bytes, AddressedAnswer> {
 protected:
  explicit TellBase(AnsweringSide side) : side_(std::move(side)) {}

  void open() override;
  // `value` is the row's, null if it is gone. The answers have the time and headers of the change.
  void tell(BytesView foreign_key, const NullableBytes& value, Timestamp timestamp, const Headers& headers,
            const Origin& origin);

 private:
  const AnsweringSide side_;
  SubscriptionStore* store_ = nullptr;
  Bytes prefix_;
  Bytes left_key_;
  Bytes answer_;
};

}  // namespace weir
