#include <weir/core/testing/observed_transport.h>

#include <algorithm>
#include <functional>
#include <type_traits>
#include <utility>

namespace weir {
namespace {

using Phase = SimulationPhase;

// What the clients of an instance have in common.
struct Surroundings {
  std::shared_ptr<Transport> inner;  // shared with whoever made it
  int instance = 0;
  SimulationObserver* observer = nullptr;
  std::size_t fetched_records = 0;  // at most at a time; 0: as many as are asked for
  bool rewinding = false;           // a transaction was given up, and nothing was processed since

  // A seam's call has no way to fail but its own; what the observer would have it fail with is for stores.
  void reached(Phase phase) const { observer->reached(instance, phase).IgnoreError(); }
};
using SharedSurroundings = std::shared_ptr<Surroundings>;  // shared by the clients of an instance

// Gives a few records at a time.
class StingyReader final : public PartitionReader {
 public:
  StingyReader(std::unique_ptr<PartitionReader> inner, std::size_t most)
      : inner_(std::move(inner)), most_(most) {}

  std::size_t fetch(std::size_t max_records, std::vector<RawRecord>& out) override {
    return inner_->fetch(std::min(max_records, most_), out);
  }
  Offset position() const override { return inner_->position(); }
  Offset known_end() const override { return inner_->known_end(); }
  const TopicPartition& where() const override { return inner_->where(); }

 private:
  const std::unique_ptr<PartitionReader> inner_;
  const std::size_t most_;
};

class ObservedConsumer final : public Consumer {
 public:
  ObservedConsumer(SharedSurroundings around, std::unique_ptr<Consumer> inner)
      : around_(std::move(around)), inner_(std::move(inner)) {}

  absl::Status subscribe(const std::string& topic) override {
    around_->reached(Phase::kStarting);
    return inner_->subscribe(topic);
  }
  void poll(std::vector<ConsumerEvent>& events) override {
    around_->reached(waiting_);
    const std::size_t before = events.size();
    inner_->poll(events);
    for (std::size_t i = before; i < events.size(); ++i) {
      const auto* rebalance = std::get_if<RebalanceEvent>(&events[i]);
      if (rebalance == nullptr) continue;
      // Nobody waits for an answer to a loss, nor to what was said before it.
      unanswered_ = rebalance->kind == RebalanceEvent::Kind::kLost ? 0 : unanswered_ + 1;
    }
    if (waiting_ == Phase::kPolling) return;
    around_->reached(waiting_);
    if (ready_()) waiting_ = Phase::kPolling;
  }
  void complete_rebalance() override {
    around_->reached(Phase::kReleasing);
    if (unanswered_-- == 0)
      around_->observer->violated("membership", "an answer was given that the group does not wait for");
    inner_->complete_rebalance();
    around_->reached(Phase::kReleasing);
  }
  absl::StatusOr<std::vector<std::unique_ptr<PartitionReader>>> assign(
      std::span<const PartitionOffset> starts) override {
    around_->reached(opening());
    auto readers = inner_->assign(starts);
    if (!readers.ok() || around_->fetched_records == 0) return readers;
    for (auto& reader : *readers)
      reader = std::make_unique<StingyReader>(std::move(reader), around_->fetched_records);
    return readers;
  }
  Pending<> commit(std::vector<PartitionOffset> offsets) override {
    return start(Phase::kStoringPositions, [&] { return inner_->commit(std::move(offsets)); });
  }
  Pending<std::vector<PartitionOffset>> committed(std::vector<TopicPartition> partitions) override {
    return start(opening(), [&] { return inner_->committed(std::move(partitions)); });
  }
  Pending<std::vector<OffsetRange>> offset_ranges(std::vector<TopicPartition> partitions) override {
    return start(opening(), [&] { return inner_->offset_ranges(std::move(partitions)); });
  }
  Pending<std::vector<Offset>> offsets_at(std::vector<TopicPartition> partitions,
                                          Timestamp timestamp) override {
    return inner_->offsets_at(std::move(partitions), timestamp);
  }
  GroupMetadata group_metadata() override { return inner_->group_metadata(); }
  Pending<> close(bool leave_group) override {
    return start(Phase::kClosing, [&] { return inner_->close(leave_group); });
  }
  void wait(Duration at_most) override { inner_->wait(at_most); }
  void wake() override { inner_->wake(); }

 private:
  [[nodiscard]] Phase opening() const { return around_->rewinding ? Phase::kRewinding : Phase::kRestoring; }

  template <class Call>
  std::invoke_result_t<Call> start(Phase phase, Call call) {
    waiting_ = phase;
    around_->reached(phase);
    auto pending = call();
    ready_ = [pending] { return pending.ready(); };
    return pending;
  }

