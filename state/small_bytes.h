// Owned, immutable bytes in 32 bytes; up to 28 of them without a memory allocation, which is enough for most keys, also
// with a window start and a bucket around them.
#pragma once

#include <cstdint>
#include <cstring>

#include <weir/core/bytes.h>

namespace weir {

class SmallBytes {
 public:
  static constexpr std::size_t kInline = 28;

  SmallBytes() = default;
  explicit SmallBytes(BytesView bytes);
  SmallBytes(SmallBytes&& other) noexcept { *this = static_cast<SmallBytes&&>(other); }
  SmallBytes& operator=(SmallBytes&& other) noexcept;
  SmallBytes(const SmallBytes&) = delete;
  SmallBytes& operator=(const SmallBytes&) = delete;
  ~SmallBytes() { release(); }

  [[nodiscard]] BytesView view() const { return {size_ <= kInline ? data_ : heap(), size_}; }
  [[nodiscard]] std::size_t heap_bytes() const { return size_ <= kInline ? 0 : size_; }

 private:
  [[nodiscard]] const char* heap() const {
    const char* pointer = nullptr;
    std::memcpy(&pointer, data_, sizeof(pointer));
    return pointer;
  }
  void release() noexcept {
    if (size_ > kInline) delete[] heap();
    size_ = 0;
  }

  std::uint32_t size_ = 0;
  char data_[kInline];  // the bytes, or where they are
};

static_assert(sizeof(SmallBytes) == 32);

}  // namespace weir
