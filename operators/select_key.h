// select_key gives each record a new key; the value stays. What groups or joins afterwards repartitions first.
//
//   orders.select_key([](const Order& order) { return order.city; }).to("orders-by-city");
//
// The selector is a MapperOver: K(value), K(key, value) or K(key, value, info). It may return a std::optional: a record
// then can be without a key.
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Mapper>
class SelectKeyNode final : public UnaryNode<K, V, ResultOver<Mapper, K, V>, V> {
 public:
  explicit SelectKeyNode(Mapper select) : select_(std::move(select)) {}

  void accept(const Record<K, V>& record) override {
    if (const auto key = this->ask_user(select_, record)) this->emit(record.with_key(*key));
  }

 private:
  const Mapper select_;
};

template <class K, class V>
template <class Mapper>
  requires MapperOver<Mapper, K, V>
KStream<ResultOver<Mapper, K, V>, V> KStream<K, V>::select_key(VerbOptions options, Mapper select,
                                                               Location where) const {
  return KStream<ResultOver<Mapper, K, V>, V>(
      extend("select-key", options, node_factory<SelectKeyNode<K, V, Mapper>>(std::move(select)), where)
          .with_rekeyed(true));
}

}  // namespace weir
