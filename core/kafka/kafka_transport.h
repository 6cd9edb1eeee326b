// weir on a real Kafka, through librdkafka 2.0.2 or newer.
//
// Nothing here connects before it has to: a wrong address shows as error events of the objects the transport
// makes, or as the error of what was asked of them, never as a wait. What old client versions get wrong, and
// what is done about it, is in quirks.md.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include <weir/core/log.h>
#include <weir/core/transport.h>

namespace weir {

struct KafkaOptions {
  std::string bootstrap;  // "host:port,host:port"
  // librdkafka's own configuration for every client made here (security, compression, limits). Values given
  // in the options of a consumer or producer win over these, and these over weir's defaults. A property weir
  // depends on (offset storage, offset reset, idempotence, …) may only be given the value weir sets.
  std::map<std::string, std::string> properties = {};
  // Takes the client library's own messages, on the threads that poll. Empty: they are dropped; errors come
  // as events all the same.
  Logger log = {};
};

// Checks the options and makes a transport; does not connect. The objects it makes may outlive it.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Transport>> make_kafka_transport(const KafkaOptions& options);

}  // namespace weir
