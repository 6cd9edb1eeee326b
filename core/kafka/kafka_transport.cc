#include <weir/core/kafka/kafka_transport.h>

#include <memory>
#include <utility>

#include <weir/core/kafka/configuration.h>
#include <weir/core/kafka/kafka_admin.h>
#include <weir/core/kafka/kafka_consumer.h>
#include <weir/core/kafka/kafka_producer.h>
#include <weir/core/kafka/shared.h>

namespace weir {
namespace {

class KafkaTransport final : public Transport {
 public:
  explicit KafkaTransport(std::shared_ptr<kafka::Shared> shared) : shared_(std::move(shared)) {}

  [[nodiscard]] absl::StatusOr<std::unique_ptr<Consumer>> make_consumer(
      const ConsumerOptions& options) override {
    return kafka::KafkaConsumer::make(shared_, options);
  }

  [[nodiscard]] absl::StatusOr<std::unique_ptr<Producer>> make_producer(
      const ProducerOptions& options) override {
    return kafka::KafkaProducer::make(shared_, options);
  }

  [[nodiscard]] absl::StatusOr<std::unique_ptr<Admin>> make_admin() override {
    return kafka::KafkaAdmin::make(shared_);
  }

 private:
  const std::shared_ptr<kafka::Shared> shared_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> make_kafka_transport(const KafkaOptions& options) {
  if (options.bootstrap.empty())
    return absl::InvalidArgumentError("a Kafka transport needs the address of a broker");
  // A property the client does not know is better heard of here than from the first consumer.
  kafka::Configuration configuration;
  configuration.add_layer(options.properties);
  configuration.require("bootstrap.servers", options.bootstrap);
  if (auto built = configuration.build(); !built.ok()) return built.status();
  return std::make_unique<KafkaTransport>(std::make_shared<kafka::Shared>(
      kafka::SharedOptions{options.bootstrap, options.properties, options.log}));
}

}  // namespace weir
