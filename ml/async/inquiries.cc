#include <weir/ml/async/inquiries.h>

#include <algorithm>
#include <exception>

#include <fmt/format.h>

#include <weir/core/planted.h>
#include <weir/core/status.h>

namespace weir::ml {
namespace {

constexpr Duration kNever = Duration::max();

// Whether the scorer will say the same next time.
bool is_final(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
      return true;
    default:
      return false;
  }
}

}  // namespace

Inquiries::Inquiries(const AsyncOptions& options, std::shared_ptr<WakeUp> wake_up)
    : options_(options), mailbox_(std::make_shared<Mailbox>(std::move(wake_up))), breaker_(options.breaker) {}

Inquiries::~Inquiries() { mailbox_->close(); }

Inquiries::Id Inquiries::add(ScoreRequest request, std::string chain, Duration now) {
  const Id id = next_++;
  Question& question = questions_[id];
  question.request = std::move(request);
  question.request.attempt = 0;
  if (!WEIR_PLANTED("answers-as-they-come")) question.chain = std::move(chain);
  question.last_moment = now + options_.timeout;
  if (!question.chain.empty()) chains_[question.chain].push_back(id);
  queue_.push_back(id);
  set_timer(id, question, question.last_moment);
  return id;
}

void Inquiries::advance(Duration now) {
  if (questions_.empty()) return;
  options_.scorer->poll(now);
  take_letters(now);
  give_up_late(now);
  ask_waiting(now);
  // Some answer at once, and make room.
  while (!mailbox_->empty()) {
    take_letters(now);
    ask_waiting(now);
  }
}

void Inquiries::take_letters(Duration now) {
  mailbox_->take(letters_);
  for (Mailbox::Letter& letter : letters_) {
    const auto found = questions_.find(letter.question);
    if (found == questions_.end()) continue;
    Question& question = found->second;
    if (!question.asked || question.request.attempt != letter.attempt) continue;
    if (!letter.answer.ok() && !is_final(letter.answer.status())) {
      attempt_failed(letter.question, question, letter.answer.status(), now);
      continue;
    }
    breaker_.succeeded(question.breaker_note);
    settle(letter.question, question, std::move(letter.answer));
  }
}

// Ends attempts and pauses whose time is over, and questions.
void Inquiries::give_up_late(Duration now) {
  while (!timers_.empty() && timers_.begin()->first <= now) {
    const Id id = timers_.begin()->second;
    Question& question = questions_.at(id);
    unset_timer(id, question);
    if (question.asked) {
      ++counters_.timeouts;
      attempt_failed(id, question, absl::DeadlineExceededError("the scorer did not answer in time"), now);
    } else if (now >= question.last_moment) {
      settle(id, question, absl::DeadlineExceededError("it was not its turn in time to be asked"));
    } else {
      queue_.push_back(id);
      set_timer(id, question, question.last_moment);
    }
  }
}

void Inquiries::ask_waiting(Duration now) {
  while (!queue_.empty() && asked_ < options_.capacity) {
    const auto found = questions_.find(queue_.front());
    if (found == questions_.end() || found->second.answer) {
      queue_.pop_front();
      continue;
    }
    if (!breaker_.allows(now)) {
      if (options_.while_open == WhileOpen::kPause || breaker_.state() != CircuitBreaker::State::kOpen)
        return;
      queue_.pop_front();
      settle(found->first, found->second,
             absl::UnavailableError("the circuit breaker is open: the scorer failed too often of late"));
      continue;
    }
    queue_.pop_front();
    ask(found->first, found->second, now);
  }
}

void Inquiries::ask(Id id, Question& question, Duration now) {
  question.asked = true;
  ++asked_;
  const Duration left = question.last_moment - now;
  question.request.time_left =
      options_.attempt_timeout.count() > 0 ? std::min(options_.attempt_timeout, left) : left;
  const int attempt = ++question.request.attempt;
  ++counters_.attempts;
  if (attempt > 1) ++counters_.retries;
  question.breaker_note = breaker_.begin();
  set_timer(id, question, now + question.request.time_left);
  const auto done = [mailbox = mailbox_, id, attempt](absl::StatusOr<ScoreAnswer> answer) {
    mailbox->put({id, attempt, std::move(answer)});
  };
  try {
    options_.scorer->submit(question.request, done);
  } catch (const std::exception& error) {
    done(absl::InternalError(error.what()));
  }
}

void Inquiries::attempt_failed(Id id, Question& question, const absl::Status& why, Duration now) {
  breaker_.failed(question.breaker_note, now);
  question.asked = false;
  --asked_;
  unset_timer(id, question);
  const Duration next = now + options_.pause.after(question.request.attempt);
  if (question.request.attempt >= options_.attempts || next >= question.last_moment) {
    settle(id, question, why);
  } else {
    set_timer(id, question, next);
  }
}

void Inquiries::settle(Id id, Question& question, absl::StatusOr<ScoreAnswer> answer) {
  unset_timer(id, question);
  if (question.asked) --asked_;
  question.asked = false;
  if (!answer.ok()) ++counters_.failures;
  question.answer = std::move(answer);
  if (question.chain.empty()) {
    done_.push_back(id);
    return;
  }
  const auto chain = chains_.find(question.chain);
  std::deque<Id>& line = chain->second;
  while (!line.empty() && questions_.at(line.front()).answer) {
    done_.push_back(line.front());
    line.pop_front();
  }
  if (line.empty()) chains_.erase(chain);
}

std::optional<Inquiries::Settled> Inquiries::take() {
  if (done_.empty()) return std::nullopt;
  const auto found = questions_.find(done_.front());
  done_.pop_front();
  Settled settled{found->first, *std::move(found->second.answer), found->second.request.attempt};
  questions_.erase(found);
  return settled;
}

bool Inquiries::full(Duration now) const {
  if (questions_.size() >= options_.capacity) return true;
  if (options_.while_open != WhileOpen::kPause) return false;
  switch (breaker_.state()) {
    case CircuitBreaker::State::kClosed:
      return false;
    case CircuitBreaker::State::kOpen:
      return now < breaker_.open_until() || !questions_.empty();
    case CircuitBreaker::State::kHalfOpen:
      return !questions_.empty();
  }
  return false;
}

Duration Inquiries::due_in(Duration now) const {
  if (!done_.empty() || !mailbox_->empty()) return Duration{0};
  Duration least = kNever;
  if (!timers_.empty()) least = std::min(least, timers_.begin()->first - now);
  if (!questions_.empty()) least = std::min(least, options_.scorer->next_poll(now).value_or(kNever));
  if (breaker_.state() == CircuitBreaker::State::kOpen && breaker_.open_until() > now)
    least = std::min(least, breaker_.open_until() - now);
  return least;
}

void Inquiries::set_timer(Id id, Question& question, Duration when) {
  unset_timer(id, question);
  question.wakes_at = when;
  timers_.emplace(when, id);
}

void Inquiries::unset_timer(Id id, Question& question) { timers_.erase({question.wakes_at, id}); }

}  // namespace weir::ml
