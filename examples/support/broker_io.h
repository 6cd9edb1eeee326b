// What a program does with a broker besides running a topology: make topics, fill them, read them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/transport.h>

namespace examples {

// Makes the topics that do not exist yet.
[[nodiscard]] absl::Status make_topics(weir::Transport& transport, const std::vector<weir::NewTopic>& topics);

// Returns how many partitions a topic has; 0 if it does not exist.
[[nodiscard]] absl::StatusOr<weir::Partition> partitions_of(weir::Transport& transport,
                                                            const std::string& topic);

// Reads a topic from its beginning to the end it has now, committed records only.
[[nodiscard]] absl::Status read_topic(weir::Transport& transport, const std::string& topic,
                                      const std::function<void(const weir::RawRecord&)>& take);

// Returns how many records a topic holds.
[[nodiscard]] absl::StatusOr<std::uint64_t> records_in(weir::Transport& transport, const std::string& topic);

// Tells how far a group has come on topics.
class GroupProgress {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GroupProgress>> of(
      weir::Transport& transport, const std::string& group, const std::vector<std::string>& topics);
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GroupProgress>> of(weir::Transport& transport,
                                                                         const std::string& group,
                                                                         const std::string& topic) {
    return of(transport, group, std::vector<std::string>{topic});
  }
  // Of an application that runs: on its sources, and on the topics between its parts.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<GroupProgress>> of_application(
      weir::Transport& transport, const std::string& application_id, std::vector<std::string> sources);

  // Returns how many records are not committed yet. 0 is the end, if nobody else writes to the sources.
  [[nodiscard]] absl::StatusOr<std::uint64_t> remaining();

 private:
  GroupProgress(std::unique_ptr<weir::Consumer> consumer, std::vector<weir::TopicPartition> partitions)
      : consumer_(std::move(consumer)), partitions_(std::move(partitions)) {}

  std::unique_ptr<weir::Consumer> consumer_;
  std::vector<weir::TopicPartition> partitions_;
};

// Writes records and waits for the broker only when there is no room for more.
class TopicWriter {
 public:
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<TopicWriter>> make(weir::Transport& transport);

  [[nodiscard]] absl::Status write(const std::string& topic, std::string_view key, std::string_view value,
                                   weir::Timestamp timestamp);

  // Waits until everything is acknowledged.
  [[nodiscard]] absl::Status finish();

 private:
  explicit TopicWriter(std::unique_ptr<weir::Producer> producer) : producer_(std::move(producer)) {}

  std::unique_ptr<weir::Producer> producer_;
  std::map<std::string, weir::TopicId> topics_;
};

}  // namespace examples
