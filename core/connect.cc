#include <weir/core/connect.h>

#include <weir/core/clock.h>
#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/kafka/kafka_transport.h>

namespace weir {

absl::StatusOr<std::shared_ptr<Transport>> connect(const std::string& bootstrap,
                                                   const std::map<std::string, std::string>& properties) {
  if (bootstrap == "embedded:") {
    return std::shared_ptr<Transport>(
        make_embedded_transport(std::make_shared<EmbeddedBroker>(system_clock())));
  }
  auto transport = make_kafka_transport({.bootstrap = bootstrap, .properties = properties});
  if (!transport.ok()) return transport.status();
  return std::shared_ptr<Transport>(*std::move(transport));
}

}  // namespace weir
