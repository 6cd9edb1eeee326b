#include <weir/ml/online/mistake_watch.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr double kTolerance = 0.005;  // of Page-Hinkley

bool restore_adwin(ByteReader& reader, Adwin& adwin) {
  auto parsed = Adwin::parse(reader.text());
  if (!reader.ok() || !parsed.ok() || parsed->delta() != adwin.delta()) return false;
  adwin = *std::move(parsed);
  return true;
}

void encode_adwin(const Adwin& adwin, Bytes& out) {
  Bytes bytes;
  adwin.serialise(bytes);
  put_text(bytes, out);
}

}  // namespace

std::string fault_in(const MistakeRules& rules) {
  if (rules.test == MistakeTest::kPageHinkley) {
    return rules.warning > 0 && rules.drift >= rules.warning && std::isfinite(rules.drift)
               ? ""
               : "drift must be at least warning, and both positive";
  }
  return rules.drift > 0 && rules.warning >= rules.drift && rules.warning < 1
             ? ""
             : "drift must be at most warning, and both in (0, 1)";
}

MistakeNews MistakeWatch::add(bool mistaken) {
  if (rules_.test == MistakeTest::kPageHinkley) return add_to_sum(mistaken ? 1 : 0);
  const bool warns = warning_.change(mistaken ? 1 : 0) == MeanChange::kUp;
  const bool drifts = drift_.change(mistaken ? 1 : 0) == MeanChange::kUp;
  return drifts ? MistakeNews::kDrift : warns ? MistakeNews::kWarning : MistakeNews::kNone;
}

MistakeNews MistakeWatch::add_to_sum(double value) {
  const double before = sum_ - least_;
  ++count_;
  mean_ += (value - mean_) / static_cast<double>(count_);
  sum_ += value - mean_ - kTolerance;
  least_ = std::min(least_, sum_);
  const double risen = sum_ - least_;
  if (risen >= rules_.drift) return MistakeNews::kDrift;
  if (risen >= rules_.warning) return before < rules_.warning ? MistakeNews::kWarning : MistakeNews::kNone;
  return before >= rules_.warning ? MistakeNews::kFalseAlarm : MistakeNews::kNone;
}

void MistakeWatch::encode(Bytes& out) const {
  if (rules_.test == MistakeTest::kAdwin) {
    encode_adwin(warning_, out);
    encode_adwin(drift_, out);
    return;
  }
  put_big_endian(count_, out);
  for (const double each : {mean_, sum_, least_}) put_double(each, out);
}

bool MistakeWatch::restore(ByteReader& reader) {
  if (rules_.test == MistakeTest::kAdwin)
    return restore_adwin(reader, warning_) && restore_adwin(reader, drift_);
  count_ = reader.integer<std::uint64_t>();
  for (double* each : {&mean_, &sum_, &least_}) *each = read_double(reader);
  return reader.ok() && std::isfinite(mean_) && std::isfinite(sum_) && std::isfinite(least_);
}

}  // namespace weir::ml
