#include "quality.h"

#include <chrono>
#include <limits>
#include <string>

#include <weir/ml/feedback/drift.h>
#include <weir/ml/feedback/evaluate.h>
#include <weir/ml/feedback/feedback.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "topology.h"
#include "transaction.h"

namespace fraud {
namespace {

using namespace std::chrono_literals;
using Judged = weir::ml::Example<Score, Label>;

// Labels come up to four weeks after their purchase.
constexpr weir::Duration kFourWeeks = 28 * 24h;
// A run reads its four weeks within seconds, its topics one after the other, and its workers run ahead of each other: what the
// first purchase led to may come after the last label.
constexpr weir::Duration kWholeRun = 2 * kFourWeeks;

std::string version_in(const weir::Headers& headers) {
  const weir::Header* version = headers.last(weir::ml::kModelVersionHeader);
  return version != nullptr && version->value ? *version->value : "unknown";
}

}  // namespace

absl::StatusOr<weir::Topology> make_quality_topology(const std::vector<weir::ml::DriftReference>& references,
                                                     double threshold) {
  weir::StreamBuilder builder;
  const auto scores = builder.stream<std::string, Score>(kScores);

  scores
      .apply(weir::ml::drift({.store = "input-drift",
                              .references = references,
                              .window = 24h,
                              .grace = 5 * 24h,
                              // On the first day nobody has a history, which is no drift.
                              .limits = {.ks = 0.15}},
                             [](const Score& score) {
                               constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
                               return weir::ml::DriftRow{
                                   .segment = kModel,
                                   .values = {score.probability, score.amount_to_usual.value_or(kMissing),
                                              score.card_present ? 1.0 : 0.0}};
                             }))
      .reports.to(kDrift);

  const auto judged =
      scores.select_key([](const Score& score) { return score.transaction; })
          .apply(weir::ml::feedback({.store = "feedback", .horizon = kFourWeeks + 24h, .grace = kWholeRun},
                                    builder.stream<std::string, Label>(kLabels)))
          .examples;
  judged
      .apply(weir::ml::evaluate(
          {.store = "model-quality",
           .window = 7 * 24h,
           .grace = kWholeRun,
           .threshold = threshold,
           .emit = weir::WindowEmit::kOnCommit},
          [](const std::string&, const Judged& judgement, const weir::RecordInfo& info) {
            return weir::ml::Outcome{.segment = version_in(info.headers),
                                     .predicted = judgement.prediction.probability,
                                     .actual = judgement.label.pattern.empty() ? 0.0 : 1.0};
          }))
      .to(kQuality);
  judged.filter({.name = "frauds"}, [](const Judged& judgement) { return !judgement.label.pattern.empty(); })
      .apply(weir::ml::changes({.store = "missed-frauds"}, weir::ml::Adwin(),
                               [threshold](const Judged& judgement) {
                                 return weir::ml::Watched{
                                     .segment = "missed frauds",
                                     .value = judgement.prediction.probability < threshold ? 1.0 : 0.0};
                               }))
      .to(kErrorChanges);
  return builder.build();
}

}  // namespace fraud
