// How a program gets at a Kafka.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include <weir/core/transport.h>

namespace weir {

// Returns the way to the brokers at `bootstrap` ("host:port,host:port"), or, for "embedded:", to a new broker inside this
// process: in memory, for examples and tests, gone with the last user of the transport. `properties` are librdkafka's, for
// all clients; the embedded broker ignores them. Does not connect yet.
[[nodiscard]] absl::StatusOr<std::shared_ptr<Transport>> connect(
    const std::string& bootstrap, const std::map<std::string, std::string>& properties = {});

}  // namespace weir
