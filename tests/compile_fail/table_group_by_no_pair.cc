// Grouping a table by a key alone: the group has to know what to add and subtract, too.
// Expected: RowPairMapperOver
// Expected: constraints not satisfied
#include <string>
#include <utility>

#include <weir/weir.h>

void program(const weir::KTable<std::string, std::string>& cities) {
#ifndef WEIR_MISTAKE
  static_cast<void>(cities.group_by(
      [](const std::string& customer, const std::string& city) { return std::pair(city, customer); }));
#else
  static_cast<void>(cities.group_by([](const std::string&, const std::string& city) { return city; }));
#endif
}
