// score_async asks for scores elsewhere, at a service or on other threads, and goes on with further records until the answers
// come. Like score() otherwise: the first callable makes a row of floats, the second the new value.
//
//   payments
//       .apply(weir::ml::score_async(
//           {.scorer = risk_service, .capacity = 200, .order = weir::ml::AsyncOrder::kKey, .timeout = 2s, .fallback = {0.5F}},
//           [](const Payment& payment) { return payment.features; },
//           [](const Payment& payment, std::span<const float> scores) { return Decision{payment.id, scores[0]}; }))
//       .to("decisions");
//
// A row that gets no answer in time, or an error, is asked for again after a pause. In the end it is an answer, the fallback's
// scores, or a failure that meets the node's error policy with the record's own topic, offset and bytes. Retries are this
// operator's: ErrorPolicy::kRetry on top of them sets the whole task back for each record that fails.
//
// A record's offset is committed with its result, never before: a commit takes up no more records and waits until nothing is
// under way, at most `timeout`. So each record has one result per commit, and exactly once one committed result; the scorer may
// be asked more often, with the same id (ScoreRequest::id). A task that is lost, killed or set back asks again for what it had
// under way, and answers to its old questions are ignored. A task that is asked back by the group waits as a commit does.
//
// Nothing is polled: an answer wakes the worker. (A scorer that wants to be polled says when, see AsyncScorer.)
//
// Keys and values are copied while they wait, so views are refused. What reaches nodes below by another way (a merge, a join
// with a table of the same stream) may overtake what is under way. Other scoring operators of the same sub-topology score
// record by record. Order kKey and kNone, timeouts and the breaker make the order of results depend on the clock.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include <weir/core/in_flight.h>
#include <weir/core/serde.h>
#include <weir/ml/async/async_metrics.h>
#include <weir/ml/async/async_options.h>
#include <weir/ml/async/inquiries.h>
#include <weir/ml/score.h>
#include <weir/operators/stream.h>

namespace weir::ml {

// What waits owns what it is made of.
template <class K, class V>
concept KeptWhileAsked = Owning<K> && Owning<V> && std::copyable<K> && std::copyable<V>;

// The part of the node that knows neither keys nor values.
class AsyncNodeBase : public FlightNode {
 public:
  explicit AsyncNodeBase(AsyncOptions options) : options_(std::move(options)) {}

  void attach(FlightDesk& desk) override { desk_ = &desk; }
  [[nodiscard]] bool has_room() const override { return !inquiries_->full(now()); }
  [[nodiscard]] bool under_way() const override { return !inquiries_->empty(); }
  [[nodiscard]] Duration due_in() const override { return inquiries_->due_in(now()); }

 protected:
  // What is known of a question, but for the record's key, value and headers.
  struct Asked {
    std::uint64_t flight = 0;
    std::string id;
    Timestamp timestamp = 0;
    TopicPartition where;
    Offset offset = kNoOffset;
  };

  void open_inquiries(TaskContext& context, const Node& node);
  // Puts the question. `key` may be empty.
  [[nodiscard]] Inquiries::Id ask(BytesView key, Timestamp time, std::span<const float> row,
                                  const Origin& origin, Asked& asked);
  // Looks for answers, and asks what is to be asked.
  void advance();
  [[nodiscard]] std::optional<Inquiries::Settled> next_settled() { return inquiries_->take(); }

  // How a question came out.
  struct Outcome {
    std::span<const float> scores;
    std::string fault = {};  // not empty: there is no score to be used
    bool fallback = false;
  };
  [[nodiscard]] Outcome outcome(const Inquiries::Settled& settled) const;
  // Writes the headers of a result.
  void stamp(const Headers& own, const Inquiries::Settled& settled, const Outcome& outcome,
             const Asked& asked, Headers& headers) const;

  const AsyncOptions options_;
  FlightDesk* desk_ = nullptr;

 private:
  [[nodiscard]] Duration now() const { return clock_->steady(); }

