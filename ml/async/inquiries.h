// The questions that one node has put to its scorer: what is asked when, again, and no more, and in which order the answers are
// to be used. Knows rows and no records.
//
//   waiting (for its turn, or for the end of a pause)  →  asked  →  settled  →  (when those before it are)  →  taken
//        ↑_______________ failed, and may be tried again ____|
//
// Thread safety: none; belongs to its node. Answers may come from any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/in_flight.h>
#include <weir/ml/async/async_options.h>
#include <weir/ml/async/circuit_breaker.h>
#include <weir/ml/async/mailbox.h>

namespace weir::ml {

class Inquiries {
 public:
  // A question's number, in the order of asking.
  using Id = std::uint64_t;

  struct Counters {
    std::uint64_t attempts = 0;
    std::uint64_t retries = 0;   // of the attempts
    std::uint64_t timeouts = 0;  // attempts without an answer in time
    std::uint64_t failures = 0;  // questions without scores
  };

  Inquiries(const AsyncOptions& options, std::shared_ptr<WakeUp> wake_up);
  ~Inquiries();
  Inquiries(const Inquiries&) = delete;
  Inquiries& operator=(const Inquiries&) = delete;

  // Adds a question. Answers to questions of one `chain` are taken in the order of these; empty: whenever they come.
  Id add(ScoreRequest request, std::string chain, Duration now);

  // Does what is due: takes answers, gives up on those that do not come, asks.
  void advance(Duration now);

  struct Settled {
    Id id = 0;
    absl::StatusOr<ScoreAnswer> answer;
    int attempts = 0;
  };
  // Takes the next one whose turn it is, if there is one.
  [[nodiscard]] std::optional<Settled> take();

  [[nodiscard]] bool empty() const { return questions_.empty(); }
  // Whether no further question should come now.
  [[nodiscard]] bool full(Duration now) const;
  // How long there is nothing to do unless an answer comes.
  [[nodiscard]] Duration due_in(Duration now) const;

  [[nodiscard]] std::size_t under_way() const { return questions_.size(); }
  [[nodiscard]] const Counters& counters() const { return counters_; }
  [[nodiscard]] const CircuitBreaker& breaker() const { return breaker_; }

 private:
  struct Question {
    ScoreRequest request;
    std::string chain;
    Duration last_moment{0};  // its timeout
    Duration wakes_at{0};     // as in timers_; zero: it is in the queue
    bool asked = false;
    std::uint64_t breaker_note = 0;
    std::optional<absl::StatusOr<ScoreAnswer>> answer;  // once it is settled
  };

  void take_letters(Duration now);
  void give_up_late(Duration now);
  void ask_waiting(Duration now);
  void ask(Id id, Question& question, Duration now);
  void attempt_failed(Id id, Question& question, const absl::Status& why, Duration now);
  void settle(Id id, Question& question, absl::StatusOr<ScoreAnswer> answer);
  void set_timer(Id id, Question& question, Duration when);
  void unset_timer(Id id, Question& question);

  const AsyncOptions options_;
  const std::shared_ptr<Mailbox> mailbox_;  // shared with those who may answer
  CircuitBreaker breaker_;
  std::unordered_map<Id, Question> questions_;
  std::deque<Id> queue_;                      // those to be asked; some may be settled already
  std::set<std::pair<Duration, Id>> timers_;  // ends of attempts and pauses
  std::unordered_map<std::string, std::deque<Id>> chains_;
  std::deque<Id> done_;  // settled, and their turn
  std::size_t asked_ = 0;
  Id next_ = 0;
  Counters counters_;
  std::vector<Mailbox::Letter> letters_;  // reused
};

}  // namespace weir::ml
