#include <weir/ml/features/live_features.h>

#include <algorithm>

#include <absl/status/status.h>
#include <fmt/format.h>

namespace weir::ml {

struct LiveFeatures::Question {
  Bytes key;
  Timestamp time = 0;
  std::size_t open = 0;  // seats that have not answered
  bool answered = false;
  std::promise<Answer> promise;

  // One of the seats had no answer.
  void pass() {
    if (--open == 0 && !answered) {
      answered = true;
      promise.set_value(absl::NotFoundError("no task of this process knows the key"));
    }
  }
};

std::future<LiveFeatures::Answer> LiveFeatures::ask(Bytes key, Timestamp time) {
  const auto question = std::make_shared<Question>();
  question->key = std::move(key);
  question->time = time;
  std::future<Answer> answer = question->promise.get_future();
  const std::lock_guard lock(mutex_);
  const auto full = [](const Seat* seat) { return seat->questions_.size() >= kWaitingMax; };
  if (seats_.empty()) {
    question->promise.set_value(absl::NotFoundError("no task of this process has the feature view"));
  } else if (std::any_of(seats_.begin(), seats_.end(), full)) {
    question->promise.set_value(
        absl::ResourceExhaustedError(fmt::format("{} questions are waiting already", kWaitingMax)));
  } else {
    question->open = seats_.size();
    for (Seat* seat : seats_) {
      seat->questions_.push_back(question);
      seat->asked_.store(true, std::memory_order_relaxed);
    }
  }
  return answer;
}

LiveFeatures::Answer LiveFeatures::wait(std::future<Answer> answer, Duration at_most) {
  if (answer.wait_for(at_most) != std::future_status::ready) {
    return absl::DeadlineExceededError(fmt::format("no answer within {} ms", at_most.count()));
  }
  return answer.get();
}

std::vector<TaskFeatureCounters> LiveFeatures::tasks() const {
  const std::lock_guard lock(mutex_);
  std::vector<TaskFeatureCounters> tasks;
  for (const Seat* seat : seats_) tasks.push_back({seat->task_, seat->counters_});
  return tasks;
}

FeatureCounters LiveFeatures::counters() const {
  FeatureCounters sum;
  for (const TaskFeatureCounters& task : tasks()) sum += task.counters;
  return sum;
}

std::unique_ptr<LiveFeatures::Seat> LiveFeatures::take_seat(std::string task) {
  std::unique_ptr<Seat> seat(new Seat(*this, std::move(task)));
  const std::lock_guard lock(mutex_);
  seats_.push_back(seat.get());
  return seat;
}

void LiveFeatures::leave(Seat& seat) {
  const std::lock_guard lock(mutex_);
  std::erase(seats_, &seat);
  for (const auto& question : seat.questions_) question->pass();
}

void LiveFeatures::Seat::answer(const LookUp& look_up) {
  std::vector<std::shared_ptr<Question>> questions;
  {
    const std::lock_guard lock(table_.mutex_);
    questions.swap(questions_);
    asked_.store(false, std::memory_order_relaxed);
  }
  // Looking up may end the task; nobody is left waiting then.
  struct PassRest {
    ~PassRest() {
      const std::lock_guard lock(mutex);
      for (; next != questions.size(); ++next) questions[next]->pass();
    }
    std::mutex& mutex;
    const std::vector<std::shared_ptr<Question>>& questions;
    std::size_t next = 0;
  } rest{table_.mutex_, questions};
  FeatureAnswer answer;
  answer.task = task_;
  while (rest.next != questions.size()) {
    Question& question = *questions[rest.next];
    const std::optional<Timestamp> newest = look_up(question.key, question.time, answer.values);
    const std::lock_guard lock(table_.mutex_);
    ++rest.next;
    if (newest && !question.answered) {
      answer.newest = *newest;
      question.answered = true;
      question.promise.set_value(answer);
    }
    question.pass();
  }
}

void LiveFeatures::Seat::tell(const FeatureCounters& counters) {
  const std::lock_guard lock(table_.mutex_);
  counters_ = counters;
}

}  // namespace weir::ml
