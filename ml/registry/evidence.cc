#include <weir/ml/registry/evidence.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>

#include <weir/operators/flat_map.h>
#include <weir/operators/group_by.h>
#include <weir/operators/process.h>
#include <weir/operators/store_access.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>
#include <weir/state/byte_reader.h>

namespace weir {

void Serde<ml::PairedOutcome>::encode(const ml::PairedOutcome& outcome, Bytes& out) {
  for (const double number : {outcome.champion_predicted, outcome.challenger_predicted, outcome.actual})
    put_big_endian(std::bit_cast<std::uint64_t>(number), out);
  for (const std::string* text : {&outcome.model, &outcome.champion, &outcome.challenger})
    put_text(*text, out);
}

absl::Status Serde<ml::PairedOutcome>::decode(BytesView bytes, ml::PairedOutcome& out) {
  ByteReader reader(bytes);
  for (double* number : {&out.champion_predicted, &out.challenger_predicted, &out.actual})
    *number = std::bit_cast<double>(reader.integer<std::uint64_t>());
  for (std::string* text : {&out.model, &out.champion, &out.challenger}) *text = reader.text();
  return reader.at_end() ? absl::OkStatus() : absl::InvalidArgumentError("no outcome of two predictions");
}

namespace ml {
namespace {

constexpr double kNearestToCertain = 1e-15;

// Of what a prediction and an outcome have to be; a NaN if they are not.
double loss_of(double predicted, double actual, Loss loss) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (!std::isfinite(predicted) || !std::isfinite(actual)) return kNone;
  if (loss == Loss::kAbsoluteError) return std::abs(predicted - actual);
  if (loss == Loss::kSquaredError) return (predicted - actual) * (predicted - actual);
  if (predicted < 0 || predicted > 1) return kNone;
  const double probability = actual != 0 ? predicted : 1 - predicted;  // of what happened
  if (loss == Loss::kBrier) return (1 - probability) * (1 - probability);
  return -std::log(std::clamp(probability, kNearestToCertain, 1 - kNearestToCertain));
}

std::optional<double> value_in(const QualityReport& report, QualityMetric metric) {
  switch (metric) {
    case QualityMetric::kLogLoss:
      return report.log_loss;
    case QualityMetric::kBrier:
      return report.brier;
    case QualityMetric::kAuc:
      return report.auc;
    case QualityMetric::kPrecision:
      return report.precision;
    case QualityMetric::kRecall:
      return report.recall;
    case QualityMetric::kF1:
      return report.f1;
    case QualityMetric::kMae:
      return report.mae;
    case QualityMetric::kRmse:
      return report.rmse;
  }
  return std::nullopt;
}

// The variance of a share of so many in a difference of two: one more of either kind is counted (Agresti and Caffo 2000), so
// that a share of 0 or 1 of a few is not taken for certain.
double variance_of_share(double share, double count) {
  const double taken = (share * count + 1) / (count + 2);
  return taken * (1 - taken) / (count + 2);
}

// The square of the metric's standard error, if the report tells it.
std::optional<double> variance_in(const QualityReport& report, QualityMetric metric) {
  const auto count = static_cast<double>(report.count);
  const auto positives = static_cast<double>(report.positives);
  const double negatives = count - positives;
  if (metric == QualityMetric::kAuc && report.auc && positives > 0 && negatives > 0) {
    const double auc = *report.auc;
    const double two_positives = auc / (2 - auc);
    const double two_negatives = 2 * auc * auc / (1 + auc);
    return (auc * (1 - auc) + (positives - 1) * (two_positives - auc * auc) +
            (negatives - 1) * (two_negatives - auc * auc)) /
           (positives * negatives);
  }
  if (metric == QualityMetric::kRecall && report.recall && positives > 0)
    return variance_of_share(*report.recall, positives);
  // As many said yes as true ones are of the precision.
  if (metric == QualityMetric::kPrecision && report.recall && report.precision && *report.precision > 0)
    return variance_of_share(*report.precision, *report.recall * positives / *report.precision);
  if (metric == QualityMetric::kMae && report.mae && report.rmse && report.count > 1)
    return std::max(0.0, *report.rmse * *report.rmse - *report.mae * *report.mae) / (count - 1);
  return std::nullopt;
}

using Kept = KeyValueStore<std::string, KeptReports>;

// Gives each report to those of the other model on the same window, whichever comes last.
class ReportJoiner final : public Processor<std::string, KeptReport, std::string, PromotionEvidence> {
 public:
  explicit ReportJoiner(EvidenceOptions options) : options_(std::move(options)) {}

