#include "topology.h"

#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include <weir/ml/registry/model_table.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "card_features.h"
#include "transaction.h"

namespace fraud {
namespace {

constexpr char kHistoryStore[] = "card-history";

struct KnownTransaction {
  Transaction transaction;
  std::optional<CardProfile> profile;
};

struct FeaturedTransaction {
  Transaction transaction;
  Features features;
};

// Readable JSON can still be nonsense. What it throws becomes the reason in the dead letter.
Transaction validated(const Transaction& transaction) {
  if (transaction.id.empty()) throw std::invalid_argument("a transaction without id");
  if (!std::isfinite(transaction.amount) || transaction.amount <= 0) {
    throw std::invalid_argument(fmt::format("the amount of {} is {}", transaction.id, transaction.amount));
  }
  return transaction;
}

std::optional<double> known(float value) {
  return std::isnan(value) ? std::nullopt : std::optional<double>(value);
}

// Turns a transaction into the model's row, and remembers it for the next one of the card.
class FeatureMaker final : public weir::ValueProcessor<std::string, KnownTransaction, FeaturedTransaction> {
 public:
  void open(Context& context) override {
    context_ = &context;
    histories_ = &context.store<weir::KeyValueStore<std::string, CardHistory>>(kHistoryStore);
  }

  void process(const weir::Record<std::string, KnownTransaction>& record) override {
    FeaturedTransaction result{record.value.transaction, {}};
    histories_->modify(record.key, record.timestamp, [&](auto& row) {
      if (!row) row.emplace();
      result.features = features_of(result.transaction, record.timestamp, row->value, record.value.profile);
      remember(row->value, result.transaction, record.timestamp);
      row->timestamp = record.timestamp;
    });
    context_->forward(result);
  }

 private:
  Context* context_ = nullptr;
  weir::KeyValueStore<std::string, CardHistory>* histories_ = nullptr;
};

}  // namespace

absl::StatusOr<weir::Topology> make_topology(double threshold) {
  weir::StreamBuilder builder;
  const auto profiles = builder.table<std::string, CardProfile>(kProfiles, {.store = "profiles"});
  builder.key_value_store<std::string, CardHistory>(kHistoryStore);
  const weir::ml::ModelTable models(builder,
                                    {.registry = kRegistry, .artifacts = kArtifacts, .persistent = false});

  const auto scores =
      builder.stream<std::string, Transaction>(kTransactions, {.on_error = weir::ErrorPolicy::kDeadLetter})
          .map_values({.name = "validate", .on_error = weir::ErrorPolicy::kDeadLetter}, validated)
          .left_join({.name = "add-profile"}, profiles,
                     [](const Transaction& transaction, const std::optional<CardProfile>& profile) {
                       return KnownTransaction{transaction, profile};
                     })
          .process_values({.name = "features", .stores = {kHistoryStore}},
                          [] { return std::make_unique<FeatureMaker>(); })
          .apply(weir::ml::score(
              {.models = models.use(kModel), .name = "score"},
              [](const FeaturedTransaction& transaction) { return transaction.features; },
              [](const FeaturedTransaction& featured, std::span<const float> outputs) {
                return Score{.transaction = featured.transaction.id,
                             .probability = outputs[0],
                             .amount = featured.transaction.amount,
                             .amount_to_usual = known(featured.features[column_of("amount_to_usual")]),
                             .card_present = featured.transaction.card_present,
                             .merchant = featured.transaction.merchant};
              }));
  scores.to(kScores);
  scores
      .filter({.name = "suspicious"},
              [threshold](const Score& score) { return score.probability >= threshold; })
      .to(kAlerts);
  return builder.build();
}

}  // namespace fraud
