#include <weir/ml/features/state_ring.h>

#include <algorithm>
#include <new>

namespace weir::ml {
namespace {

constexpr std::uint32_t kFirstCapacity = 4;
constexpr std::uint32_t kLeastMore = 4;
constexpr std::uint32_t kMostStride = (std::uint32_t{1} << 30) - 1;

std::size_t head_of(const Layout& layout, bool ends) {
  return rounded_to((ends ? 2 : 1) * sizeof(std::int64_t), layout.alignment());
}

std::uint32_t stride_of(const Layout& layout, bool ends) {
  return static_cast<std::uint32_t>(
      rounded_to(head_of(layout, ends) + layout.bytes(), std::max(sizeof(std::int64_t), layout.alignment())));
}

}  // namespace

StateRing::StateRing(const Layout& layout, bool ends)
    : layout_(&layout),
      stride_(stride_of(layout, ends) & kMostStride),
      ends_(ends ? 1 : 0),
      wide_(head_of(layout, ends) > sizeof(std::int64_t) ? 1 : 0) {}

StateRing::~StateRing() {
  clear();
  ::operator delete[](memory_, std::align_val_t{kCacheLine});
}

std::size_t StateRing::lower_bound(std::int64_t wanted) const {
  std::size_t first = 0;
  for (std::size_t count = size_; count > 0;) {
    const std::size_t half = count / 2;
    if (start(first + half) < wanted) {
      first += half + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

std::byte* StateRing::insert(std::size_t i, std::int64_t start) {
  if (size_ == capacity_) grow();
  if (i == 0 && size_ > 0) {
    first_ = first_ == 0 ? capacity_ - 1 : first_ - 1;
  } else {
    for (std::size_t k = size_; k > i; --k) move(k, k - 1);
  }
  ++size_;
  set_start(i, start);
  if (ends_ != 0) set_end(i, start);
  layout_->create((*this)[i]);
  return (*this)[i];
}

void StateRing::push_back(std::int64_t start, std::byte* from) {
  if (size_ == capacity_) grow();
  const std::size_t i = size_++;
  set_start(i, start);
  if (ends_ != 0) set_end(i, start);
  layout_->move((*this)[i], from);
}

void StateRing::pop_back(std::byte* to) {
  layout_->move(to, (*this)[size_ - 1]);
  --size_;
}

void StateRing::erase(std::size_t first, std::size_t count) {
  if (count == 0) return;
  if (!layout_->trivial()) {
    for (std::size_t i = first; i < first + count; ++i) layout_->destroy((*this)[i]);
  }
  if (first == 0) {
    const std::size_t at = first_ + count;
    first_ = static_cast<std::uint32_t>(at < capacity_ ? at : at - capacity_);
  } else {
    for (std::size_t i = first + count; i < size_; ++i) move(i - count, i);
  }
  size_ -= static_cast<std::uint32_t>(count);
}

std::size_t StateRing::held_bytes() const {
  std::size_t sum = capacity_ * stride_;
  for (std::size_t i = 0; i < size_ && !layout_->trivial(); ++i) sum += layout_->held_bytes((*this)[i]);
  return sum;
}

void StateRing::move(std::size_t to, std::size_t from) {
  std::memcpy(place(to), place(from), head());
  layout_->move((*this)[to], (*this)[from]);
}

// A ring that is full is about to stay as large as it is.
void StateRing::grow() { reserve(std::max(kFirstCapacity, capacity_ + std::max(kLeastMore, capacity_ / 4))); }

void StateRing::reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  auto* memory = static_cast<std::byte*>(::operator new[](capacity* stride_, std::align_val_t{kCacheLine}));
  for (std::size_t i = 0; i < size_; ++i) {
    std::byte* to = memory + i * stride_;
    std::memcpy(to, place(i), head());
    layout_->move(to + head(), (*this)[i]);
  }
  ::operator delete[](memory_, std::align_val_t{kCacheLine});
  memory_ = memory;
  first_ = 0;
  capacity_ = static_cast<std::uint32_t>(capacity);
}

}  // namespace weir::ml
