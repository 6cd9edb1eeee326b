// How good predictions were, as sums that can be merged: what a window of `evaluate` keeps, and what any program may fill.
//
//   BinaryMetrics metrics(0.5);
//   metrics.add(0.9, true);
//   std::optional<double> auc = metrics.auc();       // nothing: one class only
//
// A metric that is not defined for what was added is nothing, never a number that looks like one.
//
// BinaryMetrics depends on what was added alone, not on its order nor on how the parts of a merge were cut: its sums are whole
// numbers, of units of 2^-32. RegressionMetrics sums doubles with Neumaier's compensation; equal orders give equal bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir::ml {

// Of probabilities and yes-or-no outcomes.
class BinaryMetrics {
 public:
  static constexpr std::string_view kFormat = "binary-metrics-1";
  // Bins of the histograms of scores, equally wide; calibration looks at groups of them.
  static constexpr std::size_t kScoreBins = 256;
  static constexpr std::size_t kCalibrationBins = 16;

  // A probability from `threshold` on says yes.
  explicit BinaryMetrics(double threshold = 0.5);

  // Returns false, and only counts it, if the probability is not from 0 to 1.
  bool add(double probability, bool outcome);

  // Fails, and changes nothing, if the thresholds differ.
  [[nodiscard]] absl::Status merge(const BinaryMetrics& other);

  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::uint64_t positives() const;
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  // The mean of -ln(probability of what happened); probabilities are kept 1e-15 away from 0 and 1.
  [[nodiscard]] std::optional<double> log_loss() const;
  // The mean square of probability - outcome.
  [[nodiscard]] std::optional<double> brier() const;
  // How probable it is that a positive has the higher score of two; ties count half. By the histograms: the true value is
  // within auc_error() of it. Nothing without both classes.
  [[nodiscard]] std::optional<double> auc() const;
  [[nodiscard]] std::optional<double> auc_error() const;
  // At the threshold. Precision is nothing if nobody said yes, recall if nobody was positive, F1 if neither.
  [[nodiscard]] std::optional<double> precision() const;
  [[nodiscard]] std::optional<double> recall() const;
  [[nodiscard]] std::optional<double> f1() const;
  // The expected calibration error: how far probabilities are from frequencies, over kCalibrationBins bins, weighed by count.
  [[nodiscard]] std::optional<double> calibration_error() const;

  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<BinaryMetrics> parse(BytesView bytes);

  bool operator==(const BinaryMetrics&) const = default;

 private:
  struct Bin {
    std::uint64_t positives = 0;
    std::uint64_t negatives = 0;
    std::uint64_t probabilities = 0;  // their sum, in units

    bool operator==(const Bin&) const = default;
  };

  double threshold_;
  std::uint64_t refused_ = 0;
  std::uint64_t true_yes_ = 0;
  std::uint64_t false_yes_ = 0;
  std::uint64_t log_loss_ = 0;  // sums, in units
  std::uint64_t brier_ = 0;
  std::array<Bin, kScoreBins> bins_{};
};

// Of numbers.
class RegressionMetrics {
 public:
  static constexpr std::string_view kFormat = "regression-metrics-1";

  // Returns false, and only counts it, if one of them is not finite.
  bool add(double predicted, double actual);

  void merge(const RegressionMetrics& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }
  [[nodiscard]] std::optional<double> mae() const;
  [[nodiscard]] std::optional<double> rmse() const;
  // The mean of predicted - actual.
  [[nodiscard]] std::optional<double> bias() const;

  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<RegressionMetrics> parse(BytesView bytes);

  bool operator==(const RegressionMetrics&) const = default;

 private:
  // A sum and what rounding took from it.
  struct Sum {
    double sum = 0;
    double lost = 0;

    void add(double value);
    [[nodiscard]] double total() const { return sum + lost; }
    bool operator==(const Sum&) const = default;
  };

  [[nodiscard]] std::optional<double> mean(const Sum& sum) const;

  std::uint64_t count_ = 0;
  std::uint64_t refused_ = 0;
  Sum absolute_;
  Sum squares_;
  Sum errors_;
};

}  // namespace weir::ml
