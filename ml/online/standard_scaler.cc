#include <weir/ml/online/standard_scaler.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include <weir/ml/online/learner_file.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {

void RunningMoments::add(double value) {
  ++count_;
  const double off = value - mean_;
  mean_ += off / static_cast<double>(count_);
  sum_of_squares_ += off * (value - mean_);
}

double RunningMoments::scaled(double value) const {
  const double deviation = std::sqrt(variance());
  return deviation > 0 && !std::isnan(value) ? (value - mean_) / deviation : 0;
}

void RunningMoments::encode(Bytes& out) const {
  put_big_endian(count_, out);
  put_double(mean_, out);
  put_double(sum_of_squares_, out);
}

bool RunningMoments::restore(ByteReader& reader) {
  count_ = reader.integer<std::uint64_t>();
  mean_ = read_double(reader);
  sum_of_squares_ = read_double(reader);
  return reader.ok() && std::isfinite(mean_) && std::isfinite(sum_of_squares_) && sum_of_squares_ >= 0;
}

void encode_moments(std::span<const RunningMoments> columns, Bytes& out) {
  for (const RunningMoments& column : columns) column.encode(out);
}

bool restore_moments(std::span<RunningMoments> columns, ByteReader& reader) {
  const bool all = std::all_of(columns.begin(), columns.end(),
                               [&reader](RunningMoments& column) { return column.restore(reader); });
  return all && reader.at_end();
}

StandardScaler::StandardScaler(const std::vector<std::string>& inputs)
    : Learner({inputs, inputs}, LearningTask::kWithoutLabels), columns_(inputs.size()) {}

void StandardScaler::predict(std::span<const float> row, std::span<float> scores) const {
  for (std::size_t i = 0; i < columns_.size(); ++i)
    scores[i] = static_cast<float>(columns_[i].scaled(row[i]));
}

void StandardScaler::learn(std::span<const float> row, float) {
  sound_ = true;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (std::isnan(row[i])) continue;
    columns_[i].add(row[i]);
    sound_ = sound_ && std::isfinite(columns_[i].mean()) && std::isfinite(columns_[i].variance());
  }
  touch(0);
}

void StandardScaler::encode_options(Bytes& out) const { put_names(schema().inputs, out); }

void StandardScaler::encode_part(std::size_t, Bytes& out) const { encode_moments(columns_, out); }

absl::Status StandardScaler::restore_part(std::size_t part, BytesView bytes) {
  ByteReader reader(bytes);
  return part == 0 && restore_moments(columns_, reader) ? absl::OkStatus() : undecodable_part(*this, part);
}

}  // namespace weir::ml
