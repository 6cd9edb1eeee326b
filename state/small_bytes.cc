#include <weir/state/small_bytes.h>

namespace weir {

SmallBytes::SmallBytes(BytesView bytes) : size_(static_cast<std::uint32_t>(bytes.size())) {
  if (size_ <= kInline) {
    if (size_ > 0) std::memcpy(data_, bytes.data(), size_);
    return;
  }
  char* copy = new char[size_];
  std::memcpy(copy, bytes.data(), size_);
  std::memcpy(data_, &copy, sizeof(copy));
}

SmallBytes& SmallBytes::operator=(SmallBytes&& other) noexcept {
  if (this != &other) {
    release();
    size_ = other.size_;
    if (size_ > 0) std::memcpy(data_, other.data_, size_ <= kInline ? size_ : sizeof(char*));
    other.size_ = 0;
  }
  return *this;
}

}  // namespace weir
