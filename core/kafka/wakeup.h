// The bell that ends a consumer's wait: rung by the client library's threads, by helpers, or by
// Consumer::wake.
//
// Thread safety: signal may be called from any thread; the rest belongs to the thread that waits.
#pragma once

#include <memory>

#include <absl/status/statusor.h>
#include <librdkafka/rdkafka.h>

#include <weir/core/time.h>

namespace weir::kafka {

class Wakeup {
 public:
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<Wakeup>> make();

  explicit Wakeup(int descriptor) : descriptor_(descriptor) {}
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // Ends the wait, or the next one if nobody waits. noexcept and async-signal-safe: one write.
  void signal() noexcept;

  // Waits until somebody has signalled since the last wait, or `at_most` has passed.
  void wait(Duration at_most);

  // Rings whenever `queue` turns from empty to filled. `queue` must be muted before this object is gone.
  void listen(rd_kafka_queue_t* queue);
  static void mute(rd_kafka_queue_t* queue);

 private:
  const int descriptor_;
};

// The bell on which the calling thread waited last; null if it never did. A producer polled by that thread
// rings it too, so that a commit in progress ends the wait of the loop that drives it.
[[nodiscard]] std::shared_ptr<Wakeup> wakeup_of_this_thread();
void set_wakeup_of_this_thread(const std::shared_ptr<Wakeup>& wakeup);

}  // namespace weir::kafka
