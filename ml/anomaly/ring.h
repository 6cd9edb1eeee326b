// The last values of a series, oldest first.
#pragma once

#include <cstddef>
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

  void push(double value) {
    if (values_.size() < capacity_) {
      values_.push_back(value);
      return;
    }
    values_[first_] = value;
    first_ = first_ + 1 == capacity_ ? 0 : first_ + 1;
  }

  [[nodiscard]] std::size_t size() const { return values_.size(); }

  // Returns value `index`; 0 is the oldest.
  [[nodiscard]] double operator[](std::size_t index) const {
    const std::size_t at = first_ + index;
    return values_[at < values_.size() ? at : at - values_.size()];
  }

  void encode(Bytes& out) const {
    put_big_endian(static_cast<std::uint32_t>(size()), out);
    for (std::size_t i = 0; i < size(); ++i) put_double((*this)[i], out);
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
  std::size_t capacity_;
  std::size_t first_ = 0;
  std::vector<double> values_;
};

}  // namespace weir::ml
