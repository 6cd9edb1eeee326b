#include <weir/core/kafka/configuration.h>

#include <array>

#include <fmt/format.h>

namespace weir::kafka {

void Configuration::add_layer(const Properties& properties) {
  for (const auto& [name, value] : properties) {
    users_[name] = value;
    optional_.erase(name);
  }
}

void Configuration::drop(const std::string& name) {
  values_.erase(name);
  optional_.erase(name);
  users_.erase(name);
}

const std::string* Configuration::find(const std::string& name) const {
  for (const Properties* layer : {&required_, &users_, &values_}) {
    const auto found = layer->find(name);
    if (found != layer->end()) return &found->second;
  }
  return nullptr;
}

absl::StatusOr<ConfigurationHandle> Configuration::build() const {
  for (const auto& [name, value] : required_) {
    const auto asked = users_.find(name);
    if (asked != users_.end() && asked->second != value) {
      return absl::InvalidArgumentError(
          fmt::format("the property {} is weir's to set: asked={} needed={}", name, asked->second, value));
    }
  }
  Properties merged = values_;
  for (const Properties* layer : {&users_, &required_}) {
    for (const auto& [name, value] : *layer) merged[name] = value;
  }
  ConfigurationHandle result(rd_kafka_conf_new());
  std::array<char, 512> reason{};
  for (const auto& [name, value] : merged) {
    if (rd_kafka_conf_set(result.get(), name.c_str(), value.c_str(), reason.data(), reason.size()) !=
        RD_KAFKA_CONF_OK) {
      return absl::InvalidArgumentError(fmt::format("the Kafka client refuses {}: {}", name, reason.data()));
    }
  }
  for (const auto& [name, value] : optional_) {
    // Unknown to an old version: that is what "optional" means.
    (void)rd_kafka_conf_set(result.get(), name.c_str(), value.c_str(), reason.data(), reason.size());
  }
  return result;
}

}  // namespace weir::kafka
