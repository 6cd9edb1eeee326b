// serve_requests answers requests for scores that come over a topic, each with a reply to the topic that it names.
//
//   weir::ml::serve_requests(builder.stream<std::string, std::optional<weir::Bytes>>("score-requests"),
//                            {.models = {{"fraud", models.use("fraud")}, {"risk", weir::ml::fixed_model(risk)}},
//                             .reply_topics = {"score-replies"}});
//
// Headers of a request (see inference_server.h): correlation-id, which comes back; reply-topic, one of those that are allowed;
// reply-partition, for clients that read one; content-type, see inference_message.h; deadline-ms, after which nobody wants the
// reply. The reply's key is the request's, its time too; its headers say how it went and which model scored.
//
// Whatever a request looks like, it gets one reply: with scores, or with an error. One that cannot be read, is not what the model
// takes, or asks for a model or an output there is not, is also sent to the dead letters (ServingOptions::on_malformed). One
// whose deadline has passed is counted as dropped (DropReason::kExpired). One whose reply topic is not allowed has no reply: only
// its dead letter.
//
// Requests are scored in batches of what one poll brought from one partition, up to max_batch rows, and answered in their order:
// never later than the next commit, nor than a request of another partition. Nothing waits for a batch to be full, and a reply is
// the same, byte for byte, whoever was in the batch; a model that throws is asked again row by row, so only the request fails whose
// row it was. Keys are copied while they wait; with views as keys requests are scored one by one. A deadline is looked at when the
// request is taken up.
//
// The reply belongs to the commit of the request's offset. So exactly once a client that reads committed records has one reply for
// each request, whatever happens to the server in between. A replay gives the same replies but for deadlines, and for what the
// models' activation says (docs/serving.md).
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/record_holder.h>
#include <weir/core/serde.h>
#include <weir/ml/inference/inference_server.h>
#include <weir/ml/key_bytes.h>
#include <weir/operators/sink.h>
#include <weir/operators/stream.h>

namespace weir {

// The body alone; where it goes is the sink's to read.
template <>
struct Serde<ml::InferenceReply> {
  static constexpr std::string_view kFormat = "inference-reply-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::InferenceReply& reply, Bytes& out) { out += reply.body; }
  static absl::Status decode(BytesView bytes, ml::InferenceReply& out) {
    out.body = bytes;
    return absl::OkStatus();
  }
};

}  // namespace weir

namespace weir::ml {

[[nodiscard]] std::string fault_in_partition(const InferenceReply& reply, Partition partitions);

// The part of the node that knows no keys.
class ServingNodeBase : public RecordHolder, public RecordGate {
 public:
  explicit ServingNodeBase(ServingOptions options) : options_(std::move(options)) {}

  void attach(HoldDesk& desk, bool may_hold) override;
  [[nodiscard]] bool holds() const override { return held_ > 0; }
  [[nodiscard]] bool full() const override {
    return held_ >= options_.max_batch || server_->rows() >= options_.max_batch;
  }
  [[nodiscard]] Duration due_in() const override { return Duration{0}; }
  [[nodiscard]] bool admits(Timestamp time) override;
  void at_rest() override { server_->at_rest(); }

 protected:
  // Whether requests wait for others.
  [[nodiscard]] bool batches() const { return may_hold_ && options_.max_batch > 1; }

  const ServingOptions options_;
  std::unique_ptr<InferenceServer> server_;
  HoldDesk* desk_ = nullptr;
  std::size_t held_ = 0;

