#include <weir/core/kafka/wakeup.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <weir/core/status.h>

namespace weir::kafka {
namespace {

// What is added to the event counter, by us and by librdkafka.
constexpr std::uint64_t kRing = 1;

// Not owned: a thread that waited once must not keep a consumer's bell alive.
thread_local std::weak_ptr<Wakeup> t_last_waited_on;

}  // namespace

absl::StatusOr<std::shared_ptr<Wakeup>> Wakeup::make() {
  const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor < 0)
    return fatal_error(std::string("cannot make an event descriptor: ") + std::strerror(errno));
  return std::make_shared<Wakeup>(descriptor);
}

Wakeup::~Wakeup() { ::close(descriptor_); }

void Wakeup::signal() noexcept {
  // Fails only when the counter is full, and then the bell rings anyway.
  [[maybe_unused]] const auto written = ::write(descriptor_, &kRing, sizeof kRing);
}

void Wakeup::wait(Duration at_most) {
  const auto milliseconds = std::clamp<Duration::rep>(at_most.count(), 0, std::numeric_limits<int>::max());
  pollfd watched{descriptor_, POLLIN, 0};
  if (::poll(&watched, 1, static_cast<int>(milliseconds)) <= 0) return;
  std::uint64_t rung = 0;
  [[maybe_unused]] const auto taken = ::read(descriptor_, &rung, sizeof rung);
}

void Wakeup::listen(rd_kafka_queue_t* queue) {
  rd_kafka_queue_io_event_enable(queue, descriptor_, &kRing, sizeof kRing);
}

void Wakeup::mute(rd_kafka_queue_t* queue) { rd_kafka_queue_io_event_enable(queue, -1, nullptr, 0); }

std::shared_ptr<Wakeup> wakeup_of_this_thread() { return t_last_waited_on.lock(); }

void set_wakeup_of_this_thread(const std::shared_ptr<Wakeup>& wakeup) { t_last_waited_on = wakeup; }

}  // namespace weir::kafka
