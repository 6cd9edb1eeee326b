#include <weir/ml/feedback/metrics.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <weir/ml/sketches/portable_math.h>
#include <weir/ml/sketches/sketch_codec.h>

namespace weir::ml {
namespace {

constexpr double kUnits = 4294967296.0;  // in one
constexpr double kProbabilityMin = 1e-15;
constexpr std::uint64_t kMetricsCountMax = std::uint64_t{1} << 56;

std::uint64_t in_units(double value) { return static_cast<std::uint64_t>(std::floor(value * kUnits + 0.5)); }

std::optional<double> ratio(double part, double whole) {
  if (whole == 0) return std::nullopt;
  return part / whole;
}

}  // namespace

// ----------------------------------------------------------------------------------------------------- yes or no

BinaryMetrics::BinaryMetrics(double threshold) : threshold_(std::isnan(threshold) ? 0.5 : threshold) {}

bool BinaryMetrics::add(double probability, bool outcome) {
  if (!(probability >= 0 && probability <= 1)) {
    ++refused_;
    return false;
  }
  const double happened = outcome ? probability : 1 - probability;
  log_loss_ += in_units(-portable_log(std::clamp(happened, kProbabilityMin, 1 - kProbabilityMin)));
  brier_ += in_units((1 - happened) * (1 - happened));
  const auto index = static_cast<std::size_t>(probability * kScoreBins);
  Bin& bin = bins_[std::min(index, kScoreBins - 1)];
  ++(outcome ? bin.positives : bin.negatives);
  bin.probabilities += in_units(probability);
  if (probability >= threshold_) ++(outcome ? true_yes_ : false_yes_);
  return true;
}

absl::Status BinaryMetrics::merge(const BinaryMetrics& other) {
  if (other.threshold_ != threshold_) {
    return absl::InvalidArgumentError(
        fmt::format("metrics at thresholds {} and {} cannot be merged", threshold_, other.threshold_));
  }
  refused_ += other.refused_;
  true_yes_ += other.true_yes_;
  false_yes_ += other.false_yes_;
  log_loss_ += other.log_loss_;
  brier_ += other.brier_;
  for (std::size_t i = 0; i < kScoreBins; ++i) {
    bins_[i].positives += other.bins_[i].positives;
    bins_[i].negatives += other.bins_[i].negatives;
    bins_[i].probabilities += other.bins_[i].probabilities;
  }
  return absl::OkStatus();
}

std::uint64_t BinaryMetrics::count() const {
  std::uint64_t count = 0;
  for (const Bin& bin : bins_) count += bin.positives + bin.negatives;
  return count;
}

std::uint64_t BinaryMetrics::positives() const {
  std::uint64_t count = 0;
  for (const Bin& bin : bins_) count += bin.positives;
  return count;
}

std::optional<double> BinaryMetrics::log_loss() const {
  return ratio(static_cast<double>(log_loss_) / kUnits, static_cast<double>(count()));
}

std::optional<double> BinaryMetrics::brier() const {
  return ratio(static_cast<double>(brier_) / kUnits, static_cast<double>(count()));
}

std::optional<double> BinaryMetrics::auc() const {
  double won = 0;
  double below = 0;
  for (const Bin& bin : bins_) {
    const auto negatives = static_cast<double>(bin.negatives);
    won += static_cast<double>(bin.positives) * (below + negatives / 2);
    below += negatives;
  }
  return ratio(won, static_cast<double>(positives()) * below);
}

// Of pairs within one bin it is not known who has the higher score.
std::optional<double> BinaryMetrics::auc_error() const {
  double unknown = 0;
  for (const Bin& bin : bins_)
    unknown += static_cast<double>(bin.positives) * static_cast<double>(bin.negatives) / 2;
  const std::uint64_t all = positives();
  return ratio(unknown, static_cast<double>(all) * static_cast<double>(count() - all));
}

std::optional<double> BinaryMetrics::precision() const {
  return ratio(static_cast<double>(true_yes_), static_cast<double>(true_yes_ + false_yes_));
}

std::optional<double> BinaryMetrics::recall() const {
  return ratio(static_cast<double>(true_yes_), static_cast<double>(positives()));
}

std::optional<double> BinaryMetrics::f1() const {
  return ratio(2 * static_cast<double>(true_yes_), static_cast<double>(true_yes_ + false_yes_ + positives()));
}

std::optional<double> BinaryMetrics::calibration_error() const {
  constexpr std::size_t kGroup = kScoreBins / kCalibrationBins;
  double error = 0;
  for (std::size_t first = 0; first < kScoreBins; first += kGroup) {
    Bin group;
    for (std::size_t i = first; i < first + kGroup; ++i) {
      group.positives += bins_[i].positives;
      group.probabilities += bins_[i].probabilities;
    }
    error +=
        std::abs(static_cast<double>(group.probabilities) / kUnits - static_cast<double>(group.positives));
  }
  return ratio(error, static_cast<double>(count()));
}

// The threshold, what was refused, true and false yes, the sums, and the bins that hold something: how many, and of each how far
// it is behind the one before, positives, negatives, sum.
void BinaryMetrics::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kBinaryMetrics, out);
  put_float(threshold_, out);
  for (const std::uint64_t number : {refused_, true_yes_, false_yes_, log_loss_, brier_})
    put_whole(number, out);
  const auto holds = [](const Bin& bin) { return bin.positives + bin.negatives > 0; };
  put_whole(static_cast<std::uint64_t>(std::ranges::count_if(bins_, holds)), out);
  std::size_t before = 0;
  for (std::size_t i = 0; i < kScoreBins; ++i) {
    if (!holds(bins_[i])) continue;
    put_whole(i - before, out);
    put_whole(bins_[i].positives, out);
    put_whole(bins_[i].negatives, out);
    put_whole(bins_[i].probabilities, out);
    before = i;
  }
}

