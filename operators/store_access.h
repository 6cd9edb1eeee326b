// What nodes over a store have in common: finding it with its type, and reading a table that lies in it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/core/task_context.h>
#include <weir/operators/options.h>
#include <weir/operators/table_access.h>
#include <weir/state/engine.h>
#include <weir/state/key_value_store.h>

namespace weir {

// Fails the task: the store is there, but it is of another type.
[[noreturn]] void wrong_store_type(const Node& node, const StateStore& store);

template <class Store>
[[nodiscard]] Store& typed_store(TaskContext& context, const Node& node, const std::string& name) {
  StateStore& store = context.store(node, name);
  auto* typed = dynamic_cast<Store*>(&store);
  if (typed == nullptr) wrong_store_type(node, store);
  return *typed;
}

// The rows of a key-value store.
template <class K, class V>
class StoreGetter final : public TableGetter<K, V> {
 public:
  explicit StoreGetter(KeyValueStore<K, V>& store) : store_(store) {}
  const Timestamped<V>* find(const K& key, BytesView key_bytes) override {
    return store_.find(key, key_bytes);
  }

 private:
  KeyValueStore<K, V>& store_;
};

// Returns how to read a table that lies in the key-value store of that name.
template <class K, class V>
[[nodiscard]] TableAccess<K, V> access_to_store(const std::string& name) {
  TableAccess<K, V> access;
  access.stores = {name};
  access.open_getter = [name](TaskContext& context,
                              const Node& reader) -> std::unique_ptr<TableGetter<K, V>> {
    return std::make_unique<StoreGetter<K, V>>(typed_store<KeyValueStore<K, V>>(context, reader, name));
  };
  access.before = std::make_shared<BeforeWish>();
  return access;
}

[[nodiscard]] StoreOptions store_options(const TableOptions& options);
[[nodiscard]] StoreOptions store_options(const ViewOptions& options);
[[nodiscard]] StoreOptions store_options(const WindowOptions& options);

}  // namespace weir