  const SharedSurroundings around_;
  const std::unique_ptr<Consumer> inner_;
  Phase waiting_ = Phase::kPolling;  // for what was started last
  int unanswered_ = 0;               // of what the group said
  std::function<bool()> ready_;      // whether that is over
};

class ObservedProducer final : public Producer {
 public:
  ObservedProducer(SharedSurroundings around, std::unique_ptr<Producer> inner)
      : around_(std::move(around)), inner_(std::move(inner)) {}

  TopicId topic(const std::string& name) override { return inner_->topic(name); }
  void send(const OutgoingRecord& record) override {
    waiting_ = Phase::kPolling;
    around_->rewinding = false;
    around_->reached(Phase::kProcessing);
    inner_->send(record);
  }
  bool has_room() const override { return inner_->has_room(); }
  void poll() override {
    around_->reached(waiting_);
    inner_->poll();
    if (waiting_ == Phase::kPolling) return;
    around_->reached(waiting_);
    if (waiting_ == Phase::kDraining ? inner_->in_flight() == 0 : started_.ready())
      waiting_ = Phase::kPolling;
  }
  void flush() override {
    waiting_ = Phase::kDraining;
    around_->reached(waiting_);
    inner_->flush();
  }
  std::size_t in_flight() const override { return inner_->in_flight(); }
  absl::Status failure() const override { return inner_->failure(); }
  void clear_failure() override { inner_->clear_failure(); }
  Offset last_acknowledged(TopicId topic, Partition partition) const override {
    return inner_->last_acknowledged(topic, partition);
  }

  Pending<> init_transactions() override {
    return start(Phase::kStarting, [&] { return inner_->init_transactions(); });
  }
  absl::Status begin_transaction() override {
    // The next one begins when the last was committed; it has been asked for and was not given up.
    if (std::exchange(ending_, false)) around_->observer->committed(*sender_, sent_);
    return inner_->begin_transaction();
  }
  Pending<> send_offsets(std::vector<PartitionOffset> offsets, const GroupMetadata& group) override {
    sent_ = offsets;
    sender_ = std::static_pointer_cast<const embedded::MemberIdentity>(group);
    return start(Phase::kSendingOffsets, [&] { return inner_->send_offsets(std::move(offsets), group); });
  }
  Pending<> commit_transaction() override {
    ending_ = sender_ != nullptr;
    return start(Phase::kCommitting, [&] { return inner_->commit_transaction(); });
  }
  Pending<> abort_transaction() override {
    around_->rewinding = true;
    ending_ = false;
    return start(Phase::kAborting, [&] { return inner_->abort_transaction(); });
  }

 private:
  template <class Call>
  Pending<> start(Phase phase, Call call) {
    waiting_ = phase;
    around_->reached(phase);
    started_ = call();
    return started_;
  }

  const SharedSurroundings around_;
  const std::unique_ptr<Producer> inner_;
  Phase waiting_ = Phase::kPolling;
  Pending<> started_;  // what is waited for, unless it is acknowledgements
  std::vector<PartitionOffset> sent_;
  std::shared_ptr<const embedded::MemberIdentity> sender_;  // shared with the client; null: nothing was sent
  bool ending_ = false;                                     // its commit was asked for
};

class ObservedTransport final : public Transport {
 public:
  explicit ObservedTransport(SharedSurroundings around) : around_(std::move(around)) {}

  absl::StatusOr<std::unique_ptr<Consumer>> make_consumer(const ConsumerOptions& options) override {
    auto inner = around_->inner->make_consumer(options);
    if (!inner.ok()) return inner.status();
    return std::make_unique<ObservedConsumer>(around_, *std::move(inner));
  }
  absl::StatusOr<std::unique_ptr<Producer>> make_producer(const ProducerOptions& options) override {
    auto inner = around_->inner->make_producer(options);
    if (!inner.ok()) return inner.status();
    return std::make_unique<ObservedProducer>(around_, *std::move(inner));
  }
  absl::StatusOr<std::unique_ptr<Admin>> make_admin() override { return around_->inner->make_admin(); }

 private:
  const SharedSurroundings around_;
};

}  // namespace

std::unique_ptr<Transport> make_observed_transport(std::shared_ptr<Transport> inner, int instance,
                                                   std::size_t fetched_records,
                                                   SimulationObserver& observer) {
  auto around = std::make_shared<Surroundings>();
  around->inner = std::move(inner);
  around->instance = instance;
  around->fetched_records = fetched_records;
  around->observer = &observer;
  return std::make_unique<ObservedTransport>(std::move(around));
}

}  // namespace weir
