// The last values of a series, oldest first.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/sample.h>
#include <weir/ml/state_bytes.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

class Ring {
 public:
  // Keeps `capacity` > 0 values; room is taken as they come.
  explicit Ring(std::size_t capacity) : capacity_(capacity) {}

  // Returns whether another value had to go.
  bool push(double value) {
    const bool full = size() == capacity_;
    if (full) ++first_;
    if (values_.size() == values_.capacity()) make_room();
    values_.push_back(value);
    return full;
  }

  [[nodiscard]] std::size_t size() const { return values_.size() - first_; }

  // Valid until the next push.
  [[nodiscard]] std::span<const double> values() const { return std::span(values_).subspan(first_); }

  // Returns value `index`; 0 is the oldest.
  [[nodiscard]] double operator[](std::size_t index) const { return values_[first_ + index]; }

  void encode(Bytes& out) const {
    put_big_endian(static_cast<std::uint32_t>(size()), out);
    for (const double value : values()) put_double(value, out);
  }

  // Returns whether the bytes can have come from encode.
  [[nodiscard]] bool restore(ByteReader& reader) {
    values_ = read_doubles(reader);
    first_ = 0;
    if (reader.ok() && values_.size() <= capacity_ && usable(values_)) return true;
    values_.clear();
    return false;
  }

 private:
  // The values lie in one piece: they move to its begin when they come to its end, a quarter of them later.
  void make_room() {
    const std::size_t most = capacity_ + capacity_ / 4 + 1;
    if (values_.capacity() < most) values_.reserve(std::min(most, 2 * size() + 1));
    values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }

  std::size_t capacity_;
  std::size_t first_ = 0;  // those before are gone
  std::vector<double> values_;
};

}  // namespace weir::ml
