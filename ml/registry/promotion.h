// A rule that makes a challenger the champion, or ends its challenge, by what metrics say of both.
//
//   weir::ml::promote(models, evidence, {.model = "fraud", .store = "fraud-promotion", .wins = 3, .min_gain = 0.01})
//       .to("models");
//
// Evidence comes window by window, keyed by the model's name, so that one task decides: a metric of the champion and of the
// challenger over the same window. <weir/ml/registry/evidence.h> makes it of the feedback on their predictions. What comes
// out are records of the registry, for its topic. They are written in the transaction of the evidence, and their ids are made
// of its topic, partition and offset: a replay writes the same again and not another.
//
// Evidence counts only while its models are what it says: the challenger the last record of its role, with a weight, and no later
// champion; the champion the last one. An empty champion is any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <weir/core/json_serde.h>
#include <weir/ml/registry/model_table.h>
#include <weir/operators/stream.h>

namespace weir::ml {

struct PromotionEvidence {
  std::string champion;    // version
  std::string challenger;  // version
  std::uint64_t rows = 0;  // of the challenger, in the window
  double champion_value = 0;
  double challenger_value = 0;
  // Of challenger_value - champion_value, if anybody knows: it lies between them, as far as the rows can tell.
  std::optional<double> difference_low = {};
  std::optional<double> difference_high = {};
};

struct PromotionRule {
  std::string model = {};
  // Of the store that counts windows won in a row, and of the node.
  std::string store = {};
  // Who is promoted: a challenger, or a shadow.
  ModelRole role = ModelRole::kChallenger;
  bool larger_is_better = true;
  std::uint64_t min_rows = 1'000;  // windows with fewer say nothing
  // A window is won when the challenger is better by at least that, also by the bound of the difference that is worse for it, if
  // there are bounds; so many in a row make it the champion.
  double min_gain = 0;
  int wins = 3;
  // A window in which it is worse by more than that, by both bounds, ends its challenge.
  double max_loss = 0;
  // The change is for records of so much later than the evidence: more than lies between any two tasks.
  Duration lead{60'000};
};

// Returns what is wrong with a rule, or nothing.
[[nodiscard]] std::string problem_with(const PromotionRule& rule);

// Keys are those of the registry, values its JSON.
[[nodiscard]] KStream<std::string, std::string> promote(
    const ModelTable& models, const KStream<std::string, PromotionEvidence>& evidence,
    const PromotionRule& rule, Location where = Location::current());

}  // namespace weir::ml

template <>
struct weir::Serde<weir::ml::PromotionEvidence> : weir::JsonSerde<weir::ml::PromotionEvidence> {
  using T = weir::ml::PromotionEvidence;
  static constexpr auto kFields =
      fields(field("champion", &T::champion), field("challenger", &T::challenger), field("rows", &T::rows),
             field("champion_value", &T::champion_value), field("challenger_value", &T::challenger_value),
             field("difference_low", &T::difference_low), field("difference_high", &T::difference_high));
};
