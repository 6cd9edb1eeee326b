// Evidence for a promotion (see promotion.h), made of what two models predicted and what became of it: their difference in a
// window, and bounds within which the true difference lies.
//
// Where both models scored the same records, as a champion and its shadow do, each record is a pair, and the difference is that
// of pairs: what makes a record hard for both is not taken for chance.
//
//   joined.examples                                            // of feedback: what the shadow said, and the label
//       .apply(weir::ml::paired_evidence(
//           {.store = "fraud-evidence", .window = 24h, .grace = 1h, .loss = weir::ml::Loss::kLogLoss},
//           [](const weir::ml::Example<weir::ml::ShadowScore, Chargeback>& example) {
//             return weir::ml::paired_outcome(example.prediction, example.label.is_fraud ? 1.0 : 0.0);
//           }))
//
// Where each scored keys of its own, as a champion and its challenger do, the reports of `evaluate` are joined window by window:
//
//   reports.apply(weir::ml::evidence({.store = "fraud-evidence", .metric = weir::ml::QualityMetric::kAuc},
//                                    [](const weir::ml::QualityReport& report) { return told_of(report.segment); }))
//
// Both write evidence with the model's name as key, when the window is over, once for each pair of versions: what `promote` takes.
// State is in a store with a changelog and part of the commit. Records go through a repartition topic, so that a model is judged
// in one place.
//
// Bounds are the difference and `deviations` of its standard errors to either side; 1.96 are 95 % where there are some dozens of
// rows. Records of one key are not independent of each other: with few keys, bounds are too narrow.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/json_serde.h>
#include <weir/ml/feedback/evaluate.h>
#include <weir/ml/registry/promotion.h>
#include <weir/ml/shadow_score.h>
#include <weir/ml/user_call.h>
#include <weir/operators/map.h>
#include <weir/operators/repartition.h>
#include <weir/operators/stream.h>

namespace weir::ml {

// ------------------------------------------------------------------------------------------------------------- pairs

// What a prediction costs. Less is better.
enum class Loss {
  kLogLoss,        // -ln(probability of what happened), probabilities kept 1e-15 away from 0 and 1
  kBrier,          // the square of probability - outcome
  kAbsoluteError,  // of numbers
  kSquaredError,
};

// Of one record.
struct PairedOutcome {
  std::string model = {};
  std::string champion = {};  // versions
  std::string challenger = {};
  double champion_predicted = 0;  // probabilities, or numbers
  double challenger_predicted = 0;
  double actual = 0;  // not 0 for yes, or a number
};

// Of the first output of both. What the shadow could not score is no number, and counted as refused.
[[nodiscard]] PairedOutcome paired_outcome(const ShadowScore& score, double actual);

// The losses of two models on the same records, as sums. Equal orders give equal bytes.
struct PairedLosses {
  std::uint64_t count = 0;
  std::uint64_t refused = 0;  // records of which one prediction or the outcome is none
  double champion_mean = 0;
  double challenger_mean = 0;
  double difference_mean = 0;     // challenger - champion
  double difference_squares = 0;  // sum of the squares of the distances to their mean

  // Adds a record; Welford's way.
  void add(const PairedOutcome& outcome, Loss loss);

  bool operator==(const PairedLosses&) const = default;
};

// A window's.
struct ComparedPair {
  std::string champion = {};
  std::string challenger = {};
  PairedLosses losses = {};
};
struct ComparedPairs {
  std::vector<ComparedPair> pairs = {};
};

struct PairedEvidenceOptions {
  StoreName store;
  std::string name = {};    // begins the names of the nodes; default: the store's
  RequiredDuration window;  // tumbling
  RequiredDuration grace;
  Loss loss = Loss::kLogLoss;
  double deviations = 1.96;
  // See WindowOptions.
  std::optional<Duration> close_when_idle = std::nullopt;
  bool persistent = true;
  bool logged = true;
};

// Less is better: PromotionRule::larger_is_better is false for it. Without bounds below two rows.
[[nodiscard]] PromotionEvidence evidence_of(const PairedLosses& losses, const std::string& champion,
                                            const std::string& challenger, double deviations = 1.96);

// ----------------------------------------------------------------------------------------------------------- reports

enum class QualityMetric { kLogLoss, kBrier, kAuc, kPrecision, kRecall, kF1, kMae, kRmse };

// Whether more of it is better: PromotionRule::larger_is_better.
[[nodiscard]] bool larger_is_better(QualityMetric metric);

// Whose report it is. A role of kShadow counts as a challenger's.
struct ReportOf {
  std::string model = {};
  std::string version = {};
  ModelRole role = ModelRole::kChampion;
};

// Joins the reports of both models on one window: nothing if the windows differ, or if one of the reports does not have the metric.
// Bounds are there for AUC (Hanley and McNeil 1982), precision, recall and MAE; a report does not say how much the other
// metrics scatter.
[[nodiscard]] std::optional<PromotionEvidence> evidence_of(const QualityReport& champion,
                                                           const std::string& champion_version,
                                                           const QualityReport& challenger,
                                                           const std::string& challenger_version,
                                                           QualityMetric metric, double deviations = 1.96);

struct EvidenceOptions {
  StoreName store;
  std::string name = {};  // begins the names of the nodes; default: the store's
  QualityMetric metric = QualityMetric::kLogLoss;
  double deviations = 1.96;
  // Of a model, so many reports wait for that of the other one; older ones are dropped.
  std::size_t kept = 64;
  bool persistent = true;
  bool logged = true;
};

// A report that waits.
struct KeptReport {
  std::string version = {};
  bool champion = false;
  QualityReport report = {};
};
struct KeptReports {
  std::vector<KeptReport> reports = {};
};

}  // namespace weir::ml

