#include <weir/ml/feedback/drift_reference.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/sketches/sketch_codec.h>

namespace weir::ml {
namespace {

constexpr std::size_t kReferenceBins = 200;
constexpr std::size_t kPsiBins = 20;
constexpr double kShareMin = 0.0001;

std::size_t bin_of(const DriftReference& reference, double value) {
  return static_cast<std::size_t>(std::ranges::lower_bound(reference.edges, value) - reference.edges.begin());
}

double total_of(const std::vector<std::uint64_t>& counts) {
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
}

double psi_of(const DriftReference& reference, const BinCounts& now, double reference_rows, double rows) {
  double index = 0;
  const auto add = [&](double before, double after) {
    const double a = std::max(after / rows, kShareMin);
    const double b = std::max(before / reference_rows, kShareMin);
    index += (a - b) * std::log(a / b);
  };
  // Neighbouring bins of the reference until they have their share of it.
  const double share = reference_rows / kPsiBins;
  double before = 0;
  double after = 0;
  for (std::size_t i = 0; i < reference.counts.size(); ++i) {
    before += static_cast<double>(reference.counts[i]);
    after += static_cast<double>(now.counts()[i]);
    if (before < share && i + 1 < reference.counts.size()) continue;
    if (before + after > 0) add(before, after);
    before = 0;
    after = 0;
  }
  if (reference.missing + now.missing() > 0) {
    add(static_cast<double>(reference.missing), static_cast<double>(now.missing()));
  }
  return index;
}

double ks_of(const DriftReference& reference, const BinCounts& now, double reference_rows, double rows) {
  double largest = 0;
  double before = 0;
  double after = 0;
  for (std::size_t i = 0; i < reference.counts.size(); ++i) {
    before += static_cast<double>(reference.counts[i]) / reference_rows;
    after += static_cast<double>(now.counts()[i]) / rows;
    largest = std::max(largest, std::abs(before - after));
  }
  return std::min(largest, 1.0);
}

}  // namespace

std::string DriftReference::fault() const {
  if (edges.empty() || counts.size() != edges.size() + 1) {
    return fmt::format("the reference '{}' has {} edges and {} counts, there is to be one count more", name,
                       edges.size(), counts.size());
  }
  if (counts.size() > BinCounts::kBinsMax) {
    return fmt::format("the reference '{}' has {} bins, there may be {}", name, counts.size(),
                       BinCounts::kBinsMax);
  }
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (!std::isfinite(edges[i]) || (i > 0 && edges[i] <= edges[i - 1])) {
      return fmt::format("the edges of the reference '{}' do not ascend: edge {} is {}", name, i, edges[i]);
    }
  }
  if (total_of(counts) == 0) return fmt::format("the reference '{}' counts nothing", name);
  return "";
}

DriftReference drift_reference(std::string name, std::span<const double> values) {
  DriftReference reference{.name = std::move(name)};
  std::vector<double> sorted;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sorted.push_back(value);
    } else {
      ++reference.missing;
    }
  }
  std::ranges::sort(sorted);
  for (std::size_t i = 1; i < kReferenceBins && !sorted.empty(); ++i) {
    const double edge = sorted[i * (sorted.size() - 1) / kReferenceBins];
    if (reference.edges.empty() || edge > reference.edges.back()) reference.edges.push_back(edge);
  }
  reference.counts.resize(reference.edges.size() + 1);
  for (const double value : sorted) ++reference.counts[bin_of(reference, value)];
  return reference;
}

void BinCounts::add(const DriftReference& reference, double value) {
  counts_.resize(reference.counts.size());
  if (std::isfinite(value)) {
    ++counts_[bin_of(reference, value)];
  } else {
    ++missing_;
  }
}

bool BinCounts::merge(const BinCounts& other) {
  if (other.counts_.size() != counts_.size()) return false;
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  missing_ += other.missing_;
  return true;
}

void BinCounts::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kBinCounts, out);
  put_whole(missing_, out);
  put_whole(counts_.size(), out);
  for (const std::uint64_t count : counts_) put_whole(count, out);
}

absl::StatusOr<BinCounts> BinCounts::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kBinCounts);
  BinCounts counts;
  counts.missing_ = reader.whole();
  counts.counts_.resize(reader.count(1, kBinsMax));
  for (std::uint64_t& count : counts.counts_) count = reader.whole();
  if (const absl::Status status = reader.finish("bin counts"); !status.ok()) return status;
  return counts;
}

double ks_probability(double distance, double first_count, double second_count) {
  if (distance <= 0) return 1;
  const double root = std::sqrt(first_count * second_count / (first_count + second_count));
  const double lambda = (root + 0.12 + 0.11 / root) * distance;
  if (lambda < 0.2) return 1;  // where the series does not settle, and is 1 to twelve digits
  double sum = 0;
  double sign = 1;
  for (int j = 1; j <= 100; ++j, sign = -sign) {
    const double term = std::exp(-2 * lambda * lambda * j * j);
    sum += sign * term;
    if (term < 1e-17) break;
  }
  return std::clamp(2 * sum, 0.0, 1.0);
}

DriftReport compare(const DriftReference& reference, const BinCounts& now, const DriftLimits& limits) {
  DriftReport report{.name = reference.name};
  const double before = total_of(reference.counts);
  const double after = total_of(now.counts());
  const double rows_before = before + static_cast<double>(reference.missing);
  const double rows = after + static_cast<double>(now.missing());
  report.rows = static_cast<std::uint64_t>(rows);
  if (rows > 0) report.missing_share = static_cast<double>(now.missing()) / rows;
  if (rows_before > 0) report.reference_missing_share = static_cast<double>(reference.missing) / rows_before;
  if (now.counts().size() == reference.counts.size()) {
    if (rows > 0 && rows_before > 0) report.psi = psi_of(reference, now, rows_before, rows);
    if (after > 0 && before > 0) {
      report.ks = ks_of(reference, now, before, after);
      report.ks_p = ks_probability(*report.ks, before, after);
    }
  }
  if (report.rows < limits.rows_min || !report.psi) return report;
  const bool far = report.ks && *report.ks >= limits.ks && *report.ks_p < limits.ks_p;
  report.verdict = *report.psi >= limits.psi || far ? DriftVerdict::kDrift : DriftVerdict::kStable;
  return report;
}

}  // namespace weir::ml
