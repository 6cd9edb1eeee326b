#include <weir/core/kafka/position_inquiry.h>

#include <algorithm>
#include <utility>

#include <weir/core/kafka/errors.h>
#include <weir/core/kafka/steady.h>

namespace weir::kafka {
namespace {

constexpr Duration kAnswerDeadline{60'000};
// How long a question may keep others of its thread waiting, at first and at the most.
constexpr int kFirstPatience = 200;      // ms
constexpr int kLongestPatience = 1'000;  // ms
constexpr Duration kPauseBetweenTries{20};

bool may_settle(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
      return true;
    default:
      return false;
  }
}

PartitionOffset position_of(const rd_kafka_topic_partition_t& entry) {
  PartitionOffset position{where_of(entry), entry.offset < 0 ? kNoOffset : entry.offset, {}};
  if (entry.metadata != nullptr)
    position.metadata.assign(static_cast<const char*>(entry.metadata), entry.metadata_size);
  return position;
}

}  // namespace

struct PositionInquiry::Question {
  std::string group;
  std::vector<TopicPartition> partitions;
  Wanted wanted;
  Answer answer;
  Duration deadline{};
  int patience = kFirstPatience;
};

void PositionInquiry::prepare(std::string group) {
  threads_.front().submit([this, group = std::move(group)] { client_of(group).get().IgnoreError(); });
}

void PositionInquiry::ask(std::string group, std::vector<TopicPartition> partitions, Wanted wanted,
                          Answer answer) {
  auto question = std::make_shared<Question>();
  question->group = std::move(group);
  question->partitions = std::move(partitions);
  question->wanted = std::move(wanted);
  question->answer = std::move(answer);
  question->deadline = steady_now() + kAnswerDeadline;
  const std::lock_guard lock(mutex_);
  JobThread& thread = threads_[asked_++ % threads_.size()];
  thread.submit([this, &thread, question] { try_to_answer(thread, question); });
}

void PositionInquiry::try_to_answer(JobThread& thread, const std::shared_ptr<Question>& question) {
  if (!question->wanted()) return;
  const auto client = client_of(question->group).get();
  if (!client.ok()) return question->answer(client.status());
  // Keeps the order of what it is given.
  const PartitionListHandle list = make_list(std::span<const TopicPartition>(question->partitions));
  rd_kafka_resp_err_t code = rd_kafka_committed(*client, list.get(), question->patience);
  std::string context = "cannot look committed positions up";
  for (int index = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && index < list->cnt; ++index) {
    code = list->elems[index].err;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) context += " of " + name_of(where_of(list->elems[index]));
  }
  if (may_settle(code) && steady_now() < question->deadline) {
    question->patience = std::min(2 * question->patience, kLongestPatience);
    thread.pause(kPauseBetweenTries);
    // Behind those that can be answered now.
    return thread.submit([this, &thread, question] { try_to_answer(thread, question); });
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return question->answer(status_of_code(code, context));
  std::vector<PartitionOffset> positions;
  positions.reserve(question->partitions.size());
  for (int index = 0; index < list->cnt; ++index) positions.push_back(position_of(list->elems[index]));
  question->answer(std::move(positions));
}

InquiryClient& PositionInquiry::client_of(const std::string& group) {
  const std::lock_guard lock(mutex_);
  return clients_.try_emplace(group, options_, group).first->second;
}

}  // namespace weir::kafka
