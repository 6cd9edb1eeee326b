#include <weir/core/group_signal.h>

#include <utility>

#include <fmt/format.h>

#include <weir/core/partition_plan.h>

namespace weir {
namespace {

constexpr char kStop[] = "stop";
constexpr std::size_t kRecords = 100;
constexpr Duration kPause{1000};

}  // namespace

GroupSignal::GroupSignal(Transport& transport, const Clock& clock, std::string application_id,
                         std::string instance_id, Logger log)
    : transport_(transport),
      clock_(clock),
      topic_(tasks_topic(application_id)),
      application_id_(std::move(application_id)),
      instance_id_(std::move(instance_id)),
      log_(std::move(log)) {}

std::optional<std::string> GroupSignal::heard() {
  if (clock_.steady() < not_before_) return std::nullopt;
  auto said = listen();
  if (said.ok()) return *std::move(said);
  log_(LogLevel::kWarning, "cannot listen for other instances: " + message_of(said.status()));
  not_before_ = clock_.steady() + kPause;
  return std::nullopt;
}

absl::StatusOr<std::optional<std::string>> GroupSignal::listen() {
  if (consumer_ == nullptr) {
    ConsumerOptions options;
    options.client_id = fmt::format("{}-{}-signal", application_id_, instance_id_);
    auto consumer = transport_.make_consumer(options);
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
  }
  events_.clear();
  consumer_->poll(events_);
  if (reader_ == nullptr) {
    if (!end_.started()) end_ = consumer_->offset_ranges({{topic_, 0}});
    if (!end_.ready()) return std::nullopt;
    const auto ranges = end_.take();
    if (!ranges.ok()) return ranges.status();
    const PartitionOffset start{{topic_, 0}, ranges->front().end, ""};
    auto readers = consumer_->assign(std::span<const PartitionOffset>(&start, 1));
    if (!readers.ok()) return readers.status();
    reader_ = std::move(readers->front());
  }
  records_.clear();
  reader_->fetch(kRecords, records_);
  for (const RawRecord& record : records_) {
    if (record.key == BytesView(kStop)) return std::string(record.value.value_or(BytesView()));
  }
  return std::nullopt;
}

absl::Status GroupSignal::tell(const std::string& why) {
  ProducerOptions options;
  options.client_id = fmt::format("{}-{}-signal", application_id_, instance_id_);
  auto producer = transport_.make_producer(options);
  if (!producer.ok()) return producer.status();
  producer_ = *std::move(producer);
  const std::string value = fmt::format("{}: {}", instance_id_, why);
  OutgoingRecord record;
  record.topic = producer_->topic(topic_);
  record.partition = 0;
  record.key = BytesView(kStop);
  record.value = BytesView(value);
  record.timestamp = clock_.wall();
  producer_->send(record);
  producer_->flush();
  return absl::OkStatus();
}

absl::StatusOr<bool> GroupSignal::told() {
  producer_->poll();
  if (absl::Status failure = producer_->failure(); !failure.ok()) return failure;
  return producer_->in_flight() == 0;
}

}  // namespace weir
