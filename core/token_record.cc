#include <weir/core/token_record.h>

#include <algorithm>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include <weir/core/internal_topics.h>

namespace weir {
namespace {

constexpr char kPlan[] = "plan";
constexpr std::size_t kRecordsAtOnce = 100;

}  // namespace

TokenRecord::TokenRecord(Transport& transport, const Clock& clock, const std::string& application_id,
                         std::string client_id, int version, Offset from)
    : transport_(transport),
      clock_(clock),
      where_{tasks_topic(application_id), 0},
      client_id_(std::move(client_id)),
      version_(version),
      position_(from) {}

absl::StatusOr<bool> TokenRecord::read() {
  auto done = try_to_read();
  if (!done.ok()) {
    reader_.reset();
    consumer_.reset();
    range_.abandon();
    end_ = kNoOffset;
  }
  return done;
}

absl::StatusOr<bool> TokenRecord::try_to_read() {
  if (consumer_ == nullptr) {
    auto consumer = transport_.make_consumer({.client_id = client_id_});
    if (!consumer.ok()) return consumer.status();
    consumer_ = *std::move(consumer);
  }
  events_.clear();
  consumer_->poll(events_);
  for (const ConsumerEvent& event : events_) {
    const auto* error = std::get_if<ConsumerError>(&event);
    if (error != nullptr && error->where == where_) return error->status;
  }
  if (end_ == kNoOffset) {
    if (!range_.started()) range_ = consumer_->offset_ranges({where_});
    if (!range_.ready()) return false;
    const auto ranges = range_.take();
    if (!ranges.ok()) return ranges.status();
    end_ = ranges->front().end;
    if (position_ < ranges->front().begin) position_ = ranges->front().begin;
  }
  if (position_ < end_) {
    if (reader_ == nullptr) {
      const PartitionOffset start{where_, position_, {}};
      auto readers = consumer_->assign(std::span<const PartitionOffset>(&start, 1));
      if (!readers.ok()) return readers.status();
      reader_ = std::move(readers->front());
    }
    records_.clear();
    reader_->fetch(kRecordsAtOnce, records_);
    for (const RawRecord& record : records_) WEIR_RETURN_IF_ERROR(take(record));
    position_ = std::max(position_, reader_->position());
    if (position_ < end_) return false;
  }
  end_ = kNoOffset;
  return true;
}

absl::Status TokenRecord::take(const RawRecord& record) {
  if (record.key != BytesView(kPlan) || !record.value) return absl::OkStatus();
  auto plan = decode_tokens(*record.value);
  if (!plan.ok()) {
    return fatal_error(fmt::format(
        "the record of what tasks there are cannot be read: {}: topic={} partition={} offset={}. A newer "
        "version may have written it; to begin anew stop all instances and delete the topic",
        message_of(plan.status()), where_.topic, where_.partition, record.offset));
  }
  if (plan->version <= version_) return absl::OkStatus();
  version_ = plan->version;
  plan_ = *std::move(plan);
  return absl::OkStatus();
}

absl::Status TokenRecord::propose(const TokenPlan& plan) {
  auto producer = transport_.make_producer({.client_id = client_id_});
  if (!producer.ok()) return producer.status();
  producer_ = *std::move(producer);
  const Bytes value = encode_tokens(plan);
  OutgoingRecord record;
  record.topic = producer_->topic(where_.topic);
  record.partition = where_.partition;
  record.key = BytesView(kPlan);
  record.value = BytesView(value);
  record.timestamp = clock_.wall();
  producer_->send(record);
  producer_->flush();
  return absl::OkStatus();
}

absl::StatusOr<bool> TokenRecord::proposed() {
  producer_->poll();
  if (absl::Status failure = producer_->failure(); !failure.ok()) return failure;
  if (producer_->in_flight() > 0) return false;
  producer_.reset();
  return true;
}

// ---------------------------------------------------------------------------------------------------- TokenCheck

TokenCheck::TokenCheck(const PartitionPlan& plan, Transport& transport, const Clock& clock,
                       std::string application_id, std::string client_id)
    : plan_(plan),
      transport_(transport),
      clock_(clock),
      application_id_(std::move(application_id)),
      client_id_(std::move(client_id)),
      end_(plan.tokens_end) {}

absl::StatusOr<bool> TokenCheck::step(Consumer& consumer) {
  if (outdated_) return false;
  if (confirmed_ || end_ == kNoOffset) return true;
  if (record_ != nullptr) return read_on();
  if (!range_.started()) range_ = consumer.offset_ranges({{tasks_topic(application_id_), 0}});
  if (!range_.ready()) return false;
  const auto ranges = range_.take();
  if (!ranges.ok()) return ranges.status();
  confirmed_ = ranges->front().end == end_;
  // A topic that ends earlier is another one by now.
  outdated_ = ranges->front().end < end_;
  if (!confirmed_ && !outdated_) {
    record_ = std::make_unique<TokenRecord>(transport_, clock_, application_id_, client_id_ + "-tokens",
                                            plan_.tokens_version, end_);
  }
  return confirmed_;
}

absl::StatusOr<bool> TokenCheck::read_on() {
  const auto read = record_->read();
  if (!read.ok() || !*read) return read;
  end_ = record_->position();
  outdated_ = record_->plan().version > plan_.tokens_version;
  confirmed_ = !outdated_;
  record_.reset();
  return confirmed_;
}

}  // namespace weir
