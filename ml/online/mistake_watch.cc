#include <weir/ml/online/mistake_watch.h>

#include <algorithm>
#include <cmath>

#include <weir/ml/state_bytes.h>

namespace weir::ml {

double MistakeWatch::add(double value) {
  ++count_;
  mean_ += (value - mean_) / static_cast<double>(count_);
  sum_ += value - mean_ - tolerance_;
  least_ = std::min(least_, sum_);
  return sum_ - least_;
}

void MistakeWatch::encode(Bytes& out) const {
  put_big_endian(count_, out);
  for (const double each : {mean_, sum_, least_}) put_double(each, out);
}

bool MistakeWatch::restore(ByteReader& reader) {
  count_ = reader.integer<std::uint64_t>();
  for (double* each : {&mean_, &sum_, &least_}) *each = read_double(reader);
  return reader.ok() && std::isfinite(mean_) && std::isfinite(sum_) && std::isfinite(least_);
}

}  // namespace weir::ml
