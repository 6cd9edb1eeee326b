#include <weir/operators/foreign_key_nodes.h>

#include <algorithm>

#include <weir/core/status.h>
#include <weir/operators/store_access.h>

namespace weir {

void AnswerSink::open() { output_ = context().output(topic_.on_broker(context().application_id())); }

void AnswerSink::accept(const Record<Bytes, AddressedAnswer>& record) {
  OutgoingRecord outgoing;
  outgoing.topic = output_.id;
  outgoing.partition = record.value.partition;
  outgoing.key = record.key;
  outgoing.value = record.value.bytes;
  outgoing.timestamp = record.timestamp;
  outgoing.headers = &record.headers;
  context().send(outgoing);
}

void SubscribeNode::open() { store_ = &typed_store<SubscriptionStore>(context(), *this, side_.store); }

void SubscribeNode::accept(const Record<std::optional<Bytes>, Bytes>& record) {
  const auto subscription = decode_subscription(record.value);
  if (!subscription.ok()) {
    context().failed(*this, DropReason::kUndecodable, message_of(subscription.status()));
    return;
  }
  if (!record.key && subscription->instruction != Instruction::kAnswer) {
    context().drop(DropReason::kNullKey);
    return;
  }
  if (record.key) keep(*record.key, *subscription, record.value, record.timestamp);

  Timestamp time = record.timestamp;
  bool found = false;
  if (record.key) {
    Timestamp row_time = 0;
    const auto looked_up = look_up(*record.key, right_value_, row_time);
    if (!looked_up.ok()) {
      context().failed(*this, DropReason::kUndecodable, message_of(looked_up.status()));
      return;
    }
    found = *looked_up;
    if (found) time = std::max(time, row_time);
  }
  if (subscription->instruction == Instruction::kDelete) return;
  if (subscription->instruction == Instruction::kAnswerIfThere && !found) return;

  Answer answer{subscription->hash, std::nullopt};
  if (found && subscription->instruction != Instruction::kDeleteAndAnswer)
    answer.value = side_.said(right_value_);
  answer_.clear();
  encode(answer, answer_);
  left_key_ = subscription->key;
  emit({left_key_, {answer_, subscription->partition}, time, record.headers, record.origin, left_key_});
}

void SubscribeNode::keep(BytesView foreign_key, const Subscription& subscription, const Bytes& message,
                         Timestamp time) {
  store_key_.clear();
  encode_subscription_prefix(foreign_key, store_key_);
  store_key_.append(subscription.key);
  if (subscription.instruction == Instruction::kDelete ||
      subscription.instruction == Instruction::kDeleteAndAnswer) {
    store_->erase(store_key_, time);
  } else {
    store_->put(store_key_, message, time);
  }
}

void TellBase::open() { store_ = &typed_store<SubscriptionStore>(context(), *this, side_.store); }

void TellBase::tell(BytesView foreign_key, const NullableBytes& value, Timestamp timestamp,
                    const Headers& headers, const Origin& origin) {
  prefix_.clear();
  encode_subscription_prefix(foreign_key, prefix_);
  auto subscribers = store_->prefix(prefix_);
  while (subscribers.next()) {
    const auto subscription = decode_subscription(subscribers.value());
    if (!subscription.ok()) {
      context().failed(*this, DropReason::kUndecodable, message_of(subscription.status()));
      continue;
    }
    answer_.clear();
    encode(Answer{subscription->hash, value ? side_.said(*value) : value}, answer_);
    left_key_ = subscription->key;
    emit({left_key_, {answer_, subscription->partition}, timestamp, headers, origin, left_key_});
  }
}

}  // namespace weir