namespace weir {

// The numbers to the bit, then the texts.
template <>
struct Serde<ml::PairedOutcome> {
  static constexpr std::string_view kFormat = "paired-outcome-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::PairedOutcome& outcome, Bytes& out);
  static absl::Status decode(BytesView bytes, ml::PairedOutcome& out);
};

template <>
struct Serde<ml::PairedLosses> : JsonSerde<ml::PairedLosses> {
  using T = ml::PairedLosses;
  static constexpr auto kFields = fields(
      field("count", &T::count), field("refused", &T::refused), field("champion_mean", &T::champion_mean),
      field("challenger_mean", &T::challenger_mean), field("difference_mean", &T::difference_mean),
      field("difference_squares", &T::difference_squares));
};

template <>
struct Serde<ml::ComparedPair> : JsonSerde<ml::ComparedPair> {
  using T = ml::ComparedPair;
  static constexpr auto kFields = fields(field("champion", &T::champion), field("challenger", &T::challenger),
                                         field("losses", &T::losses));
};

template <>
struct Serde<ml::ComparedPairs> : JsonSerde<ml::ComparedPairs> {
  static constexpr auto kFields = fields(field("pairs", &ml::ComparedPairs::pairs));
};

template <>
struct Serde<ml::KeptReport> : JsonSerde<ml::KeptReport> {
  using T = ml::KeptReport;
  static constexpr auto kFields =
      fields(field("version", &T::version), field("champion", &T::champion), field("report", &T::report));
};

template <>
struct Serde<ml::KeptReports> : JsonSerde<ml::KeptReports> {
  static constexpr auto kFields = fields(field("reports", &ml::KeptReports::reports));
};

}  // namespace weir

namespace weir::ml {

// paired(value), paired(key, value) or paired(key, value, info).
template <class F, class K, class V>
concept PairedOutcomeOver = MapperOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, PairedOutcome>;

// of(report), of(segment, report) or of(segment, report, info).
template <class F>
concept ReportOfOver = MapperOver<F, std::string, QualityReport> &&
                       std::convertible_to<ResultOver<F, std::string, QualityReport>, ReportOf>;

// For those who write verbs: what both operators are behind their callables. Keys are the models' names.
[[nodiscard]] KStream<std::string, PromotionEvidence> paired_evidence_of(
    const KStream<std::string, PairedOutcome>& outcomes, const PairedEvidenceOptions& options,
    const Location& where);
[[nodiscard]] KStream<std::string, PromotionEvidence> evidence_of_reports(
    const KStream<std::string, KeptReport>& reports, const EvidenceOptions& options, const Location& where);

// For KStream::apply.
template <class F>
class PairedEvidenceOperator {
 public:
  PairedEvidenceOperator(PairedEvidenceOptions options, F outcome, Location where)
      : options_(std::move(options)), outcome_(std::move(outcome)), where_(where) {}

  template <class K, class V>
    requires PairedOutcomeOver<F, K, V>
  KStream<std::string, PromotionEvidence> operator()(const KStream<K, V>& stream) const {
    const std::string& base = options_.name.empty() ? options_.store.text() : options_.name;
    const auto outcomes = stream.map(
        {.name = base + "-outcomes"},
        [outcome = outcome_](const K& key, const V& value, const RecordInfo& info) {
          PairedOutcome told = call_user(outcome, key, value, info);
          std::string model = told.model;
          return std::pair(std::move(model), std::move(told));
        },
        where_);
    return paired_evidence_of(outcomes, options_, where_);
  }

 private:
  const PairedEvidenceOptions options_;
  const F outcome_;
  const Location where_;
};

template <class F>
[[nodiscard]] PairedEvidenceOperator<F> paired_evidence(PairedEvidenceOptions options, F outcome,
                                                        Location where = Location::current()) {
  return {std::move(options), std::move(outcome), where};
}

// For KStream::apply.
template <ReportOfOver F>
class EvidenceOperator {
 public:
  EvidenceOperator(EvidenceOptions options, F of, Location where)
      : options_(std::move(options)), of_(std::move(of)), where_(where) {}

  KStream<std::string, PromotionEvidence> operator()(
      const KStream<std::string, QualityReport>& stream) const {
    const std::string& base = options_.name.empty() ? options_.store.text() : options_.name;
    const auto reports = stream.map(
        {.name = base + "-reports"},
        [of = of_](const std::string& segment, const QualityReport& report, const RecordInfo& info) {
          ReportOf told = call_user(of, segment, report, info);
          return std::pair(std::move(told.model),
                           KeptReport{std::move(told.version), told.role == ModelRole::kChampion, report});
        },
        where_);
    return evidence_of_reports(reports, options_, where_);
  }

 private:
  const EvidenceOptions options_;
  const F of_;
  const Location where_;
};

template <ReportOfOver F>
[[nodiscard]] EvidenceOperator<F> evidence(EvidenceOptions options, F of,
                                           Location where = Location::current()) {
  return {std::move(options), std::move(of), where};
}

}  // namespace weir::ml
