// The topologies of the catalogue, by name, each built with the public DSL only.
//
// A file of the folder describes one family and registers it:
//
//   const Registration kStateless({
//       {"filter", [](StreamBuilder& builder, Effects&) { builder.stream<Text, Long>("in").filter(even).to("out"); }},
//   });
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include <weir/weir.h>

#include "oracle/functions.h"

namespace weir::oracle {

// What peek and for_each saw. Outlives the topology's tasks.
class Effects {
 public:
  template <class K, class V>
  void record(const std::string& name, const std::optional<K>& key, const std::optional<V>& value) {
    seen_.push_back({{"step", step_}, {"name", name}, {"key", shown(key)}, {"value", shown(value)}});
  }

  void begin_step(std::size_t step) { step_ = step; }
  [[nodiscard]] const nlohmann::json& seen() const { return seen_; }

 private:
  template <class T>
  static nlohmann::json shown(const std::optional<T>& value) {
    return value ? nlohmann::json(*value) : nlohmann::json();
  }

  std::size_t step_ = 0;
  nlohmann::json seen_ = nlohmann::json::array();
};

using Describe = std::function<void(StreamBuilder& builder, Effects& effects)>;

struct Entry {
  std::string name;
  Describe describe;
};

// Adds topologies to the catalogue, before main begins.
class Registration {
 public:
  Registration(std::initializer_list<Entry> entries);
};

// Returns how a topology is described; null if there is none of that name.
[[nodiscard]] const Describe* find_topology(const std::string& name);
[[nodiscard]] std::vector<std::string> topology_names();

}  // namespace weir::oracle
