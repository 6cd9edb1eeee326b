#include <weir/ml/registry/promotion.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/ml/registry/registry_store.h>
#include <weir/operators/process.h>
#include <weir/operators/store_access.h>

namespace weir::ml {
namespace {

using Wins = KeyValueStore<std::string, std::int64_t>;

class Promoter final : public Processor<std::string, PromotionEvidence, std::string, std::string> {
 public:
  Promoter(PromotionRule rule, std::string registry)
      : rule_(std::move(rule)), registry_name_(std::move(registry)) {}

  void open(Context& context) override {
    context_ = &context;
    wins_ = &context.store<Wins>(rule_.store);
    registry_ = &context.store<RegistryView>(registry_name_);
  }

  void process(const Record<std::string, PromotionEvidence>& record) override {
    const PromotionEvidence& evidence = record.value;
    if (record.key != rule_.model || evidence.rows < rule_.min_rows ||
        !std::isfinite(evidence.champion_value) || !std::isfinite(evidence.challenger_value))
      return;
    const std::vector<RegistryEntry> entries = entries_of(*registry_, rule_.model);
    const RegistryEntry* challenger = challenger_in(entries, rule_.role);
    if (challenger == nullptr || challenger->manifest.version != evidence.challenger) return;
    if (!evidence.champion.empty() && !is_champion(entries, evidence.champion)) return;

    const double difference = evidence.challenger_value - evidence.champion_value;
    double gain = difference;
    double gain_least = evidence.difference_low.value_or(difference);
    double gain_most = evidence.difference_high.value_or(difference);
    if (!rule_.larger_is_better) {
      gain = -gain;
      std::swap(gain_least, gain_most);
      gain_least = -gain_least;
      gain_most = -gain_most;
    }
    // Counted by record of the registry: a version that challenges once more begins anew.
    if (gain_most < -rule_.max_loss) return decide(record, *challenger, rule_.role, 0, gain);
    std::int64_t won = 0;
    if (gain_least >= rule_.min_gain) {
      const auto* row = wins_->find(challenger->key);
      won = (row == nullptr ? 0 : row->value) + 1;
    }
    if (won >= rule_.wins)
      return decide(record, *challenger, ModelRole::kChampion, ModelManifest::kWhole, gain);
    wins_->put(challenger->key, won, record.timestamp);
  }

 private:
  // The record that has the challenger's place, if anybody has.
  static const RegistryEntry* challenger_in(const std::vector<RegistryEntry>& entries, ModelRole role) {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (entry->manifest.role == ModelRole::kChampion) return nullptr;
      if (entry->manifest.role == role) return entry->manifest.weight > 0 ? &*entry : nullptr;
    }
    return nullptr;
  }
  static bool is_champion(const std::vector<RegistryEntry>& entries, const std::string& version) {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      if (entry->manifest.role == ModelRole::kChampion) return entry->manifest.version == version;
    }
    return false;
  }

  void decide(const Record<std::string, PromotionEvidence>& record, const RegistryEntry& challenger,
              ModelRole role, std::uint32_t weight, double gain) {
    // One decision for a challenger: what it is told now, the registry says a moment later.
    const std::string decided = challenger.key + "/decided";
    if (wins_->put_if_absent(decided, 1, record.timestamp) != nullptr) return;
    ModelManifest manifest = challenger.manifest;
    manifest.role = role;
    manifest.weight = weight;
    manifest.parent = record.value.champion;
    manifest.effective_from = std::max<Timestamp>(record.timestamp + rule_.lead.count(), 0);
    manifest.note =
        fmt::format("{} by a rule: {} against {} over {} rows, a gain of {}",
                    role == ModelRole::kChampion ? "promoted" : "taken back", record.value.challenger_value,
                    record.value.champion_value, record.value.rows, gain);
    Bytes text;
    Serde<ModelManifest>::encode(manifest, text);
    const Origin& origin = context_->origin();
    context_->forward(registry_key(rule_.model, fmt::format("rule-{}-{}", origin.partition, origin.offset)),
                      text);
  }

  const PromotionRule rule_;
  const std::string registry_name_;
  Context* context_ = nullptr;
  Wins* wins_ = nullptr;
  RegistryView* registry_ = nullptr;
};

}  // namespace

std::string problem_with(const PromotionRule& rule) {
  if (!is_model_name(rule.model)) return "rule.model is no model's name";
  if (rule.store.empty()) return "rule.store has no name";
  if (rule.role == ModelRole::kChampion) return "rule.role is the champion's";
  if (rule.wins < 1) return "rule.wins is less than 1";
  if (!(rule.min_gain >= 0) || !(rule.max_loss >= 0)) return "rule.min_gain or rule.max_loss is negative";
  if (rule.lead.count() < 0) return "rule.lead is negative";
  return "";
}

KStream<std::string, std::string> promote(const ModelTable& models,
                                          const KStream<std::string, PromotionEvidence>& evidence,
                                          const PromotionRule& rule, Location where) {
  if (const std::string problem = problem_with(rule); !problem.empty())
    evidence.problem("promote: " + problem, where);
  if (!rule.store.empty()) {
    evidence.graph()->topology().add_store(key_value_store_spec<std::string, std::int64_t>(rule.store, {}),
                                           state_engine(), where);
  }
  return evidence.process(
      {.name = rule.store, .stores = {rule.store}},
      [rule, registry = models.registry_store()] { return std::make_unique<Promoter>(rule, registry); },
      where);
}

}  // namespace weir::ml
