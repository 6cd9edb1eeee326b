// Stores for processors whose rows have a time: sessions, rows that wait for a join, versions.
//
//   const auto prices = builder.versioned_store<std::string, Price>("prices", std::chrono::hours(1));
//   orders.process({.stores = {prices}}, [] { return std::make_unique<PriceAtOrderTime>(); }).to("priced-orders");
//
// What a store can do is said at its class: SessionStore, JoinStore, VersionedStore.
#pragma once

#include <string>

#include <weir/operators/stream_builder.h>
#include <weir/state/join_store.h>
#include <weir/state/read_only.h>
#include <weir/state/session_store.h>
#include <weir/state/versioned_store.h>

namespace weir {

template <Storable K, Storable V>
StoreHandle<SessionStore<K, V>> StreamBuilder::session_store(const std::string& name, Duration retention,
                                                             const StoreOptions& options, Location where) {
  add_store(session_store_spec<K, V>(name, retention, Duration(-1), options), where);
  return {name};
}

template <Storable K, Storable V>
StoreHandle<JoinStore<K, V>> StreamBuilder::join_store(const std::string& name, Duration retention,
                                                       const StoreOptions& options, Location where) {
  add_store(join_store_spec<K, V>(name, retention, Duration(-1), options), where);
  return {name};
}

template <Storable K, Storable V>
StoreHandle<VersionedStore<K, V>> StreamBuilder::versioned_store(const std::string& name, Duration history,
                                                                 const StoreOptions& options,
                                                                 Location where) {
  add_store(versioned_store_spec<K, V>(name, history, Duration(-1), options), where);
  return {name};
}

template <class Store>
ReadOnly<Store> ProcessorScope::read_only_store(std::string_view name) {
  return ReadOnly<Store>(store<Store>(name));
}
template <class Store>
ReadOnly<Store> ProcessorScope::read_only_store(const StoreHandle<Store>& handle) {
  return read_only_store<Store>(handle.name);
}

}  // namespace weir
