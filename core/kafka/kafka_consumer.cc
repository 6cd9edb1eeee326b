#include <weir/core/kafka/kafka_consumer.h>

#include <utility>

#include <fmt/format.h>

#include <weir/core/kafka/errors.h>
#include <weir/core/kafka/offset_inquiry.h>
#include <weir/core/kafka/steady.h>

namespace weir::kafka {
namespace {

// How long leaving a group may take. The coordinator needs a round trip, but answers nothing on a connection
// on which a join waits for the others. If it is gone, the session's end does the rest.
constexpr Duration kLeaveDeadline{10'000};

}  // namespace

absl::StatusOr<std::unique_ptr<Consumer>> KafkaConsumer::make(std::shared_ptr<Shared> shared,
                                                              const ConsumerOptions& options) {
  auto wakeup = Wakeup::make();
  if (!wakeup.ok()) return wakeup.status();
  auto reading = FetchClient::make(shared, options, *wakeup);
  if (!reading.ok()) return reading.status();
  std::unique_ptr<GroupMember> member;
  if (!options.group.empty()) {
    auto made = GroupMember::make(shared, options, *wakeup);
    if (!made.ok()) return made.status();
    member = std::move(*made);
    shared->positions.prepare(options.group);
  }
  return std::make_unique<KafkaConsumer>(std::move(shared), std::move(*wakeup), std::move(*reading),
                                         std::move(member));
}

KafkaConsumer::KafkaConsumer(std::shared_ptr<Shared> shared, std::shared_ptr<Wakeup> wakeup,
                             std::shared_ptr<FetchClient> reading, std::unique_ptr<GroupMember> member)
    : shared_(std::move(shared)),
      wakeup_(std::move(wakeup)),
      inbox_(std::make_shared<Inbox>(wakeup_)),
      reading_(std::move(reading)),
      member_(std::move(member)) {}

absl::Status KafkaConsumer::check_member() const {
  if (reading_ == nullptr || closing_.has_value())
    return absl::FailedPreconditionError("the consumer is closed");
  if (member_ == nullptr) return absl::FailedPreconditionError("the consumer has no group");
  return absl::OkStatus();
}

absl::Status KafkaConsumer::subscribe(const std::string& topic) {
  WEIR_RETURN_IF_ERROR(check_member());
  return member_->subscribe(topic);
}

void KafkaConsumer::poll(std::vector<ConsumerEvent>& events) {
  inbox_->deliver_all();
  if (reading_ != nullptr) reading_->poll(events);
  if (member_ != nullptr) member_->poll(events);
  if (!closing_.has_value()) return;
  if (member_ == nullptr || member_->left()) {
    finish_close(absl::OkStatus());
  } else if (steady_now() >= closing_->deadline) {
    finish_close(make_error(ErrorClass::kUnknown, absl::StatusCode::kDeadlineExceeded,
                            "the group's coordinator did not confirm the leave; the session's end will do"));
  }
}

void KafkaConsumer::complete_rebalance() {
  if (member_ != nullptr) member_->complete_rebalance();
}

absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> KafkaConsumer::assign(
    std::span<const PartitionOffset> starts) {
  if (reading_ == nullptr || closing_.has_value())
    return absl::FailedPreconditionError("the consumer is closed");
  return reading_->assign(starts);
}

Pending<> KafkaConsumer::commit(std::vector<PartitionOffset> offsets) {
  if (absl::Status status = check_member(); !status.ok()) return Pending<>::completed(std::move(status));
  return member_->commit(offsets);
}

Pending<std::vector<PartitionOffset>> KafkaConsumer::committed(std::vector<TopicPartition> partitions) {
  if (absl::Status status = check_member(); !status.ok()) {
    return Pending<std::vector<PartitionOffset>>::completed(std::move(status));
  }
  if (partitions.empty())
    return Pending<std::vector<PartitionOffset>>::completed(std::vector<PartitionOffset>());
  auto completion = std::make_shared<Completion<std::vector<PartitionOffset>>>();
  // Before the question, which is dropped when nobody waits for its answer.
  Pending<std::vector<PartitionOffset>> pending = completion->pending();
  shared_->positions.ask(
      member_->group(), std::move(partitions), [completion] { return completion->wanted(); },
      [completion, inbox = inbox_](absl::StatusOr<std::vector<PartitionOffset>> positions) {
        inbox->post([completion, positions = std::move(positions)] { completion->complete(positions); });
      });
  return pending;
}

Pending<std::vector<OffsetRange>> KafkaConsumer::offset_ranges(std::vector<TopicPartition> partitions) {
  auto completion = std::make_shared<Completion<std::vector<OffsetRange>>>();
  Shared* const shared = shared_.get();
  shared_->background.jobs().submit([shared, completion, inbox = inbox_, partitions = std::move(partitions)] {
    auto client = shared->inquiries.get();
    absl::StatusOr<std::vector<OffsetRange>> ranges =
        client.ok() ? ask_offset_ranges(*client, partitions)
                    : absl::StatusOr<std::vector<OffsetRange>>(client.status());
    inbox->post([completion, ranges = std::move(ranges)] { completion->complete(ranges); });
  });
  return completion->pending();
}

Pending<std::vector<Offset>> KafkaConsumer::offsets_at(std::vector<TopicPartition> partitions,
                                                       Timestamp timestamp) {
  auto completion = std::make_shared<Completion<std::vector<Offset>>>();
  Shared* const shared = shared_.get();
  shared_->background.jobs().submit([shared, completion, inbox = inbox_, partitions = std::move(partitions),
                                     timestamp] {
    auto client = shared->inquiries.get();
    absl::StatusOr<std::vector<Offset>> offsets = client.ok()
                                                      ? ask_offsets_at(*client, partitions, timestamp)
                                                      : absl::StatusOr<std::vector<Offset>>(client.status());
    inbox->post([completion, offsets = std::move(offsets)] { completion->complete(offsets); });
  });
  return completion->pending();
}

GroupMetadata KafkaConsumer::group_metadata() {
  return check_member().ok() ? member_->group_metadata() : nullptr;
}

Pending<> KafkaConsumer::close(bool leave_group) {
  if (closing_.has_value()) return closing_->completion.pending();
  if (reading_ == nullptr) return Pending<>::completed(Done{});
  if (reading_->readers() != 0) {
    return Pending<>::completed(absl::FailedPreconditionError(
        fmt::format("a consumer is closed after its readers are gone: readers={}", reading_->readers())));
  }
  closing_ = Closing{};
  closing_->deadline = steady_now() + kLeaveDeadline;
  const Pending<> pending = closing_->completion.pending();
  absl::Status started;
  if (member_ != nullptr && leave_group) {
    started = member_->start_leaving();
    if (!started.ok() || member_->left()) finish_close(started);
  } else {
    finish_close(absl::OkStatus());
  }
  return pending;
}

void KafkaConsumer::finish_close(absl::Status status) {
  // Their clients are taken apart elsewhere; the heartbeats stop with that.
  member_.reset();
  reading_.reset();
  if (status.ok()) {
    closing_->completion.complete(Done{});
  } else {
    closing_->completion.complete(std::move(status));
  }
  closing_.reset();
}

void KafkaConsumer::wait(Duration at_most) {
  set_wakeup_of_this_thread(wakeup_);
  // A fetch that stopped at its limit left records behind that ring no more. Asked once only: who then leaves
  // them alone does so on purpose and must not be kept awake by them.
  if (reading_ != nullptr && reading_->take_left_over()) return;
  wakeup_->wait(at_most);
}

void KafkaConsumer::wake() { wakeup_->signal(); }

}  // namespace weir::kafka
