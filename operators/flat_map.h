// flat_map replaces each record by zero or more, with keys and values of their own and the same time and headers. What
// groups or joins afterwards repartitions first.
//
//   orders.flat_map([](const std::string& customer, const Order& order) {
//     std::vector<std::pair<std::string, std::string>> lines;
//     for (const Line& line : order.lines) lines.emplace_back(line.article, customer);
//     return lines;
//   }).to("customers-by-article");
//
// The mapper is a PairRangeMapperOver: it returns anything a range-based for can walk over, with pairs in it.
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Mapper>
class FlatMapNode final
    : public UnaryNode<K, V, FirstOf<ElementOver<Mapper, K, V>>, SecondOf<ElementOver<Mapper, K, V>>> {
 public:
  explicit FlatMapNode(Mapper mapper) : map_(std::move(mapper)) {}

  void accept(const Record<K, V>& record) override {
    const auto pairs = this->ask_user(map_, record);
    if (!pairs) return;
    for (const auto& pair : *pairs) this->emit(record.with(pair.first, pair.second));
  }

 private:
  const Mapper map_;
};

template <class K, class V>
template <class Mapper>
  requires PairRangeMapperOver<Mapper, K, V>
KStream<FirstOf<ElementOver<Mapper, K, V>>, SecondOf<ElementOver<Mapper, K, V>>> KStream<K, V>::flat_map(
    VerbOptions options, Mapper mapper, Location where) const {
  return KStream<FirstOf<ElementOver<Mapper, K, V>>, SecondOf<ElementOver<Mapper, K, V>>>(
      extend("flat-map", options, node_factory<FlatMapNode<K, V, Mapper>>(std::move(mapper)), where)
          .with_rekeyed(true));
}

}  // namespace weir
