#include <weir/core/kafka/background.h>

#include <chrono>
#include <thread>
#include <utility>

namespace weir::kafka {
namespace {

// A client that read a topic which was deleted may never end (see quirks.md); a program must.
constexpr std::chrono::seconds kLongestMourning{20};

}  // namespace

JobThread::~JobThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true, std::memory_order_relaxed);
    jobs_.clear();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void JobThread::submit(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping()) return;
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  changed_.notify_all();
}

void JobThread::pause(Duration at_most) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, at_most, [this] { return stopping(); });
}

void JobThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping() || !jobs_.empty(); });
    if (stopping()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

void Inbox::post(std::function<void()> deliver) {
  std::shared_ptr<Wakeup> wakeup;
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(deliver));
    filled_.store(true, std::memory_order_release);
    wakeup = wakeup_;
  }
  if (wakeup != nullptr) wakeup->signal();
}

void Inbox::deliver_all() {
  if (!filled_.load(std::memory_order_acquire)) return;
  std::vector<std::function<void()>> taken;
  {
    const std::lock_guard lock(mutex_);
    taken.swap(posted_);
    filled_.store(false, std::memory_order_release);
  }
  for (const auto& deliver : taken) deliver();
}

void Inbox::set_wakeup(std::shared_ptr<Wakeup> wakeup) {
  const std::lock_guard lock(mutex_);
  wakeup_ = std::move(wakeup);
}

Background::~Background() {
  // No lock: nobody else has this object any more, and a funeral never calls it.
  const auto deadline = std::chrono::steady_clock::now() + kLongestMourning;
  for (Funeral& funeral : funerals_) {
    while (!funeral.over->load(std::memory_order_acquire) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (funeral.over->load(std::memory_order_acquire)) {
      funeral.thread.join();
    } else {
      funeral.thread.detach();
    }
  }
}

void Background::bury(std::function<void()> funeral) {
  const std::lock_guard lock(mutex_);
  std::erase_if(funerals_, [](Funeral& earlier) {
    if (!earlier.over->load(std::memory_order_acquire)) return false;
    earlier.thread.join();
    return true;
  });
  auto over = std::make_shared<std::atomic<bool>>(false);
  funerals_.push_back({std::thread([funeral = std::move(funeral), over] {
                         funeral();
                         over->store(true, std::memory_order_release);
                       }),
                       over});
}

void Background::bury(ClientHandle client) {
  if (client == nullptr) return;
  bury([handle = client.release()] { DestroyClient()(handle); });
}

}  // namespace weir::kafka
