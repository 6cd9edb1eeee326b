// core/transport.h's Admin on librdkafka.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/kafka/background.h>
#include <weir/core/kafka/client.h>
#include <weir/core/kafka/shared.h>
#include <weir/core/transport.h>

namespace weir::kafka {

class KafkaAdmin final : public Admin {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Admin>> make(std::shared_ptr<Shared> shared);

  KafkaAdmin(std::shared_ptr<Shared> shared, rd_kafka_t* client);

  void poll() override;
  Pending<std::vector<TopicDescription>> describe_topics(std::vector<std::string> names) override;
  Pending<std::vector<std::string>> list_topics() override;
  Pending<> create_topics(std::vector<NewTopic> topics) override;
  Pending<> grow_topic(std::string name, Partition partitions) override;
  Pending<> delete_topics(std::vector<std::string> names) override;
  Pending<> delete_records(std::vector<PartitionOffset> before) override;
  Pending<GroupDescription> describe_group(std::string group) override;

 private:
  using OnResult = std::function<void(rd_kafka_event_t&)>;
  struct Expected {
    OnResult on_result;
    std::function<void()> on_late;
    Duration deadline{0};  // of on_late, by steady_now()
  };

  // Returns options that bring the result of `operation` to `on_result`, in a poll. With `on_late` the client itself waits
  // as good as for ever, and a poll calls that when the time is over.
  [[nodiscard]] AdminOptionsHandle expect(rd_kafka_admin_op_t operation, OnResult on_result,
                                          std::function<void()> on_late = nullptr);
  void check_deadlines();
  void ask_configs(std::vector<TopicDescription> described,
                   std::shared_ptr<Completion<std::vector<TopicDescription>>> completion);

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Inbox> inbox_;
  rd_kafka_t* const client_;  // owned by shared_
  QueueHandle queue_;
  std::uintptr_t last_id_ = 0;
  std::map<std::uintptr_t, Expected> expected_;
};

}  // namespace weir::kafka
