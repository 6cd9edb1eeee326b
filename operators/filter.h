// filter keeps the records that satisfy a predicate, filter_not those that do not. Key, time and headers are untouched.
//
//   orders.filter([](const Order& order) { return order.paid; }).to("paid-orders");
//   orders.filter_not([](const std::string& customer, const Order&) { return customer == "test"; }).to("real-orders");
//
// The predicate is a PredicateOver: bool(value), bool(key, value) or bool(key, value, info).
#pragma once

#include <utility>

#include <weir/core/node.h>
#include <weir/operators/stream.h>

namespace weir {

template <class K, class V, class Predicate, bool kWanted>
class FilterNode final : public UnaryNode<K, V, K, V> {
 public:
  explicit FilterNode(Predicate keep) : keep_(std::move(keep)) {}

  void accept(const Record<K, V>& record) override {
    const auto answer = this->ask_user(keep_, record);
    if (answer && static_cast<bool>(*answer) == kWanted) this->emit(record);
  }

 private:
  const Predicate keep_;
};

template <class K, class V>
template <class Predicate>
  requires PredicateOver<Predicate, K, V>
KStream<K, V> KStream<K, V>::filter(VerbOptions options, Predicate keep, Location where) const {
  return KStream(
      extend("filter", options, node_factory<FilterNode<K, V, Predicate, true>>(std::move(keep)), where));
}

template <class K, class V>
template <class Predicate>
  requires PredicateOver<Predicate, K, V>
KStream<K, V> KStream<K, V>::filter_not(VerbOptions options, Predicate drop, Location where) const {
  return KStream(extend("filter-not", options,
                        node_factory<FilterNode<K, V, Predicate, false>>(std::move(drop)), where));
}

}  // namespace weir
