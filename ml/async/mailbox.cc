#include <weir/ml/async/mailbox.h>

namespace weir::ml {

void Mailbox::put(Letter letter) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    letters_.push_back(std::move(letter));
    if (filled_.exchange(true, std::memory_order_release)) return;
  }
  wake_up_->ring();
}

void Mailbox::take(std::vector<Letter>& letters) {
  letters.clear();
  if (empty()) return;
  const std::lock_guard lock(mutex_);
  letters.swap(letters_);
  filled_.store(false, std::memory_order_release);
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  letters_.clear();
}

}  // namespace weir::ml
