// A callable over the value where the value can be null.
// Expected: MapperOver
// Expected: constraints not satisfied
#include <optional>
#include <string>

#include <weir/weir.h>

void program(const weir::KStream<std::string, std::optional<std::string>>& names) {
#ifndef WEIR_MISTAKE
  static_cast<void>(
      names.map_values([](const std::optional<std::string>& name) { return name ? name->size() : 0; }));
#else
  static_cast<void>(names.map_values([](const std::string& name) { return name.size(); }));
#endif
}
