// The embedded broker's admin client.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <weir/core/embedded/broker.h>
#include <weir/core/embedded/operation_queue.h>
#include <weir/core/transport.h>

namespace weir::embedded {

class EmbeddedAdmin final : public Admin {
 public:
  EmbeddedAdmin(std::shared_ptr<EmbeddedBroker> broker, const std::string& host)
      : broker_(std::move(broker)),
        operations_({ClientName::Kind::kAdmin, host}, broker_->clock(), broker_->faults()) {}

  void poll() override;
  Pending<std::vector<TopicDescription>> describe_topics(std::vector<std::string> names) override;
  Pending<std::vector<std::string>> list_topics() override;
  Pending<> create_topics(std::vector<NewTopic> topics) override;
  Pending<> grow_topic(std::string name, Partition partitions) override;
  Pending<> delete_topics(std::vector<std::string> names) override;
  Pending<> delete_records(std::vector<PartitionOffset> before) override;
  Pending<GroupDescription> describe_group(std::string group) override;

 private:
  const std::shared_ptr<EmbeddedBroker> broker_;  // shared by all clients of the broker
  OperationQueue operations_;
};

}  // namespace weir::embedded
