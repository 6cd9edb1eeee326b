// Work that librdkafka can only do by blocking, kept off the threads that must not wait.
//
// Thread safety: everything here may be called from any thread unless it says otherwise.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <weir/core/kafka/handles.h>
#include <weir/core/kafka/wakeup.h>

namespace weir::kafka {

// One thread that does jobs one after another, started by the first. The destructor drops the jobs not begun
// and waits for the one in progress, so a job must end within seconds whatever the broker does.
class JobThread {
 public:
  JobThread() = default;
  ~JobThread();
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;

  void submit(std::function<void()> job);

  // True once the destructor has begun: a long job gives up.
  [[nodiscard]] bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  // Waits until stopping or `at_most` has passed; for pauses inside a job.
  void pause(Duration at_most);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// Results on their way from a job to the object that asked: closures that run in the owner's poll.
class Inbox {
 public:
  explicit Inbox(std::shared_ptr<Wakeup> wakeup) : wakeup_(std::move(wakeup)) {}

  void post(std::function<void()> deliver);

  // Runs what was posted. Only the owner's thread.
  void deliver_all();

  // Rings another bell from now on. Only the owner's thread.
  void set_wakeup(std::shared_ptr<Wakeup> wakeup);

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  std::shared_ptr<Wakeup> wakeup_;
  std::atomic<bool> filled_{false};
};

// What the objects of one transport share: a thread for blocking calls and a place where clients are taken
// apart (joining a client's threads takes from milliseconds to, with a broker gone silent, seconds).
class Background {
 public:
  Background() = default;
  // Waits for all funerals, but not for ever: a client that does not end within 20 seconds is left behind.
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  [[nodiscard]] JobThread& jobs() { return jobs_; }

  // Runs `funeral`, which takes a client apart, on a thread of its own. It must not keep this object alive.
  void bury(std::function<void()> funeral);
  void bury(ClientHandle client);

 private:
  struct Funeral {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> over;
  };

  std::mutex mutex_;
  std::vector<Funeral> funerals_;
  // Last member, so first destroyed: its jobs may use what the funerals take apart.
  JobThread jobs_;
};

}  // namespace weir::kafka
