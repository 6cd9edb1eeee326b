// Columns brought to mean 0 and deviation 1, by the means and variances of all rows so far (Welford's update).
//
// As a Learner it has no labels, and its outputs are the scaled columns.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/ml/online/learner.h>

namespace weir::ml {

// Mean and variance of a column.
class RunningMoments {
 public:
  void add(double value);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double mean() const { return mean_; }
  // Of the values as all there are; 0 of fewer than two.
  [[nodiscard]] double variance() const {
    return count_ < 2 ? 0 : sum_of_squares_ / static_cast<double>(count_);
  }
  // How many deviations a value is off the mean; 0 where there is no deviation, or no value.
  [[nodiscard]] double scaled(double value) const;

  void encode(Bytes& out) const;
  // Returns whether they can have been written.
  [[nodiscard]] bool restore(ByteReader& reader);

  static constexpr std::size_t kEncodedBytes = 24;

 private:
  std::uint64_t count_ = 0;
  double mean_ = 0;
  double sum_of_squares_ = 0;  // of what values are off the mean
};

// Of all columns, one after the other; how many is not written.
void encode_moments(std::span<const RunningMoments> columns, Bytes& out);
// Returns whether they were all there is.
[[nodiscard]] bool restore_moments(std::span<RunningMoments> columns, ByteReader& reader);

class StandardScaler final : public Learner {
 public:
  explicit StandardScaler(const std::vector<std::string>& inputs);

  void predict(std::span<const float> row, std::span<float> scores) const override;
  void learn(std::span<const float> row, float label) override;
  [[nodiscard]] bool sound() const override { return sound_; }
  [[nodiscard]] std::string_view kind() const override { return "standard-scaler"; }
  void encode_options(Bytes& out) const override;
  [[nodiscard]] std::size_t parts() const override { return 1; }
  void encode_part(std::size_t part, Bytes& out) const override;
  [[nodiscard]] absl::Status restore_part(std::size_t part, BytesView bytes) override;
  [[nodiscard]] std::unique_ptr<Learner> clone() const override {
    return std::make_unique<StandardScaler>(*this);
  }

 private:
  std::vector<RunningMoments> columns_;
  bool sound_ = true;
};

}  // namespace weir::ml
