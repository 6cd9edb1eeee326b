// map_values replaces each value by what the mapper makes of it. The key stays, so nothing has to be repartitioned.
//
//   orders.map_values([](const Order& order) { return order.total; }).to("totals");
//
// The mapper is a MapperOver: T(value), T(key, value) or T(key, value, info).
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Mapper>
class MapValuesNode final : public UnaryNode<K, V, K, ResultOver<Mapper, K, V>> {
 public:
  explicit MapValuesNode(Mapper mapper) : map_(std::move(mapper)) {}

  void accept(const Record<K, V>& record) override {
    if (const auto value = this->ask_user(map_, record)) this->emit(record.with_value(*value));
  }

 private:
  const Mapper map_;
};

template <class K, class V>
template <class Mapper>
  requires MapperOver<Mapper, K, V>
KStream<K, ResultOver<Mapper, K, V>> KStream<K, V>::map_values(VerbOptions options, Mapper mapper,
                                                               Location where) const {
  return KStream<K, ResultOver<Mapper, K, V>>(
      extend("map-values", options, node_factory<MapValuesNode<K, V, Mapper>>(std::move(mapper)), where));
}

}  // namespace weir
