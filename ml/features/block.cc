#include <weir/ml/features/block.h>

#include <algorithm>

namespace weir::ml {
void Layout::add(const Aggregation& aggregation) {
  parts_.push_back({&aggregation, rounded_to(end_, aggregation.alignment())});
  end_ = parts_.back().at + aggregation.state_bytes();
  alignment_ = std::max(alignment_, aggregation.alignment());
  bytes_ = rounded_to(end_, alignment_);
  trivial_ = trivial_ && aggregation.trivial();
}

std::byte* StateBlocks::insert(std::size_t i) {
  if (size_ == capacity_) reserve(std::max(2 * capacity_, 2U));
  if (layout_->trivial()) {
    std::memmove((*this)[i + 1], (*this)[i], (size_ - i) * layout_->bytes());
  } else {
    for (std::size_t k = size_; k > i; --k) layout_->move((*this)[k], (*this)[k - 1]);
  }
  layout_->create((*this)[i]);
  ++size_;
  return (*this)[i];
}

void StateBlocks::erase(std::size_t first, std::size_t count) {
  if (count == 0) return;
  for (std::size_t i = first; i < first + count; ++i) layout_->destroy((*this)[i]);
  if (layout_->trivial()) {
    std::memmove((*this)[first], (*this)[first + count], (size_ - first - count) * layout_->bytes());
  } else {
    for (std::size_t i = first + count; i < size_; ++i) layout_->move((*this)[i - count], (*this)[i]);
  }
  size_ -= static_cast<std::uint32_t>(count);
}

std::size_t StateBlocks::held_bytes() const {
  std::size_t sum = capacity_ * layout_->bytes();
  for (std::size_t i = 0; i < size_ && !layout_->trivial(); ++i) sum += layout_->held_bytes((*this)[i]);
  return sum;
}

void StateBlocks::reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  auto memory = std::make_unique<std::byte[]>(capacity * layout_->bytes());
  for (std::size_t i = 0; i < size_; ++i) layout_->move(memory.get() + i * layout_->bytes(), (*this)[i]);
  memory_ = std::move(memory);
  capacity_ = static_cast<std::uint32_t>(capacity);
}

}  // namespace weir::ml
