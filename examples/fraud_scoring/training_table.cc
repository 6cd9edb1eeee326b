#include "training_table.h"

#include <unordered_map>

#include "card_features.h"

namespace fraud {

training::Table training_table(const WorldOptions& options, weir::Timestamp from, weir::Timestamp until) {
  World world(options);
  std::unordered_map<std::string, CardProfile> profiles;
  for (const auto& [card, profile] : world.profiles()) profiles[card] = profile;
  std::unordered_map<std::string, CardHistory> histories;
  training::Table table;
  table.columns.assign(kFeatureNames.begin(), kFeatureNames.end());
  for (std::uint64_t made = 0; made < options.cards.purchases; ++made) {
    const WorldRecord record = world.next();
    if (record.time >= until) break;
    if (!record.readable) continue;
    CardHistory& history = histories[record.card];
    if (record.time >= from) {
      table.add(features_of(record.transaction, record.time, history, profiles[record.card]),
                record.pattern.empty() ? 0.0F : 1.0F);
    }
    remember(history, record.transaction, record.time);
  }
  return table;
}

}  // namespace fraud
