// Sinks whose partition the user chooses; see to.h and repartition.h. Without a partitioner there is sink.h, which asks nobody.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include <weir/operators/concepts.h>
#include <weir/operators/sink.h>

namespace weir {

// Throws what fits: std::out_of_range if there is no such partition, std::runtime_error if it is not known which there are.
void check_partition(Partition chosen, Partition count);
void check_partition_count(Partition count);

// The part of such a sink that does not know where the topic comes from.
template <class K, class V, class Partitioner, class KeyFormat = TopicKey<NonNull<K>>>
class PartitionedSinkBase : public SinkBase<K, V, KeyFormat> {
 protected:
  explicit PartitionedSinkBase(Partitioner choose) : choose_(std::move(choose)) {}

  void send_to_chosen(const OutputTopic& topic, const Record<K, V>& record) {
    const auto choice = this->guarded([&] {
      check_partition_count(topic.partitions);
      auto chosen = std::invoke(choose_, record.key, record.value, topic.partitions);
      check(chosen, topic.partitions);
      return chosen;
    });
    if (choice) send_to(topic, record, *choice);
  }

 private:
  template <class Choice>
  static void check(const Choice& choice, Partition count) {
    if constexpr (kIsOptional<Choice>) {
      if (choice) check(*choice, count);
    } else if constexpr (std::convertible_to<Choice, Partition>) {
      check_partition(choice, count);
    } else {
      for (const Partition partition : choice) check_partition(partition, count);
    }
  }

  template <class Choice>
  void send_to(const OutputTopic& topic, const Record<K, V>& record, const Choice& choice) {
    if constexpr (kIsOptional<Choice>) {
      if (choice) {
        send_to(topic, record, *choice);
      } else {
        this->send(topic, record);
      }
    } else if constexpr (std::convertible_to<Choice, Partition>) {
      this->send(topic, record, choice);
    } else {
      bool sent = false;
      for (const Partition partition : choice) {
        this->send(topic, record, partition);
        sent = true;
      }
      if (!sent) this->context().drop(DropReason::kNoPartition);
    }
  }

  const Partitioner choose_;
};

template <class K, class V, class Partitioner, class KeyFormat = TopicKey<NonNull<K>>>
class PartitionedSink final : public PartitionedSinkBase<K, V, Partitioner, KeyFormat> {
 public:
  PartitionedSink(TopicName topic, Partitioner choose)
      : PartitionedSinkBase<K, V, Partitioner, KeyFormat>(std::move(choose)), topic_(std::move(topic)) {}

  void open() override {
    output_ = this->context().output(topic_.on_broker(this->context().application_id()));
  }
  void accept(const Record<K, V>& record) override { this->send_to_chosen(output_, record); }

 private:
  const TopicName topic_;
  OutputTopic output_;
};

}  // namespace weir
