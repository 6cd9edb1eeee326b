#include "card_features.h"

#include <algorithm>
#include <limits>

namespace fraud {
namespace {

constexpr weir::Timestamp kMinute = 60'000;
constexpr weir::Timestamp kHour = 60 * kMinute;
constexpr std::size_t kMostPurchases = 500;
constexpr std::size_t kMostMerchants = 50;
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

struct Sum {
  int count = 0;
  double total = 0;

  [[nodiscard]] float mean() const { return count == 0 ? kUnknown : static_cast<float>(total / count); }
};

// Sums the purchases in (time - width, time].
Sum sum_over(const CardHistory& history, weir::Timestamp time, weir::Timestamp width) {
  Sum sum;
  for (auto purchase = history.last_hour.rbegin(); purchase != history.last_hour.rend(); ++purchase) {
    if (purchase->time > time) continue;
    if (purchase->time <= time - width) break;
    ++sum.count;
    sum.total += purchase->amount;
  }
  return sum;
}

}  // namespace

Features features_of(const Transaction& purchase, weir::Timestamp time, const CardHistory& history,
                     const std::optional<CardProfile>& profile) {
  const Sum minute = sum_over(history, time, kMinute);
  const Sum hour = sum_over(history, time, kHour);
  const bool known_merchant = std::find(history.merchants.begin(), history.merchants.end(),
                                        purchase.merchant) != history.merchants.end();
  const auto amount = static_cast<float>(purchase.amount);
  Features row;
  row[0] = amount;
  row[1] = static_cast<float>(minute.count);
  row[2] = static_cast<float>(minute.total);
  row[3] = minute.mean();
  row[4] = static_cast<float>(hour.count);
  row[5] = static_cast<float>(hour.total);
  row[6] = hour.mean();
  row[7] = amount / hour.mean();
  row[8] = history.last_time == weir::kNoTimestamp ? kUnknown
                                                   : static_cast<float>(time - history.last_time) / 1000.0F;
  row[9] = known_merchant ? 0.0F : 1.0F;
  row[10] = purchase.card_present ? 1.0F : 0.0F;
  row[11] = profile ? (profile->country == purchase.country ? 0.0F : 1.0F) : kUnknown;
  row[12] = profile ? amount / static_cast<float>(profile->usual_amount) : kUnknown;
  row[13] = profile ? static_cast<float>((hour.total + purchase.amount) / profile->limit) : kUnknown;
  row[14] = profile ? static_cast<float>(profile->age_days) : kUnknown;
  row[15] = static_cast<float>(time / kHour % 24);
  return row;
}

void remember(CardHistory& history, const Transaction& purchase, weir::Timestamp time) {
  auto& purchases = history.last_hour;
  const auto place =
      std::upper_bound(purchases.begin(), purchases.end(), time,
                       [](weir::Timestamp t, const CardHistory::Purchase& other) { return t < other.time; });
  purchases.insert(place, {time, purchase.amount});
  history.last_time = std::max(history.last_time, time);
  const weir::Timestamp oldest = history.last_time - kHour;
  const auto first_kept = std::find_if(purchases.begin(), purchases.end(),
                                       [oldest](const auto& other) { return other.time > oldest; });
  purchases.erase(purchases.begin(), first_kept);
  if (purchases.size() > kMostPurchases) {
    purchases.erase(purchases.begin(), purchases.end() - static_cast<std::ptrdiff_t>(kMostPurchases));
  }

  auto& merchants = history.merchants;
  if (const auto known = std::find(merchants.begin(), merchants.end(), purchase.merchant);
      known != merchants.end()) {
    std::rotate(known, known + 1, merchants.end());
    return;
  }
  if (merchants.size() == kMostMerchants) merchants.erase(merchants.begin());
  merchants.push_back(purchase.merchant);
}

}  // namespace fraud
