// to_stream gives the changes of a table as a stream: each new value and, where rows can vanish, a null for each row that
// did.
//
//   counts.to_stream().to("order-counts");
//
// With a mapper, which is a MapperOver, the stream has new keys:
//
//   counts.to_stream([](const std::string& customer, std::int64_t) { return "customer-" + customer; }).to("order-counts");
//
// to_stream_with_reason also says why the table told of it, which is most useful for windows:
//
//   counts.to_stream_with_reason()
//       .filter([](const weir::Told<std::int64_t>& told) { return told.reason == weir::EmitReason::kClose; })
#pragma once

#include <optional>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/select_key.h>
#include <weir/operators/table.h>

namespace weir {

template <class K, class V, class Out>
class ToStreamNode final : public UnaryNode<K, Change<V>, K, Out> {
 public:
  void accept(const Record<K, Change<V>>& record) override {
    const V* now = record.value.now;
    if constexpr (kIsOptional<Out>) {
      if (now != nullptr) {
        value_ = *now;
      } else {
        value_.reset();
      }
      this->emit(record.with_value(value_));
    } else {
      if (now != nullptr) this->emit(record.with_value(*now));
    }
  }

 private:
  std::conditional_t<kIsOptional<Out>, std::optional<V>, Out*> value_{};  // reused, so that its memory is
};

// A change, and why it was told. The reason is that of the verb that made the table, also after filter and map_values; joins
// tell of updates.
template <class V>
struct Told {
  V value{};
  EmitReason reason = EmitReason::kUpdate;
};

template <class K, class V, class Out>
class ToldNode final : public UnaryNode<K, Change<V>, K, Told<Out>> {
 public:
  void accept(const Record<K, Change<V>>& record) override {
    const V* now = record.value.now;
    if constexpr (kIsOptional<Out>) {
      told_.value.reset();
    } else if (now == nullptr) {
      return;
    }
    if (now != nullptr) told_.value = *now;
    told_.reason = record.value.reason;
    this->emit(record.with_value(told_));
  }

 private:
  Told<Out> told_;  // reused, so that its memory is
};

template <class K, class V, Rows rows>
auto KTable<K, V, rows>::to_stream_with_reason(VerbOptions options, Location where) const
    -> KStream<K, Told<StreamValue>> {
  return KStream<K, Told<StreamValue>>(
      extend("to-stream-with-reason", options, node_factory<ToldNode<K, V, StreamValue>>(), where));
}

template <class K, class V, Rows rows>
auto KTable<K, V, rows>::to_stream(VerbOptions options, Location where) const -> KStream<K, StreamValue> {
  return KStream<K, StreamValue>(
      extend("to-stream", options, node_factory<ToStreamNode<K, V, StreamValue>>(), where));
}

}  // namespace weir