  void open(Context& context) override {
    context_ = &context;
    kept_ = &context.store<Kept>(options_.store.text());
  }

  void process(const Record<std::string, KeptReport>& record) override {
    const KeptReport& told = record.value;
    const auto* row = kept_->find(record.key);
    KeptReports all = row == nullptr ? KeptReports() : row->value;
    for (const KeptReport& other : all.reports) {
      if (other.champion == told.champion && other.version == told.version && same_window(other, told))
        return;
    }
    for (const KeptReport& other : all.reports) {
      if (other.champion == told.champion || !same_window(other, told)) continue;
      const KeptReport& champion = told.champion ? told : other;
      const KeptReport& challenger = told.champion ? other : told;
      const auto made = weir::ml::evidence_of(champion.report, champion.version, challenger.report,
                                              challenger.version, options_.metric, options_.deviations);
      if (made) context_->forward(record.key, *made);
    }
    all.reports.push_back(told);
    if (all.reports.size() > options_.kept) all.reports.erase(all.reports.begin());
    kept_->put(record.key, std::move(all), record.timestamp);
  }

 private:
  static bool same_window(const KeptReport& a, const KeptReport& b) {
    return a.report.window_start == b.report.window_start && a.report.window_end == b.report.window_end;
  }

  const EvidenceOptions options_;
  Context* context_ = nullptr;
  Kept* kept_ = nullptr;
};

}  // namespace

PairedOutcome paired_outcome(const ShadowScore& score, double actual) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  return {.model = score.model,
          .champion = score.version,
          .challenger = score.shadow_version,
          .champion_predicted = score.scores.empty() ? kNone : static_cast<double>(score.scores[0]),
          .challenger_predicted =
              score.shadow_scores.empty() ? kNone : static_cast<double>(score.shadow_scores[0]),
          .actual = actual};
}

void PairedLosses::add(const PairedOutcome& outcome, Loss loss) {
  const double of_champion = loss_of(outcome.champion_predicted, outcome.actual, loss);
  const double of_challenger = loss_of(outcome.challenger_predicted, outcome.actual, loss);
  const double difference = of_challenger - of_champion;
  if (!std::isfinite(difference)) {
    ++refused;
    return;
  }
  ++count;
  const auto weight = static_cast<double>(count);
  champion_mean += (of_champion - champion_mean) / weight;
  challenger_mean += (of_challenger - challenger_mean) / weight;
  const double distance = difference - difference_mean;
  difference_mean += distance / weight;
  difference_squares += distance * (difference - difference_mean);
}

PromotionEvidence evidence_of(const PairedLosses& losses, const std::string& champion,
                              const std::string& challenger, double deviations) {
  PromotionEvidence made{.champion = champion,
                         .challenger = challenger,
                         .rows = losses.count,
                         .champion_value = losses.champion_mean,
                         .challenger_value = losses.challenger_mean};
  if (losses.count < 2) return made;
  const auto count = static_cast<double>(losses.count);
  const double half = deviations * std::sqrt(losses.difference_squares / (count - 1) / count);
  made.difference_low = losses.difference_mean - half;
  made.difference_high = losses.difference_mean + half;
  return made;
}

