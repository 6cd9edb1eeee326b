// Reads what our own encoders wrote, and never beyond its end. After a failure every further read fails, so that a decoder
// asks once, at the end.
#pragma once

#include <concepts>
#include <cstdint>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>

namespace weir {

class ByteReader {
 public:
  explicit ByteReader(BytesView bytes) : left_(bytes) {}

  template <std::integral T>
  [[nodiscard]] T integer() {
    if (!take(sizeof(T))) return 0;
    return get_big_endian<T>(taken_.data());
  }

  // A size in 4 bytes, then the bytes.
  [[nodiscard]] BytesView text() {
    const auto size = integer<std::uint32_t>();
    return take(size) ? taken_ : BytesView();
  }

  // A count of things of at least `bytes_each`; more than could follow is a failure.
  [[nodiscard]] std::uint32_t count(std::size_t bytes_each) {
    const auto count = integer<std::uint32_t>();
    if (count > left_.size() / bytes_each) ok_ = false;
    return ok_ ? count : 0;
  }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return ok_ && left_.empty(); }

 private:
  bool take(std::size_t size) {
    if (!ok_ || size > left_.size()) {
      ok_ = false;
      return false;
    }
    taken_ = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }

  BytesView left_;
  BytesView taken_;
  bool ok_ = true;
};

inline void put_text(BytesView text, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(text.size()), out);
  out.append(text);
}

}  // namespace weir