 private:
  bool may_hold_ = false;
};

template <class K>
class ServingNode final : public UnaryNode<K, std::optional<Bytes>, K, InferenceReply>,
                          public ServingNodeBase {
 public:
  using ServingNodeBase::ServingNodeBase;

  void open() override { server_ = std::make_unique<InferenceServer>(options_, this->context(), *this); }

  void accept(const Record<K, std::optional<Bytes>>& record) override {
    const NullableBytes body = record.value ? NullableBytes(*record.value) : std::nullopt;
    InferenceServer::Taken taken =
        server_->take(body, record.headers, key_bytes_.of(record), record.timestamp);
    if constexpr (kCanWait) {
      if (batches()) return wait(record, std::move(taken));
    }
    server_->score();
    answer(record.key, record.timestamp, record.origin, record.key_bytes, taken);
    server_->clear();
  }

  void release() override {
    if constexpr (kCanWait) {
      server_->score();
      const std::size_t count = std::exchange(held_, 0);
      for (std::size_t i = 0; i < count; ++i) {
        Slot& slot = slots_[i];
        desk_->resume(slot.number);
        answer(*slot.key, slot.timestamp, slot.origin, slot.key_bytes.view(), slot.taken);
      }
      server_->clear();
    }
  }

 private:
  static constexpr bool kCanWait = Owning<K> && std::copyable<K>;

  struct Slot {
    std::optional<K> key;
    Timestamp timestamp = 0;
    Origin origin;
    KeptKeyBytes key_bytes;
    std::uint64_t number = 0;  // at the desk
    InferenceServer::Taken taken;
  };

  void wait(const Record<K, std::optional<Bytes>>& record, InferenceServer::Taken&& taken)
    requires kCanWait
  {
    if (held_ == slots_.size()) slots_.emplace_back();
    Slot& slot = slots_[held_++];
    slot.key = record.key;
    slot.timestamp = record.timestamp;
    slot.origin = record.origin;
    slot.key_bytes.keep(record.key_bytes);
    slot.number = desk_->hold();
    slot.taken = std::move(taken);
  }

  void answer(const K& key, Timestamp time, const Origin& origin, BytesView key_bytes,
              InferenceServer::Taken& taken) {
    const InferenceServer::Served served = server_->reply_to(taken, origin);
    if (served.reply) this->emit({key, *served.reply, time, served.headers, origin, key_bytes});
    if (served.expired) this->context().drop(DropReason::kExpired);
    if (!served.malformed.empty()) this->context().failed(*this, DropReason::kFailed, served.malformed);
  }

  KeyBytes<K> key_bytes_;
  std::vector<Slot> slots_;  // the first held_ wait; the rest is memory to be used again
};

// Writes replies to the topics that are allowed. A partition that a topic has not got is the request's mistake.
template <class K>
class ReplySink final : public SinkBase<K, InferenceReply> {
 public:
  explicit ReplySink(std::vector<std::string> topics) : topics_(std::move(topics)) {}

  void open() override {
    for (const std::string& topic : topics_) outputs_[topic] = this->context().output(topic);
  }
  void accept(const Record<K, InferenceReply>& record) override {
    const OutputTopic& topic = outputs_.at(record.value.topic);
    const Partition partition = record.value.partition.value_or(kAnyPartition);
    if (topic.partitions > 0 && partition >= topic.partitions) {
      this->context().failed(*this, DropReason::kNoPartition,
                             fault_in_partition(record.value, topic.partitions));
      return;
    }
    this->send(topic, record, partition);
  }

 private:
  const std::vector<std::string> topics_;
  std::map<std::string, OutputTopic> outputs_;
};

// Notes what is wrong with the options.
void check_serving(const GraphPoint& stream, const ServingOptions& options, Location where);

// Returns the replies, which are written already: for those who want to count them, say. Nodes: "<name>", "<name>-replies".
template <class K>
  requires Transportable<K>
KStream<K, InferenceReply> serve_requests(const KStream<K, std::optional<Bytes>>& requests,
                                          ServingOptions options, Location where = Location::current()) {
  check_serving(requests, options, where);
  const std::string name = requests.name_for("serve-requests", options.name);
  const KStream<K, InferenceReply> replies(
      requests.extend_named(name, options.on_malformed, node_factory<ServingNode<K>>(options), where));
  std::vector<TopicName> topics;
  for (const std::string& topic : options.reply_topics) topics.push_back({topic, /*internal=*/false});
  replies.graph()->topology().add_sink(name + "-replies", replies.node(), topics,
                                       node_factory<ReplySink<K>>(options.reply_topics), where,
                                       options.on_malformed);
  return replies;
}

}  // namespace weir::ml
