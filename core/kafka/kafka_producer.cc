#include <weir/core/kafka/kafka_producer.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <weir/core/kafka/errors.h>

namespace weir::kafka {
namespace {

// The client takes a timestamp of 0 for "now"; a millisecond off beats decades.
constexpr Timestamp kNearestToZero = 1;

// The client takes a null pointer for a null value; an empty view may have one too.
const void* pointer_of(const NullableBytes& bytes) {
  if (!bytes.has_value()) return nullptr;
  return bytes->data() == nullptr ? "" : bytes->data();
}

std::size_t size_of(const NullableBytes& bytes) { return bytes.has_value() ? bytes->size() : 0; }

HeadersHandle make_headers(const Headers& headers) {
  HeadersHandle made(rd_kafka_headers_new(headers.size()));
  for (const Header& header : headers) {
    const bool null = !header.value.has_value();
    rd_kafka_header_add(made.get(), header.name.data(), static_cast<ssize_t>(header.name.size()),
                        null ? nullptr : header.value->data(),
                        null ? 0 : static_cast<ssize_t>(header.value->size()));
  }
  return made;
}

std::size_t bytes_of(const OutgoingRecord& record) {
  std::size_t bytes = size_of(record.key) + size_of(record.value);
  if (record.headers == nullptr) return bytes;
  for (const Header& header : *record.headers)
    bytes += header.name.size() + (header.value ? header.value->size() : 0);
  return bytes;
}

std::size_t bytes_of(const rd_kafka_message_t& message) {
  std::size_t bytes = message.key_len + message.len;
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return bytes;
  const char* name = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; ++i)
    bytes += std::string_view(name).size() + size;
  return bytes;
}

NullableBytes bytes_at(const void* data, std::size_t size) {
  if (data == nullptr) return std::nullopt;
  return BytesView(static_cast<const char*>(data), size);
}

// The topic travels through the client beside each record. One more than the id, so that nothing is mistaken
// for topic 0.
void* tag_of(TopicId topic) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(topic) + 1);
}  // NOLINT
TopicId topic_of(const void* tag) { return static_cast<TopicId>(reinterpret_cast<std::uintptr_t>(tag) - 1); }

bool is_purge(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

// Whether a connection that stood was lost, so that requests on it may or may not have arrived. The text is
// the only place that tells it from an attempt to connect (a dead broker of several would otherwise spoil
// every commit).
bool is_broken_connection(rd_kafka_resp_err_t code, std::string_view text) {
  if (code == RD_KAFKA_RESP_ERR__TIMED_OUT) return true;
  return code == RD_KAFKA_RESP_ERR__TRANSPORT && text.find("in state CONNECT") == std::string_view::npos &&
         text.find("in state TRY_CONNECT") == std::string_view::npos &&
         text.find("in state INIT") == std::string_view::npos;
}

// Completes `completion` when the runner's call is over.
TransactionRunner::Deliver into(const Completion<>& completion) {
  return [completion = completion](absl::Status status) mutable {
    if (status.ok()) {
      completion.complete(Done{});
    } else {
      completion.complete(std::move(status));
    }
  };
}

}  // namespace

absl::StatusOr<std::unique_ptr<Producer>> KafkaProducer::make(std::shared_ptr<Shared> shared,
                                                              const ProducerOptions& options) {
  Configuration configuration;
  configuration.set_default("client.id", options.client_id);
  configuration.set_default("socket.nagle.disable", "true");
  configuration.set_default("reconnect.backoff.max.ms", "1000");
  configuration.set_default("linger.ms", milliseconds(options.linger));
  configuration.set_default("queue.buffering.max.kbytes",
                            std::to_string(std::max<std::size_t>(options.queue_bytes / 1024, 1)));
  // Bounds what small records cost beside their bytes: some 300 bytes each.
  configuration.set_default("queue.buffering.max.messages", "200000");
  if (options.transactional_id.empty()) {
    configuration.set_default("message.timeout.ms", "600000");
  } else {
    // The broker answers "concurrent transactions" right after a commit; at the default of 100 ms the retry
    // of it makes up most of a transaction (107 against 35 ms).
    configuration.set_default("retry.backoff.ms", "10");
  }
  configuration.add_layer(shared->options.properties);
  configuration.add_layer(options.properties);
  configuration.require("bootstrap.servers", shared->options.bootstrap);
  configuration.require("enable.idempotence", "true");
  configuration.require("partitioner", "murmur2_random");
  configuration.require("delivery.report.only.error", options.report_offsets ? "false" : "true");
  if (!options.transactional_id.empty()) {
    configuration.require("transactional.id", options.transactional_id);
    configuration.set_default("transaction.timeout.ms", milliseconds(options.transaction_timeout));
  }
  auto client = make_client(RD_KAFKA_PRODUCER, configuration, RD_KAFKA_EVENT_DR);
  if (!client.ok()) return client.status();
  return std::make_unique<KafkaProducer>(std::move(shared), options, std::move(*client));
}

