// What a feature or a score looked like when the model was trained, and how far it is from that now.
//
//   const DriftReference amount = drift_reference("amount", training_amounts);    // goes into the model's manifest, as JSON
//   BinCounts now(amount);
//   for (double value : today) now.add(amount, value);
//   const DriftReport report = compare(amount, now, {});
//
// The reference is its numbers in up to 200 bins of about equal share. Two statistics are told:
//
//   psi   the population stability index, sum of (a - b) ln(a / b) over up to 20 bins of the reference and one for what is
//         missing, no share taken as less than 0.0001. By convention 0.1 is a small change and 0.2 or 0.25 a large one.
//   ks    the largest distance of both distribution functions, at the bounds of the 200 bins: at most one bin's share below
//         the two-sample statistic of Kolmogorov and Smirnov. `ks_p` is how often chance alone gives one as large.
//
// Fewer rows than `rows_min` say nothing: the verdict is then "insufficient", whatever the statistics are.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/json_serde.h>
#include <weir/core/time.h>

namespace weir::ml {

struct DriftReference {
  std::string name;
  // A bin holds what is above the edge before and not above its own; one more bin is behind the last edge.
  std::vector<double> edges = {};
  std::vector<std::uint64_t> counts = {};  // one more than edges
  std::uint64_t missing = 0;               // what was no finite number

  // Returns what is wrong with it, or nothing.
  [[nodiscard]] std::string fault() const;

  bool operator==(const DriftReference&) const = default;
};

// Describes numbers. What is not finite is counted as missing.
[[nodiscard]] DriftReference drift_reference(std::string name, std::span<const double> values);

// How many numbers fell into the bins of a reference, which must be the same at every call.
class BinCounts {
 public:
  static constexpr std::string_view kFormat = "bin-counts-1";
  static constexpr std::size_t kBinsMax = 4'096;

  BinCounts() = default;
  explicit BinCounts(const DriftReference& reference) : counts_(reference.counts.size()) {}

  void add(const DriftReference& reference, double value);
  // Both must be of one reference; if they are not, nothing is done and false is returned.
  bool merge(const BinCounts& other);

  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t missing() const { return missing_; }

  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<BinCounts> parse(BytesView bytes);

  bool operator==(const BinCounts&) const = default;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t missing_ = 0;
};

enum class DriftVerdict {
  kInsufficient,
  kStable,
  kDrift,
};

struct DriftLimits {
  std::uint64_t rows_min = 500;
  // It is drift if psi is at least this,
  double psi = 0.2;
  // or if ks is at least this and ks_p below that. Whoever watches many features divides it by their number.
  double ks = 0.1;
  double ks_p = 0.001;
};

struct DriftReport {
  std::string segment = {};  // of the records, see drift.h
  std::string name = {};     // of the reference
  Timestamp window_start = 0;
  Timestamp window_end = 0;
  DriftVerdict verdict = DriftVerdict::kInsufficient;
  std::uint64_t rows = 0;  // missing ones included
  double missing_share = 0;
  double reference_missing_share = 0;
  // Null where one of both has no rows; ks also where all are missing.
  std::optional<double> psi = {};
  std::optional<double> ks = {};
  std::optional<double> ks_p = {};
};

// Segment and window of the report are left as they are.
[[nodiscard]] DriftReport compare(const DriftReference& reference, const BinCounts& now,
                                  const DriftLimits& limits);

// How often two samples of one distribution, of these sizes, are at least so far apart: Kolmogorov's limit, with Stephens'
// correction for small ones.
[[nodiscard]] double ks_probability(double distance, double first_count, double second_count);

}  // namespace weir::ml

namespace weir {

template <>
struct Serde<ml::DriftReference> : JsonSerde<ml::DriftReference> {
  static constexpr auto kFields = fields(field("name", &ml::DriftReference::name),      //
                                         field("edges", &ml::DriftReference::edges),    //
                                         field("counts", &ml::DriftReference::counts),  //
                                         field("missing", &ml::DriftReference::missing));
};

template <>
struct Serde<ml::DriftVerdict> : JsonEnumSerde<ml::DriftVerdict> {
  static constexpr auto kNames = names({{ml::DriftVerdict::kInsufficient, "insufficient"},
                                        {ml::DriftVerdict::kStable, "stable"},
                                        {ml::DriftVerdict::kDrift, "drift"}});
};

template <>
struct Serde<ml::DriftReport> : JsonSerde<ml::DriftReport> {
  static constexpr auto kFields =
      fields(field("segment", &ml::DriftReport::segment),              //
             field("name", &ml::DriftReport::name),                    //
             field("window_start", &ml::DriftReport::window_start),    //
             field("window_end", &ml::DriftReport::window_end),        //
             field("verdict", &ml::DriftReport::verdict),              //
             field("rows", &ml::DriftReport::rows),                    //
             field("missing_share", &ml::DriftReport::missing_share),  //
             field("reference_missing_share", &ml::DriftReport::reference_missing_share),
             field("psi", &ml::DriftReport::psi),  //
             field("ks", &ml::DriftReport::ks),    //
             field("ks_p", &ml::DriftReport::ks_p));
};

}  // namespace weir
