// The transport whose Kafka is an EmbeddedBroker.
//
// Whatever is started takes effect at the next poll of the object that started it, and not before: also a
// record that was sent, or an answer to a rebalance. An object that is destroyed without being closed has
// crashed as far as the broker is concerned: records it had not handed over are lost, its place in the group
// and its transaction stay until they time out.
#pragma once

#include <memory>

#include <weir/core/embedded/broker.h>
#include <weir/core/transport.h>

namespace weir {

// Several transports, of several instances of a program, may share a broker.
// `host` names the instance to whoever injects faults.
[[nodiscard]] std::unique_ptr<Transport> make_embedded_transport(std::shared_ptr<EmbeddedBroker> broker,
                                                                 const std::string& host = {});

}  // namespace weir
