// What a running program can ask of a feature view: the features of a key at a time, and what the view counts.
//
//   const auto cards = std::make_shared<weir::ml::LiveFeatures>();
//   payments.apply(features<Payment>("card", 1)....live(cards))...
//
//   const auto row = cards->row(std::string("card-7"), now, 100ms);     // from any thread, while the application runs
//   if (row.ok()) show(row->values);
//   const weir::ml::FeatureCounters counters = cards->counters();
//
// A question is answered by the task that has the key, between two of its records or, if none come, by a timer: so no record
// waits for a lock, and an answer is made of whole records. It is the row that a record of that time would have whose own
// values are null, of what the task knows: also of what is not committed yet, which an aborted transaction takes back.
//
// Only the tasks of this process answer. NotFound says that none of them knows the key: it is new, or another instance's.
//
// With TopologyDriver ask, advance the wall clock by `period`, and take the answer.
//
// The timer makes an idle task commit its positions now and then; give it a longer period where that matters.
//
// Thread safety: all functions may be called from any thread, but `row` not from inside a callable of the topology: the task
// that would answer waits for it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/ml/features/feature_store.h>

namespace weir::ml {

struct FeatureAnswer {
  std::vector<double> values;  // in the order of the view's names; NaN: none
  Timestamp newest = 0;        // of the key's records
  std::string task;            // that answered
};

struct TaskFeatureCounters {
  std::string task;
  FeatureCounters counters;
};

class LiveFeatures {
 public:
  // A task's place: made when it opens, gone when it closes. For the view's node, on its thread.
  class Seat;
  // Writes the row and returns the time of the key's newest record, or nothing if the key is not known.
  using LookUp = std::function<std::optional<Timestamp>(BytesView key, Timestamp time, std::vector<double>&)>;
  using Answer = absl::StatusOr<FeatureAnswer>;

  // Questions that wait at a task; more are refused with ResourceExhausted.
  static constexpr std::size_t kWaitingMax = 10'000;

  // `period`, > 0: how often a task without records looks for questions, and counters are brought up to date.
  explicit LiveFeatures(Duration period = std::chrono::milliseconds(50)) : period_(period) {}
  LiveFeatures(const LiveFeatures&) = delete;
  LiveFeatures& operator=(const LiveFeatures&) = delete;

  // `key`: its bytes, as its serde writes them. A task that ends without having answered passes for one that does not know the key.
  [[nodiscard]] std::future<Answer> ask(Bytes key, Timestamp time);

  // Asks and waits; DeadlineExceeded if nobody answers in time.
  template <Serializable K>
  [[nodiscard]] Answer row(const K& key, Timestamp time, Duration at_most) {
    Bytes bytes;
    Serde<K>::encode(key, bytes);
    return wait(ask(std::move(bytes), time), at_most);
  }

  // Of the tasks of this process, as of the last period; and their sum.
  [[nodiscard]] std::vector<TaskFeatureCounters> tasks() const;
  [[nodiscard]] FeatureCounters counters() const;

  [[nodiscard]] Duration period() const { return period_; }

  [[nodiscard]] std::unique_ptr<Seat> take_seat(std::string task);

 private:
  struct Question;

  [[nodiscard]] static Answer wait(std::future<Answer> answer, Duration at_most);
  void leave(Seat& seat);

  const Duration period_;
  mutable std::mutex mutex_;  // guards all below, and what the seats and questions hold
  std::vector<Seat*> seats_;
};

class LiveFeatures::Seat {
 public:
  ~Seat() { table_.leave(*this); }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  // Costs a load.
  [[nodiscard]] bool asked() const { return asked_.load(std::memory_order_relaxed); }
  // Throws what looking up throws; what was not answered then passes for not known.
  void answer(const LookUp& look_up);
  void tell(const FeatureCounters& counters);

 private:
  friend class LiveFeatures;
  Seat(LiveFeatures& table, std::string task) : table_(table), task_(std::move(task)) {}

  LiveFeatures& table_;
  const std::string task_;
  std::atomic<bool> asked_{false};
  std::vector<std::shared_ptr<Question>> questions_;  // shared with the other seats
  FeatureCounters counters_;
};

}  // namespace weir::ml
