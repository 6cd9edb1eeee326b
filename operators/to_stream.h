// to_stream gives the changes of a table as a stream: each new value and, where rows can vanish, a null for each row that
// did.
//
//   counts.to_stream().to("order-counts");
#pragma once

#include <optional>
#include <utility>

#include <weir/core/node.h>
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

template <class K, class V, Rows rows>
auto KTable<K, V, rows>::to_stream(VerbOptions options, Location where) const -> KStream<K, StreamValue> {
  return KStream<K, StreamValue>(
      extend("to-stream", options, node_factory<ToStreamNode<K, V, StreamValue>>(), where));
}

}  // namespace weir
