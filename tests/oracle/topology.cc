#include "oracle/topology.h"

namespace weir::oracle {
namespace {

// Made on first use: registrations run before main, in no particular order.
std::map<std::string, Describe>& registry() {
  static std::map<std::string, Describe> topologies;
  return topologies;
}

}  // namespace

Registration::Registration(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) registry().insert_or_assign(entry.name, entry.describe);
}

const Describe* find_topology(const std::string& name) {
  const auto found = registry().find(name);
  return found == registry().end() ? nullptr : &found->second;
}

std::vector<std::string> topology_names() {
  std::vector<std::string> names;
  for (const auto& [name, describe] : registry()) names.push_back(name);
  return names;
}

}  // namespace weir::oracle
