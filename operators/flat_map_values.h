// flat_map_values replaces each value by zero or more values under the same key, with the same time and headers.
//
//   lines.flat_map_values([](const std::string& line) { return words_of(line); }).to("words");
//
// The mapper is a RangeMapperOver: it returns anything a range-based for can walk over, for example a std::vector.
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Mapper>
class FlatMapValuesNode final : public UnaryNode<K, V, K, ElementOver<Mapper, K, V>> {
 public:
  explicit FlatMapValuesNode(Mapper mapper) : map_(std::move(mapper)) {}

  void accept(const Record<K, V>& record) override {
    const auto values = this->ask_user(map_, record);
    if (!values) return;
    for (const ElementOver<Mapper, K, V>& value : *values) this->emit(record.with_value(value));
  }

 private:
  const Mapper map_;
};

template <class K, class V>
template <class Mapper>
  requires RangeMapperOver<Mapper, K, V>
KStream<K, ElementOver<Mapper, K, V>> KStream<K, V>::flat_map_values(VerbOptions options, Mapper mapper,
                                                                     Location where) const {
  return KStream<K, ElementOver<Mapper, K, V>>(extend(
      "flat-map-values", options, node_factory<FlatMapValuesNode<K, V, Mapper>>(std::move(mapper)), where));
}

}  // namespace weir
