// The node that writes a topic: typed records in, bytes out, with the record's time and headers.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/node.h>
#include <weir/core/partitioner.h>
#include <weir/core/serde.h>
#include <weir/core/topology.h>
#include <weir/operators/topic_key.h>

namespace weir {

// Encodes and sends. The part of every sink that knows the types but not where the topic comes from. KeyFormat encodes keys
// that are not null: see topic_key.h.
template <class K, class V, class KeyFormat = TopicKey<NonNull<K>>>
class SinkBase : public LeafNode<K, V> {
 protected:
  // `partition`: where it goes; the default is where Kafka's own clients would send it.
  void send(const OutputTopic& topic, const Record<K, V>& record, Partition partition = kAnyPartition) {
    OutgoingRecord outgoing;
    outgoing.topic = topic.id;
    outgoing.partition = partition;
    // A serde of the user's may refuse a value; the policy has dealt with it then.
    const bool encoded = this->guarded([&] {
      outgoing.key = encoded_key(record);
      outgoing.value = encode_nullable(record.value, value_buffer_);
    });
    if (!encoded) return;
    outgoing.timestamp = record.timestamp;
    outgoing.headers = &record.headers;
    if constexpr (!KeyFormat::kHashesAllBytes) {
      if (partition == kAnyPartition && outgoing.key && topic.partitions > 0) {
        outgoing.partition = partition_for_key(KeyFormat::hashed_bytes(*outgoing.key), topic.partitions);
      }
    }
    this->context().send(outgoing);
  }

 private:
  // The bytes the key came from, where encoding would give the same ones again.
  [[nodiscard]] NullableBytes encoded_key(const Record<K, V>& record) {
    if (is_null(record.key)) return std::nullopt;
    if constexpr (KeyFormat::kKeepsBytes) {
      if (record.key_bytes.data() != nullptr) return record.key_bytes;
    }
    key_buffer_.clear();
    KeyFormat::encode(non_null(record.key), key_buffer_);
    return BytesView(key_buffer_);
  }

  Bytes key_buffer_;
  Bytes value_buffer_;
};

template <class K, class V, class KeyFormat = TopicKey<NonNull<K>>>
class TopicSink final : public SinkBase<K, V, KeyFormat> {
 public:
  explicit TopicSink(TopicName topic) : topic_(std::move(topic)) {}

  // The id is that of the producer in use; a task that is given another producer opens its nodes again.
  void open() override {
    output_ = this->context().output(topic_.on_broker(this->context().application_id()));
  }
  void accept(const Record<K, V>& record) override { this->send(output_, record); }

 private:
  const TopicName topic_;
  OutputTopic output_;
};

}  // namespace weir
