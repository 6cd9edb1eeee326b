// Notices that mistakes become more: the Page-Hinkley test (Page, Biometrika 1954), upwards. Sums up by how much values
// exceed their mean so far, less a tolerance; the rise of that sum over its least is what is compared with a threshold.
#pragma once

#include <cstdint>

#include <weir/core/bytes.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

class MistakeWatch {
 public:
  explicit MistakeWatch(double tolerance = 0.005) : tolerance_(tolerance) {}

  // Takes a value and returns how far the sum has risen.
  double add(double value);
  void reset() { *this = MistakeWatch(tolerance_); }

  void encode(Bytes& out) const;
  // Returns whether the bytes can have been written.
  [[nodiscard]] bool restore(ByteReader& reader);

 private:
  double tolerance_;
  std::uint64_t count_ = 0;
  double mean_ = 0;
  double sum_ = 0;
  double least_ = 0;
};

}  // namespace weir::ml
