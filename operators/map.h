// map replaces key and value of each record. As the key may change, what groups or joins afterwards repartitions first;
// where the key stays use map_values.
//
//   orders.map([](const std::string&, const Order& order) { return std::pair(order.city, order.total); })
//       .to("totals-by-city");
//
// The mapper is a PairMapperOver: pair(value), pair(key, value) or pair(key, value, info).
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Mapper>
class MapNode final
    : public UnaryNode<K, V, FirstOf<ResultOver<Mapper, K, V>>, SecondOf<ResultOver<Mapper, K, V>>> {
 public:
  explicit MapNode(Mapper mapper) : map_(std::move(mapper)) {}

  void accept(const Record<K, V>& record) override {
    if (const auto pair = this->ask_user(map_, record)) this->emit(record.with(pair->first, pair->second));
  }

 private:
  const Mapper map_;
};

template <class K, class V>
template <class Mapper>
  requires PairMapperOver<Mapper, K, V>
KStream<FirstOf<ResultOver<Mapper, K, V>>, SecondOf<ResultOver<Mapper, K, V>>> KStream<K, V>::map(
    VerbOptions options, Mapper mapper, Location where) const {
  return KStream<FirstOf<ResultOver<Mapper, K, V>>, SecondOf<ResultOver<Mapper, K, V>>>(
      extend("map", options, node_factory<MapNode<K, V, Mapper>>(std::move(mapper)), where)
          .with_rekeyed(true));
}

}  // namespace weir