KafkaProducer::KafkaProducer(std::shared_ptr<Shared> shared, const ProducerOptions& options,
                             ClientHandle client)
    : shared_(std::move(shared)),
      inbox_(std::make_shared<Inbox>(nullptr)),
      transactional_(!options.transactional_id.empty()),
      report_offsets_(options.report_offsets),
      client_(std::move(client)),
      queue_(rd_kafka_queue_get_main(client_.get())),
      runner_(std::make_unique<TransactionRunner>(client_.get(), inbox_, options.transaction_timeout)) {}

KafkaProducer::~KafkaProducer() {
  Wakeup::mute(queue_.get());
  queue_.reset();
  topics_.clear();
  // A call in progress may keep its thread for a while: it ends, and then the client, where nobody waits.
  shared_->background.bury([runner = runner_.release(), client = client_.release()] {
    delete runner;  // NOLINT: closures that are stored must be copyable, owners are not
    DestroyClient()(client);
  });
}

TopicId KafkaProducer::topic(const std::string& name) {
  const auto found = topic_ids_.find(name);
  if (found != topic_ids_.end()) return found->second;
  const auto id = static_cast<TopicId>(topics_.size());
  topics_.push_back({name, TopicHandle(rd_kafka_topic_new(client_.get(), name.c_str(), nullptr)), {}});
  topic_ids_.emplace(name, id);
  return id;
}

void KafkaProducer::send(const OutgoingRecord& record) {
  // While anything is kept aside everything is: order per partition.
  if (overflow_.empty() && hand_over(record)) return;
  keep(record);
}

bool KafkaProducer::hand_over(const OutgoingRecord& record) {
  Topic& topic = topics_[record.topic];
  if (topic.handle == nullptr) {
    fail(with_refusal(
        fatal_error(fmt::format("the Kafka client refuses the topic's name: topic={}", topic.name)),
        {Refusal::Reason::kNoTopic, topic.name, 0, 0}));
    return true;
  }
  std::array<rd_kafka_vu_t, 8> fields;
  std::size_t count = 0;
  fields[count].vtype = RD_KAFKA_VTYPE_RKT;
  fields[count++].u.rkt = topic.handle.get();
  fields[count].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[count++].u.i32 = record.partition == kAnyPartition ? RD_KAFKA_PARTITION_UA : record.partition;
  fields[count].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  fields[count++].u.i = RD_KAFKA_MSG_F_COPY;
  fields[count].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  fields[count++].u.i64 = record.timestamp == 0 ? kNearestToZero : record.timestamp;
  fields[count].vtype = RD_KAFKA_VTYPE_OPAQUE;
  fields[count++].u.ptr = tag_of(record.topic);
  fields[count].vtype = RD_KAFKA_VTYPE_KEY;
  fields[count].u.mem.ptr = const_cast<void*>(pointer_of(record.key));  // NOLINT: the client copies
  fields[count++].u.mem.size = size_of(record.key);
  fields[count].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[count].u.mem.ptr = const_cast<void*>(pointer_of(record.value));  // NOLINT: the client copies
  fields[count++].u.mem.size = size_of(record.value);
  HeadersHandle headers;
  if (record.headers != nullptr && !record.headers->empty()) {
    headers = make_headers(*record.headers);
    fields[count].vtype = RD_KAFKA_VTYPE_HEADERS;
    fields[count++].u.headers = headers.get();
  }
  const ErrorHandle error(rd_kafka_produceva(client_.get(), fields.data(), count));
  if (error == nullptr) {
    // The client owns them now; on any error they are still ours.
    (void)headers.release();
    ++reports_awaited_;
    return true;
  }
  const rd_kafka_resp_err_t code = rd_kafka_error_code(error.get());
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return false;
  absl::Status fatal = fatal_status_of(client_.get(), "the producer failed");
  if (!fatal.ok()) {
    fail(fatal);
    return true;
  }
  const std::string what = fmt::format("cannot send to {}[{}]", topic.name, record.partition);
  absl::Status status = status_of_delivery(code, transactional_, what);
  if (transactional_ && code == RD_KAFKA_RESP_ERR__STATE) {
    // A request of the transaction has failed. The client says why to whoever wants to begin another one.
    const ErrorHandle cause(rd_kafka_begin_transaction(client_.get()));
    if (cause != nullptr) status = status_of_transaction(*cause, what);
  }
  if (const auto reason = refusal_of_code(code)) {
    status = with_refusal(std::move(status),
                          {*reason, topic.name, bytes_of(record), digest_of(record.key, record.value)});
  }
  fail(std::move(status));
  return true;
}

