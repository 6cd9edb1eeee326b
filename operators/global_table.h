// A global table: every instance has all rows of it, whatever partitions its tasks have.
//
//   const auto rates = builder.global_table<std::string, double>("rates", {.store = "rates"});
//   orders.join(rates, [](const Order& order) { return order.currency; },
//               [](const Order& order, double rate) { return order.total * rate; });
//
// For data that is small enough to be everywhere and is looked up by other keys than the stream's. Before the first record is
// processed the table has all that its topic had when the application started; from then on it follows the topic as fast as
// it can, without regard to the times of the stream's records. A null deletes; records without a key are dropped and counted.
//
// Any processor can look the rows up by the store's name, without being connected to it; there is nothing to write with:
//
//   void open(Context& context) override { rates_ = &context.store(rates.store()); }   // a weir::GlobalStore<...>*
//   ... if (const auto* rate = rates_->find("EUR")) use(rate->value);
//
// add_global_store hands the topic's records to a processor of your own, which keeps the store as it likes. It runs once per
// instance, has this one store (a KeyValueStore) and forwards to nobody:
//
//   const auto names = builder.add_global_store<std::string, std::optional<Person>, std::string, std::string>(
//       "people", {.store = "names"}, [] { return std::make_unique<KeepName>(); });
//
// The topic is the store's changelog, so it should be compacted. After a restart a store on disk continues where it was;
// what the processor wrote is not written anywhere else.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include <weir/operators/process.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/table_node.h>
#include <weir/state/global_store.h>

namespace weir {

// A handle. Cheap to copy.
template <class K, class V>
class GlobalKTable {
 public:
  using Key = K;
  using Value = V;

  GlobalKTable(GraphPtr graph, std::string store) : graph_(std::move(graph)), store_(std::move(store)) {}

  // Returns the store of its rows, for processors.
  [[nodiscard]] StoreHandle<GlobalStore<K, V>> store() const { return {store_}; }

  [[nodiscard]] const GraphPtr& graph() const { return graph_; }

 private:
  GraphPtr graph_;
  std::string store_;
};

// Adds the store, a source called "<name>-source", and below it the node that keeps the store.
void add_global(Graph& graph, const std::string& verb, const std::string& topic, const GlobalOptions& options,
                StoreSpec store, NodeFactory source, NodeFactory keep, const Location& where);

template <class K, class V>
  requires Storable<K> && Storable<V>
GlobalKTable<K, V> StreamBuilder::global_table(const std::string& topic, GlobalOptions options,
                                               Location where) {
  using NullableKey = std::optional<K>;
  using NullableValue = std::optional<V>;
  const std::string& store = options.store.text();
  add_global(
      *graph_, "global-table", topic, options, global_store_spec<K, V>(store, options.persistent),
      node_factory<TypedSource<NullableKey, NullableValue>>(),
      [store]() -> std::unique_ptr<Node> {
        return std::make_unique<TableNode<NullableKey, NullableValue>>(store, Emit::kEveryUpdate,
                                                                       BeforeWish::impossible());
      },
      where);
  return {graph_, store};
}

template <class K, class V, class StoreKey, class StoreValue, class Factory>
  requires ProcessorFactoryFor<Factory, K, V> && Storable<StoreKey> && Storable<StoreValue>
StoreHandle<GlobalStore<StoreKey, StoreValue>> StreamBuilder::add_global_store(const std::string& topic,
                                                                               GlobalOptions options,
                                                                               Factory make_processor,
                                                                               Location where) {
  add_global(*graph_, "global-store", topic, options,
             global_store_spec<StoreKey, StoreValue>(options.store.text(), options.persistent),
             node_factory<TypedSource<K, V>>(),
             node_factory<ProcessNode<K, V, Factory>>(std::move(make_processor)), where);
  return {options.store.text()};
}

}  // namespace weir
