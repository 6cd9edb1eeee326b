#include <weir/core/embedded/embedded_transport.h>

#include <utility>

#include <weir/core/embedded/admin.h>
#include <weir/core/embedded/consumer.h>
#include <weir/core/embedded/errors.h>
#include <weir/core/embedded/producer.h>

namespace weir {
namespace {

class EmbeddedTransport final : public Transport {
 public:
  EmbeddedTransport(std::shared_ptr<EmbeddedBroker> broker, std::string host)
      : broker_(std::move(broker)), host_(std::move(host)) {}

  absl::StatusOr<std::unique_ptr<Consumer>> make_consumer(const ConsumerOptions& options) override {
    if (options.session_timeout <= Duration::zero() || options.max_poll_interval <= Duration::zero()) {
      return embedded::refused("a consumer's session timeout and poll interval must be positive");
    }
    return std::make_unique<embedded::EmbeddedConsumer>(broker_, options, host_);
  }

  absl::StatusOr<std::unique_ptr<Producer>> make_producer(const ProducerOptions& options) override {
    return std::make_unique<embedded::EmbeddedProducer>(broker_, options, host_);
  }

  absl::StatusOr<std::unique_ptr<Admin>> make_admin() override {
    return std::make_unique<embedded::EmbeddedAdmin>(broker_, host_);
  }

 private:
  const std::shared_ptr<EmbeddedBroker> broker_;  // shared by all clients of the broker
  const std::string host_;
};

}  // namespace

std::unique_ptr<Transport> make_embedded_transport(std::shared_ptr<EmbeddedBroker> broker,
                                                   const std::string& host) {
  return std::make_unique<EmbeddedTransport>(std::move(broker), host);
}

}  // namespace weir
