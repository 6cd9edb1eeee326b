// The half of a consumer that reads: a librdkafka client outside any group rebalance, and the readers of its
// partitions.
//
// It is apart from the member that joins the group because librdkafka pauses every partition of a client
// while its group rebalances, throws away what was fetched, and (2.0.2) can lose records that a batch call
// was just handing over. Data partitions here never notice a rebalance.
//
// Thread safety: belongs to the thread that polls its consumer.
#pragma once

#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/kafka/client.h>
#include <weir/core/kafka/shared.h>
#include <weir/core/kafka/wakeup.h>
#include <weir/core/transport.h>

namespace weir::kafka {

class FetchClient : public std::enable_shared_from_this<FetchClient> {
 public:
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<FetchClient>> make(std::shared_ptr<Shared> shared,
                                                                         const ConsumerOptions& options,
                                                                         std::shared_ptr<Wakeup> wakeup);

  // Up to where the client fetches ahead, per partition.
  struct Prefetch {
    std::size_t records = 0;
    std::size_t value_bytes = 0;
    // Whether the client goes on by itself, and soon, once there is room again (2.2 and newer).
    bool resumes = false;
  };

  FetchClient(std::shared_ptr<Shared> shared, ClientHandle client, std::shared_ptr<Wakeup> wakeup,
              bool read_committed, Prefetch prefetch);
  ~FetchClient();
  FetchClient(const FetchClient&) = delete;
  FetchClient& operator=(const FetchClient&) = delete;

  [[nodiscard]] absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> assign(
      std::span<const PartitionOffset> starts);

  void poll(std::vector<ConsumerEvent>& events);

  // Returns whether a fetch stopped at its limit since the last call, so that there may be more without a new
  // ring.
  [[nodiscard]] bool take_left_over();

  [[nodiscard]] std::size_t readers() const { return assigned_.size(); }

 private:
  friend class KafkaPartitionReader;

  // Makes the client look again whether a partition has room for more.
  void nudge(const TopicPartition& where);

  // Gives up what readers released, in one call for all of them.
  void unassign_released();

  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Wakeup> wakeup_;
  const bool read_committed_;
  const Prefetch prefetch_;
  ClientHandle client_;
  QueueHandle main_queue_;  // after client_: destroyed before it
  std::set<TopicPartition> assigned_;
  std::vector<TopicPartition> released_;
  std::vector<ConsumerError> errors_;
  bool left_over_ = false;
};

}  // namespace weir::kafka