bool larger_is_better(QualityMetric metric) {
  return metric == QualityMetric::kAuc || metric == QualityMetric::kPrecision ||
         metric == QualityMetric::kRecall || metric == QualityMetric::kF1;
}

std::optional<PromotionEvidence> evidence_of(const QualityReport& champion,
                                             const std::string& champion_version,
                                             const QualityReport& challenger,
                                             const std::string& challenger_version, QualityMetric metric,
                                             double deviations) {
  const std::optional<double> before = value_in(champion, metric);
  const std::optional<double> after = value_in(challenger, metric);
  if (!before || !after || champion.window_start != challenger.window_start ||
      champion.window_end != challenger.window_end)
    return std::nullopt;
  PromotionEvidence made{.champion = champion_version,
                         .challenger = challenger_version,
                         .rows = challenger.count,
                         .champion_value = *before,
                         .challenger_value = *after};
  const std::optional<double> of_champion = variance_in(champion, metric);
  const std::optional<double> of_challenger = variance_in(challenger, metric);
  if (!of_champion || !of_challenger) return made;
  double half = deviations * std::sqrt(*of_champion + *of_challenger);
  // What the histograms may be wrong by is no chance, and comes on top.
  if (metric == QualityMetric::kAuc)
    half += champion.auc_error.value_or(0) + challenger.auc_error.value_or(0);
  made.difference_low = *after - *before - half;
  made.difference_high = *after - *before + half;
  return made;
}

KStream<std::string, PromotionEvidence> paired_evidence_of(
    const KStream<std::string, PairedOutcome>& outcomes, const PairedEvidenceOptions& options,
    const Location& where) {
  const std::string& base = options.name.empty() ? options.store.text() : options.name;
  return outcomes.group_by_key({.name = base})
      .windowed_by(tumbling({.size = options.window, .grace = options.grace}))
      .aggregate(
          {.store = options.store,
           .name = base + "-losses",
           .emit = WindowEmit::kOnWindowClose,
           .close_when_idle = options.close_when_idle,
           .persistent = options.persistent,
           .logged = options.logged},
          [] { return ComparedPairs(); },
          [loss = options.loss](const PairedOutcome& outcome, ComparedPairs& all) {
            auto pair = std::find_if(all.pairs.begin(), all.pairs.end(), [&](const ComparedPair& known) {
              return known.champion == outcome.champion && known.challenger == outcome.challenger;
            });
            if (pair == all.pairs.end())
              pair = all.pairs.insert(pair, ComparedPair{outcome.champion, outcome.challenger, {}});
            pair->losses.add(outcome, loss);
          },
          where)
      .to_stream(where)
      .flat_map(
          {.name = base + "-evidence"},
          [deviations = options.deviations](const Windowed<std::string>& model, const ComparedPairs& all) {
            std::vector<std::pair<std::string, PromotionEvidence>> made;
            for (const ComparedPair& pair : all.pairs) {
              if (pair.losses.count > 0)
                made.emplace_back(model.key, weir::ml::evidence_of(pair.losses, pair.champion,
                                                                   pair.challenger, deviations));
            }
            return made;
          },
          where);
}

KStream<std::string, PromotionEvidence> evidence_of_reports(const KStream<std::string, KeptReport>& reports,
                                                            const EvidenceOptions& options,
                                                            const Location& where) {
  const std::string& store = options.store.text();
  const std::string& base = options.name.empty() ? store : options.name;
  if (options.kept == 0) reports.problem("evidence: options.kept is 0", where);
  StoreOptions store_options;
  store_options.persistent = options.persistent;
  store_options.logged = options.logged;
  const KStream<std::string, KeptReport> together = keyed(reports, base, where);
  together.graph()->topology().add_store(key_value_store_spec<std::string, KeptReports>(store, store_options),
                                         state_engine(), where);
  return together.process(
      {.name = base + "-evidence", .stores = {store}},
      [options] { return std::make_unique<ReportJoiner>(options); }, where);
}

}  // namespace ml
}  // namespace weir
