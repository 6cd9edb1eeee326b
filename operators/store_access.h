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
#include <weir/state/versioned_store.h>

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

// The same for a versioned store.
template <class K, class V>
class VersionGetter final : public TableGetter<K, V> {
 public:
  explicit VersionGetter(VersionedStore<K, V>& store) : store_(store) {}
  const Timestamped<V>* find(const K& key, BytesView key_bytes) override {
    return store_.find(key, key_bytes);
  }
  const Timestamped<V>* find_as_of(const K& key, Timestamp time, BytesView key_bytes) override {
    return store_.find_as_of(key, time, key_bytes);
  }

 private:
  VersionedStore<K, V>& store_;
};

template <class K, class V>
[[nodiscard]] TableAccess<K, V> access_to_versions(const std::string& name, Duration history) {
  TableAccess<K, V> access;
  access.stores = {name};
  access.open_getter = [name](TaskContext& context,
                              const Node& reader) -> std::unique_ptr<TableGetter<K, V>> {
    return std::make_unique<VersionGetter<K, V>>(typed_store<VersionedStore<K, V>>(context, reader, name));
  };
  access.before = std::make_shared<BeforeWish>();
  access.history = history;
  return access;
}

// Notes what does not go together with `history`.
void check_versioned(const GraphPoint& table, const std::string& verb, const TableOptions& options,
                     const Location& where);

[[nodiscard]] StoreOptions store_options(const TableOptions& options);
[[nodiscard]] StoreOptions store_options(const ViewOptions& options);
[[nodiscard]] StoreOptions store_options(const WindowOptions& options);

// Adds the store of a table, and returns how to read it.
template <class K, class V>
[[nodiscard]] TableAccess<K, V> add_table_store(const GraphPoint& table, const std::string& verb,
                                                const TableOptions& options, const Location& where) {
  const std::string& store = options.store.text();
  TopologyBuilder& topology = table.graph()->topology();
  if (!options.history) {
    topology.add_store(key_value_store_spec<K, V>(store, store_options(options)), state_engine(), where);
    return access_to_store<K, V>(store);
  }
  check_versioned(table, verb, options, where);
  topology.add_store(
      versioned_store_spec<K, V>(store, *options.history, Duration(-1), store_options(options)),
      state_engine(), where);
  return access_to_versions<K, V>(store, *options.history);
}

}  // namespace weir