void KafkaProducer::keep(const OutgoingRecord& record) {
  KeptRecord kept{record.topic, record.partition, {}, {}, record.timestamp, {}};
  if (record.key.has_value()) kept.key.emplace(*record.key);
  if (record.value.has_value()) kept.value.emplace(*record.value);
  if (record.headers != nullptr) kept.headers = *record.headers;
  overflow_.push_back(std::move(kept));
}

void KafkaProducer::send_kept() {
  while (!overflow_.empty()) {
    const KeptRecord& kept = overflow_.front();
    OutgoingRecord record;
    record.topic = kept.topic;
    record.partition = kept.partition;
    if (kept.key.has_value()) record.key = *kept.key;
    if (kept.value.has_value()) record.value = *kept.value;
    record.timestamp = kept.timestamp;
    record.headers = &kept.headers;
    if (!hand_over(record)) return;
    overflow_.pop_front();
  }
}

void KafkaProducer::poll() {
  ring_where_this_thread_waits();
  // Events before results: a connection that broke during a commit is known before the commit's success is
  // believed.
  serve_events();
  inbox_->deliver_all();
  if (!overflow_.empty()) {
    send_kept();
    // A full queue does not end the linger of what fills it.
    flush_wanted_ = flush_wanted_ || !overflow_.empty();
  }
  follow_commit();
  follow_flush();
}

void KafkaProducer::serve_events() {
  while (rd_kafka_queue_length(queue_.get()) > 0) {
    const EventHandle event(rd_kafka_queue_poll(queue_.get(), 0));
    if (event == nullptr) return;
    switch (rd_kafka_event_type(event.get())) {
      case RD_KAFKA_EVENT_DR:
        take_reports(*event);
        break;
      case RD_KAFKA_EVENT_ERROR: {
        const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
        if (is_broken_connection(code, rd_kafka_event_error_string(event.get()))) connection_broke_ = true;
        // Anything less than fatal the client mends itself or tells with the delivery it spoils.
        if (absl::Status fatal = fatal_status_of(client_.get(), "the producer failed"); !fatal.ok())
          fail(fatal);
        break;
      }
      case RD_KAFKA_EVENT_LOG:
        pass_log(event.get(), shared_->options.log);
        break;
      default:
        break;
    }
  }
}

void KafkaProducer::take_reports(rd_kafka_event_t& event) {
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(&event)) {
    if (report_offsets_) --reports_awaited_;
    const TopicId id = topic_of(message->_private);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      // A retry the broker knew already has no offset; the next record will.
      if (message->offset < 0 || id >= topics_.size()) continue;
      std::vector<Offset>& acknowledged = topics_[id].acknowledged;
      const auto partition = static_cast<std::size_t>(message->partition);
      if (partition >= acknowledged.size()) acknowledged.resize(partition + 1, kNoOffset);
      acknowledged[partition] = std::max(acknowledged[partition], message->offset);
    } else if (!is_purge(message->err)) {
      // Purged records were asked to be: their transaction is being aborted.
      const std::string name = id < topics_.size() ? topics_[id].name : std::string();
      absl::Status status =
          status_of_delivery(message->err, transactional_,
                             fmt::format("a record was not delivered to {}[{}]", name, message->partition));
      if (const auto reason = refusal_of_code(message->err)) {
        status = with_refusal(std::move(status), {*reason, name, bytes_of(*message),
                                                  digest_of(bytes_at(message->key, message->key_len),
                                                            bytes_at(message->payload, message->len))});
      }
      fail(std::move(status));
    }
  }
}

