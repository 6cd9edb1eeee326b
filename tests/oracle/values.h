// Keys and values between the JSON of scenarios and the bytes of topics and stores, by the name of their type:
//
//   string              text
//   long                8 bytes, big-endian
//   raw                 bytes shown as text
//   windowed<string>(n) text, then the window's start (8 bytes); windows are n ms long
//   session<string>     text, then the session's end and start (8 bytes each)
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <nlohmann/json.hpp>

#include <weir/core/bytes.h>

namespace weir::oracle {

// The types of a topology's topics and stores, as the catalogue lists them.
struct Types {
  struct Topic {
    std::string key;
    std::string value;
  };
  std::map<std::string, Topic> inputs;
  std::map<std::string, Topic> outputs;
};

// NotFound for a topology that the catalogue does not have.
[[nodiscard]] absl::StatusOr<Types> types_of(const std::string& topology);

// Null becomes no bytes. InvalidArgument if the JSON value is not of the type.
[[nodiscard]] absl::StatusOr<std::optional<Bytes>> encode(const std::string& type,
                                                          const nlohmann::json& value);

// No bytes become null. InvalidArgument if the bytes are not of the type.
[[nodiscard]] absl::StatusOr<nlohmann::json> decode(const std::string& type, NullableBytes bytes);

}  // namespace weir::oracle