  const Clock* clock_ = nullptr;
  std::unique_ptr<Inquiries> inquiries_;
  std::optional<AsyncMetrics> metrics_;  // if anything is measured
  TopicPartition last_where_;            // of the question before, to number those of one record
  Offset last_offset_ = kNoOffset;
  std::uint32_t last_nth_ = 0;
};

template <class K, class V, class RowMaker, class ScoreTaker>
class AsyncScoreNode final : public UnaryNode<K, V, K, ScoredBy<ScoreTaker, V>>, public AsyncNodeBase {
 public:
  AsyncScoreNode(AsyncOptions options, RowMaker row, ScoreTaker take)
      : AsyncNodeBase(std::move(options)), row_(std::move(row)), take_(std::move(take)) {}

  void open() override { open_inquiries(this->context(), *this); }

  void accept(const Record<K, V>& record) override {
    const auto row = this->ask_user(row_, record);
    if (!row) return;
    const std::span<const float> values(std::ranges::data(*row), std::ranges::size(*row));
    Slot slot{record.key, record.value, record.headers, KeptKeyBytes(record.key_bytes), {}};
    const Inquiries::Id id = ask(key_bytes_.of(record), record.timestamp, values, record.origin, slot.asked);
    slots_.emplace(id, std::move(slot));
  }

  bool land() override {
    advance();
    bool landed = false;
    while (const auto settled = next_settled()) {
      const auto slot = slots_.extract(settled->id);
      desk_->take_up(slot.mapped().asked.flight);
      pass_on(slot.mapped(), *settled);
      desk_->arrive(slot.mapped().asked.flight);
      landed = true;
    }
    return landed;
  }

 private:
  struct Slot {
    K key;
    V value;
    Headers headers;
    KeptKeyBytes key_bytes;
    Asked asked;
  };

  void pass_on(const Slot& slot, const Inquiries::Settled& settled) {
    const Outcome out = outcome(settled);
    if (!out.fault.empty()) {
      this->context().failed(*this, DropReason::kFailed, out.fault);
      return;
    }
    const auto value = this->guarded([&] { return std::invoke(take_, slot.value, out.scores); });
    if (!value) return;
    const Origin origin{slot.asked.where.topic, slot.asked.where.partition, slot.asked.offset};
    const Headers* headers = &slot.headers;
    if (options_.stamp) {
      stamp(slot.headers, settled, out, slot.asked, stamped_);
      headers = &stamped_;
    }
    this->emit({slot.key, *value, slot.asked.timestamp, *headers, origin, slot.key_bytes.view()});
  }

  const RowMaker row_;
  const ScoreTaker take_;
  std::unordered_map<Inquiries::Id, Slot> slots_;  // of the questions
  Headers stamped_;
  KeyBytes<K> key_bytes_;
};

// Notes what is wrong with the options.
void check_score_async(const GraphPoint& stream, const AsyncOptions& options, Location where);

// For KStream::apply.
template <class RowMaker, class ScoreTaker>
class AsyncScoreOperator {
 public:
  AsyncScoreOperator(AsyncOptions options, RowMaker row, ScoreTaker take, Location where)
      : options_(std::move(options)), row_(std::move(row)), take_(std::move(take)), where_(where) {}

  template <class K, class V>
    requires KeptWhileAsked<K, V> && RowMakerOver<RowMaker, K, V> && ScoreTakerOver<ScoreTaker, V>
  KStream<K, ScoredBy<ScoreTaker, V>> operator()(const KStream<K, V>& stream) const {
    check_score_async(stream, options_, where_);
    return KStream<K, ScoredBy<ScoreTaker, V>>(stream.extend(
        "score-async", {.name = options_.name, .on_error = options_.on_error},
        node_factory<AsyncScoreNode<K, V, RowMaker, ScoreTaker>>(options_, row_, take_), where_));
  }

 private:
  const AsyncOptions options_;
  const RowMaker row_;
  const ScoreTaker take_;
  const Location where_;
};

template <class RowMaker, class ScoreTaker>
[[nodiscard]] AsyncScoreOperator<RowMaker, ScoreTaker> score_async(AsyncOptions options, RowMaker row,
                                                                   ScoreTaker take,
                                                                   Location where = Location::current()) {
  return {std::move(options), std::move(row), std::move(take), where};
}

}  // namespace weir::ml