void KafkaProducer::fail(absl::Status status) {
  if (failure_.ok()) {
    failure_ = std::move(status);
    return;
  }
  // A broker refuses a batch as a whole: the one too large among its records is the largest.
  const auto before = refusal_of(failure_);
  const auto now = refusal_of(status);
  if (before && now && before->topic == now->topic && before->reason == Refusal::Reason::kTooLarge &&
      now->reason == Refusal::Reason::kTooLarge && now->bytes > before->bytes) {
    failure_ = std::move(status);
  }
}

void KafkaProducer::flush() {
  flush_wanted_ = true;
  follow_flush();
}

void KafkaProducer::follow_flush() {
  if (!flush_wanted_ || flush_running_) return;
  if (in_flight() == 0) {
    flush_wanted_ = false;
    return;
  }
  flush_running_ = true;
  runner_->start_flush([this](const absl::Status&) { flush_running_ = false; });
}

std::size_t KafkaProducer::in_flight() const {
  const std::size_t in_client =
      report_offsets_ ? reports_awaited_ : static_cast<std::size_t>(rd_kafka_outq_len(client_.get()));
  return in_client + overflow_.size();
}

Offset KafkaProducer::last_acknowledged(TopicId topic, Partition partition) const {
  if (topic >= topics_.size() || partition < 0) return kNoOffset;
  const std::vector<Offset>& acknowledged = topics_[topic].acknowledged;
  const auto index = static_cast<std::size_t>(partition);
  return index < acknowledged.size() ? acknowledged[index] : kNoOffset;
}

absl::Status KafkaProducer::check_transactional() const {
  if (!transactional_) return absl::FailedPreconditionError("the producer has no transactional id");
  return absl::OkStatus();
}

Pending<> KafkaProducer::init_transactions() {
  if (absl::Status status = check_transactional(); !status.ok())
    return Pending<>::completed(std::move(status));
  const Completion<> completion;
  runner_->start_init(into(completion));
  return completion.pending();
}

absl::Status KafkaProducer::begin_transaction() {
  WEIR_RETURN_IF_ERROR(check_transactional());
  // A round trip to the client's own thread, none to a broker.
  const ErrorHandle error(rd_kafka_begin_transaction(client_.get()));
  return error == nullptr ? absl::OkStatus() : status_of_transaction(*error, "begin_transaction");
}

Pending<> KafkaProducer::send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) {
  if (absl::Status status = check_transactional(); !status.ok())
    return Pending<>::completed(std::move(status));
  if (group == nullptr)
    return Pending<>::completed(absl::InvalidArgumentError("positions need a group's metadata"));
  const Completion<> completion;
  runner_->start_send_offsets(offsets, group, into(completion));
  return completion.pending();
}

Pending<> KafkaProducer::commit_transaction() {
  if (absl::Status status = check_transactional(); !status.ok())
    return Pending<>::completed(std::move(status));
  commit_to_start_.emplace();
  const Pending<> pending = commit_to_start_->pending();
  follow_commit();
  return pending;
}

void KafkaProducer::follow_commit() {
  if (!commit_to_start_.has_value() || !overflow_.empty()) return;
  connection_broke_ = false;
  runner_->start_commit([this, deliver = into(*commit_to_start_)](absl::Status status) mutable {
    if (status.ok() && connection_broke_) {
      // The client repeated a request whose first copy may still be on its way, and would end the next
      // transaction.
      status = make_error(ErrorClass::kUnknown, absl::StatusCode::kDeadlineExceeded,
                          "a connection broke while a transaction was committed");
    }
    deliver(std::move(status));
  });
  commit_to_start_.reset();
}

Pending<> KafkaProducer::abort_transaction() {
  if (absl::Status status = check_transactional(); !status.ok())
    return Pending<>::completed(std::move(status));
  // Of a transaction that never was.
  overflow_.clear();
  connection_broke_ = false;
  const Completion<> completion;
  runner_->start_abort([this, deliver = into(completion)](absl::Status status) mutable {
    if (status.ok() && connection_broke_) {
      status = make_error(ErrorClass::kUnknown, absl::StatusCode::kDeadlineExceeded,
                          "a connection broke while a transaction was aborted");
    }
    deliver(std::move(status));
  });
  return completion.pending();
}

void KafkaProducer::ring_where_this_thread_waits() {
  std::shared_ptr<Wakeup> here = wakeup_of_this_thread();
  if (here == nullptr || here == wakeup_) return;
  wakeup_ = std::move(here);
  wakeup_->listen(queue_.get());
  inbox_->set_wakeup(wakeup_);
  // What came before has rung nowhere.
  wakeup_->signal();
}

}  // namespace weir::kafka
