#include "recommending.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <weir/weir.h>

namespace recommendation {
namespace {

constexpr char kRecentStore[] = "recent-clicks";
constexpr char kWishStore[] = "wishes";

// Knows the session that each user is in.
class SessionTracker final : public weir::ValueProcessor<std::string, Click, Step> {
 public:
  void open(Context& context) override {
    context_ = &context;
    recent_ = &context.store<weir::KeyValueStore<std::string, Recent>>(kRecentStore);
  }

  void process(const weir::Record<std::string, Click>& record) override {
    if (record.value.item.empty()) throw std::invalid_argument("a click on no item");
    const auto* known = recent_->find(record.key);
    Recent recent = known == nullptr ? Recent() : known->value;
    remember(recent, record.value.item, record.timestamp);
    context_->forward(Step{record.key, record.value.number, recent.items});
    recent_->put(record.key, std::move(recent), record.timestamp);
  }

 private:
  Context* context_ = nullptr;
  weir::KeyValueStore<std::string, Recent>* recent_ = nullptr;
};

// Knows what each user may want next.
class Recommender final : public weir::ValueProcessor<std::string, Offer, Recommendation> {
 public:
  void open(Context& context) override {
    context_ = &context;
    wishes_ = &context.store<weir::KeyValueStore<std::string, Wishes>>(kWishStore);
  }

  void process(const weir::Record<std::string, Offer>& record) override {
    const auto* known = wishes_->find(record.key);
    Wishes wishes = known == nullptr ? Wishes() : known->value;
    context_->forward(Recommendation{record.value.number, wish(wishes, record.value)});
    wishes_->put(record.key, std::move(wishes), record.timestamp);
  }

 private:
  Context* context_ = nullptr;
  weir::KeyValueStore<std::string, Wishes>* wishes_ = nullptr;
};

// The latest item of a session with each of those before it, both ways round.
std::vector<std::pair<std::string, std::string>> pairs_of(const std::string&, const Step& step) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i + 1 < step.items.size(); ++i) {
    if (step.items[i] == step.items.back()) continue;
    pairs.emplace_back(step.items[i], step.items.back());
    pairs.emplace_back(step.items.back(), step.items[i]);
  }
  return pairs;
}

}  // namespace

void remember(Recent& recent, const std::string& item, weir::Timestamp time) {
  if (time > recent.last + kSessionGap.count()) recent.items.clear();
  recent.last = std::max(recent.last, time);
  recent.items.push_back(item);
  if (recent.items.size() > kRecentItems) recent.items.erase(recent.items.begin());
}

void count_neighbour(Neighbours& neighbours, const std::string& item) {
  ++neighbours.counts[item];
  if (neighbours.counts.size() <= kMostNeighbours) return;
  // The newcomer stays: it has had no chance yet.
  auto least = neighbours.counts.end();
  for (auto each = neighbours.counts.begin(); each != neighbours.counts.end(); ++each) {
    if (each->first != item && (least == neighbours.counts.end() || each->second < least->second))
      least = each;
  }
  neighbours.counts.erase(least);
}

std::vector<std::string> wish(Wishes& wishes, const Offer& offer) {
  if (offer.seen.size() == 1) wishes.scores.clear();  // a session begins
  std::int64_t total = 0;
  for (const auto& [item, count] : offer.counts) total += count;
  for (auto& [item, score] : wishes.scores) score /= 2;
  for (const auto& [item, count] : offer.counts)
    wishes.scores[item] += static_cast<double>(count) / static_cast<double>(total);
  std::erase_if(wishes.scores, [](const auto& each) { return each.second < 1e-4; });

  std::vector<std::pair<double, std::string>> best;
  for (const auto& [item, score] : wishes.scores) {
    if (std::find(offer.seen.begin(), offer.seen.end(), item) == offer.seen.end())
      best.emplace_back(-score, item);
  }
  const std::size_t count = std::min(best.size(), kRecommended);
  std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(count), best.end());
  std::vector<std::string> items;
  for (std::size_t i = 0; i < count; ++i) items.push_back(best[i].second);
  return items;
}

absl::StatusOr<weir::Topology> make_topology() {
  weir::StreamBuilder builder;
  builder.key_value_store<std::string, Recent>(kRecentStore);
  builder.key_value_store<std::string, Wishes>(kWishStore);
  const auto clicks =
      builder.stream<std::string, Click>(kClicks, {.on_error = weir::ErrorPolicy::kDeadLetter});

  clicks.group_by_key()
      .windowed_by(weir::session({.gap = kSessionGap, .grace = weir::Duration{0}}))
      .count({.store = "sessions", .emit = weir::WindowEmit::kOnWindowClose})
      .to_stream()
      .map([](const weir::SessionWindowed<std::string>& session, const std::optional<std::int64_t>& count) {
        return std::pair(session.key, count.value_or(0));
      })
      .to(kSessions);

  const auto steps = clicks.process_values(
      {.name = "track-sessions", .stores = {kRecentStore}, .on_error = weir::ErrorPolicy::kDeadLetter},
      [] { return std::make_unique<SessionTracker>(); });

  // By item: what else was seen in its sessions.
  const auto neighbours = steps.flat_map(pairs_of).group_by_key().aggregate(
      {.store = "neighbours"}, [] { return Neighbours(); },
      [](const std::string& item, Neighbours& all) { count_neighbour(all, item); });

  // Each click asks the neighbours of its item, and goes back to its user with what they say.
  steps.select_key([](const Step& step) { return step.items.back(); })
      .left_join(
          {.name = "ask-neighbours"}, neighbours,
          [](const Step& step, const std::optional<Neighbours>& known) {
            return std::pair(step.user, Offer{step.number, step.items, known.value_or(Neighbours()).counts});
          })
      .map([](const std::string&, const std::pair<std::string, Offer>& offer) { return offer; })
      .repartition({.name = "offers"})
      .process_values({.name = "recommend", .stores = {kWishStore}},
                      [] { return std::make_unique<Recommender>(); })
      .to(kRecommendations);
  return builder.build();
}

}  // namespace recommendation
