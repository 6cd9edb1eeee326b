// Bytes of aggregation states: what a feature view's tiles are in a store and its changelog.
//
//   integers   variable length, seven bits a byte, the lowest first; signed ones in zigzag
//   doubles    eight bytes, the highest first
//   text       its length, then its bytes
//
// Reading checks everything: bytes that do not fit make the reader fail, and it stays failed.
#pragma once

#include <cstdint>
#include <string>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {

void put_unsigned(std::uint64_t value, Bytes& out);
inline void put_signed(std::int64_t value, Bytes& out) {
  put_unsigned((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63), out);
}
inline void put_sized_text(BytesView text, Bytes& out) {
  put_unsigned(text.size(), out);
  out.append(text);
}

class StateReader {
 public:
  explicit StateReader(BytesView bytes) : rest_(bytes) {}

  // After the first failure all of these return nothing.
  [[nodiscard]] std::uint64_t take_unsigned();
  [[nodiscard]] std::int64_t take_signed();
  [[nodiscard]] double take_double();
  // Borrowed from the bytes that are read.
  [[nodiscard]] BytesView take_text();
  [[nodiscard]] BytesView take_bytes(std::size_t size);

  // Returns a number of things that follow, each of at least `bytes_each`; more than could be there is a failure.
  [[nodiscard]] std::size_t take_count(std::size_t bytes_each = 1);

  [[nodiscard]] bool ok() const { return ok_; }
  // Whether everything was read, and could be.
  [[nodiscard]] bool done() const { return ok_ && rest_.empty(); }
  [[nodiscard]] BytesView rest() const { return rest_; }

 private:
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  BytesView rest_;
  bool ok_ = true;
};

}  // namespace weir::ml
