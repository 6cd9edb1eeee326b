#include <weir/ml/features/slot_pool.h>

#include <sys/mman.h>

#include <algorithm>

#include <weir/ml/features/block.h>

namespace weir::ml {
namespace {

constexpr std::size_t kLargePage = std::size_t{2} << 20;
constexpr std::size_t kFirstSlots = 8;

}  // namespace

std::byte* SlotPool::take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (slot_bytes_ == 0) slot_bytes_ = rounded_to(bytes, kCacheLine);
  ++used_;
  if (!free_.empty()) {
    std::byte* slot = free_.back();
    free_.pop_back();
    return slot;
  }
  if (left_ < slot_bytes_) grow();
  std::byte* slot = next_;
  next_ += slot_bytes_;
  left_ -= slot_bytes_;
  return slot;
}

void SlotPool::give_back(std::byte* slot) {
  const std::lock_guard lock(mutex_);
  if (--used_ > 0) {
    free_.push_back(slot);
    return;
  }
  free_.clear();
  chunks_.clear();
  left_ = 0;
}

// Each chunk has as much as all before it, until they are large.
void SlotPool::grow() {
  const std::size_t wanted = std::max(used_, kFirstSlots) * slot_bytes_;
  const bool large = wanted >= kLargePage;
  const std::size_t bytes = large ? rounded_to(std::max(kLargePage, slot_bytes_), kLargePage) : wanted;
  const std::align_val_t alignment{large ? kLargePage : kCacheLine};
  Chunk chunk(static_cast<std::byte*>(::operator new(bytes, alignment)), Free{alignment});
  // Without large pages it is as fast as other memory.
  if (large) static_cast<void>(::madvise(chunk.get(), bytes, MADV_HUGEPAGE));
  next_ = chunk.get();
  left_ = bytes;
  chunks_.push_back(std::move(chunk));
}

}  // namespace weir::ml
