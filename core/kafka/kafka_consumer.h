// core/transport.h's Consumer on librdkafka: a reader of partitions and, in a group, a member of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/kafka/background.h>
#include <weir/core/kafka/client.h>
#include <weir/core/kafka/fetch_client.h>
#include <weir/core/kafka/group_member.h>
#include <weir/core/kafka/shared.h>
#include <weir/core/transport.h>

namespace weir::kafka {

class KafkaConsumer final : public Consumer {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Consumer>> make(std::shared_ptr<Shared> shared,
                                                                      const ConsumerOptions& options);

  KafkaConsumer(std::shared_ptr<Shared> shared, std::shared_ptr<Wakeup> wakeup,
                std::shared_ptr<FetchClient> reading, std::unique_ptr<GroupMember> member);

  [[nodiscard]] absl::Status subscribe(const std::string& topic) override;
  void poll(std::vector<ConsumerEvent>& events) override;
  void complete_rebalance() override;
  [[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> assign(
      std::span<const PartitionOffset> starts) override;
  Pending<> commit(std::vector<PartitionOffset> offsets) override;
  Pending<std::vector<PartitionOffset>> committed(std::vector<TopicPartition> partitions) override;
  Pending<std::vector<OffsetRange>> offset_ranges(std::vector<TopicPartition> partitions) override;
  Pending<std::vector<Offset>> offsets_at(std::vector<TopicPartition> partitions,
                                          Timestamp timestamp) override;
  [[nodiscard]] GroupMetadata group_metadata() override;
  Pending<> close(bool leave_group) override;
  void wait(Duration at_most) override;
  void wake() override;

 private:
  struct Closing {
    Completion<> completion;
    Duration deadline{};
  };

  // Returns why nothing can be asked of the group now, ok if it can.
  [[nodiscard]] absl::Status check_member() const;
  void finish_close(absl::Status status);

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Wakeup> wakeup_;
  const std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<FetchClient> reading_;  // null once closed
  std::unique_ptr<GroupMember> member_;   // null without a group, or once closed
  std::optional<Closing> closing_;
};

}  // namespace weir::kafka
