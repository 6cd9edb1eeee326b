// A client's configuration, gathered in layers and turned into librdkafka's at the end.
#pragma once

#include <map>
#include <string>

#include <absl/status/statusor.h>

#include <weir/core/kafka/handles.h>
#include <weir/core/time.h>

namespace weir::kafka {

using Properties = std::map<std::string, std::string>;

// Returns the duration as the client's properties want it.
inline std::string milliseconds(Duration duration) { return std::to_string(duration.count()); }

class Configuration {
 public:
  // A value that later layers may replace.
  void set_default(const std::string& name, const std::string& value) { values_[name] = value; }

  // A default that only newer client versions know; older ones go without.
  void set_if_known(const std::string& name, const std::string& value) { optional_[name] = value; }

  // The user's values: they replace defaults and earlier layers.
  void add_layer(const Properties& properties);

  // A value weir depends on. Refused by `build` if the user asked for another.
  void require(const std::string& name, const std::string& value) { required_[name] = value; }

  // Forgets whatever the layers say about a property (one that makes no sense for this client).
  void drop(const std::string& name);

  [[nodiscard]] const std::string* find(const std::string& name) const;

  // Returns librdkafka's form, or an error naming the property it does not take.
  [[nodiscard]] absl::StatusOr<ConfigurationHandle> build() const;

 private:
  Properties values_;
  Properties optional_;
  Properties required_;
  Properties users_;
};

}  // namespace weir::kafka
