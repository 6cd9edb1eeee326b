// The store in which an operator holds things back.
#pragma once

#include <string>

#include <weir/core/node.h>
#include <weir/operators/held.h>
#include <weir/state/engine.h>
#include <weir/state/key_value_store.h>

namespace weir {

// By bytes: keys lie in it as they travel within a program, so that windows keep their ends.
template <class V>
using HeldStore = KeyValueStore<std::string, Held<V>>;

// Describes it to a topology; K is the type of what the bytes stand for.
template <class K, class V>
[[nodiscard]] StoreSpec held_store_spec(const std::string& name, const StoreOptions& options) {
  StoreSpec spec = key_value_store_spec<std::string, Held<V>>(name, options);
  spec.key_format = std::string(Serde<K>::kFormat);
  return spec;
}

// Fails the task.
[[noreturn]] void unreadable_key(const Node& node, const absl::Status& status);

}  // namespace weir