absl::StatusOr<BinaryMetrics> BinaryMetrics::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kBinaryMetrics);
  const double threshold = reader.number();
  if (std::isnan(threshold)) reader.refuse("its threshold is no number");
  BinaryMetrics metrics(threshold);
  for (std::uint64_t* number :
       {&metrics.refused_, &metrics.true_yes_, &metrics.false_yes_, &metrics.log_loss_, &metrics.brier_}) {
    *number = reader.whole();
  }
  const std::size_t count = reader.count(4, kScoreBins);
  std::uint64_t index = 0;
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    const std::uint64_t step = reader.whole();
    if (step >= kScoreBins || (i > 0 && step == 0) || index + step >= kScoreBins) {
      reader.refuse("a bin cannot be");
      break;
    }
    index += step;
    Bin& bin = metrics.bins_[index];
    bin = {reader.whole(), reader.whole(), reader.whole()};
    if (bin.positives > kMetricsCountMax || bin.negatives > kMetricsCountMax ||
        bin.positives + bin.negatives == 0) {
      reader.refuse("a bin's counts cannot be");
    }
  }
  if (const absl::Status status = reader.finish("binary metrics"); !status.ok()) return status;
  return metrics;
}

// ------------------------------------------------------------------------------------------------------- numbers

void RegressionMetrics::Sum::add(double value) {
  const double next = sum + value;
  lost += std::abs(sum) >= std::abs(value) ? (sum - next) + value : (value - next) + sum;
  sum = next;
}

bool RegressionMetrics::add(double predicted, double actual) {
  const double error = predicted - actual;
  if (!std::isfinite(error) || !std::isfinite(error * error)) {
    ++refused_;
    return false;
  }
  ++count_;
  absolute_.add(std::abs(error));
  squares_.add(error * error);
  errors_.add(error);
  return true;
}

void RegressionMetrics::merge(const RegressionMetrics& other) {
  count_ += other.count_;
  refused_ += other.refused_;
  const auto both = [](Sum& sum, const Sum& added) {
    sum.add(added.sum);
    sum.add(added.lost);
  };
  both(absolute_, Sum(other.absolute_));
  both(squares_, Sum(other.squares_));
  both(errors_, Sum(other.errors_));
}

std::optional<double> RegressionMetrics::mean(const Sum& sum) const {
  return ratio(sum.total(), static_cast<double>(count_));
}

std::optional<double> RegressionMetrics::mae() const { return mean(absolute_); }
std::optional<double> RegressionMetrics::bias() const { return mean(errors_); }

std::optional<double> RegressionMetrics::rmse() const {
  const std::optional<double> square = mean(squares_);
  return square ? std::optional(std::sqrt(*square)) : std::nullopt;
}

void RegressionMetrics::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kRegressionMetrics, out);
  put_whole(count_, out);
  put_whole(refused_, out);
  for (const Sum& sum : {absolute_, squares_, errors_}) {
    put_float(sum.sum, out);
    put_float(sum.lost, out);
  }
}

absl::StatusOr<RegressionMetrics> RegressionMetrics::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kRegressionMetrics);
  RegressionMetrics metrics;
  metrics.count_ = reader.whole();
  metrics.refused_ = reader.whole();
  for (Sum* sum : {&metrics.absolute_, &metrics.squares_, &metrics.errors_}) {
    sum->sum = reader.number();
    sum->lost = reader.number();
    if (std::isnan(sum->sum) || std::isnan(sum->lost)) reader.refuse("a sum is no number");
  }
  if (const absl::Status status = reader.finish("regression metrics"); !status.ok()) return status;
  return metrics;
}

}  // namespace weir::ml
