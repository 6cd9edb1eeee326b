#include "clicks.h"

#include <algorithm>

namespace generators {
namespace {

constexpr double kMsBetweenSessions = 240'000;
constexpr double kMsBetweenClicks = 60'000;
constexpr weir::Timestamp kMsBetweenClicksMost = 600'000;
constexpr std::size_t kLongestSession = 12;

}  // namespace

Shop::Shop(const ClickOptions& options) : options_(options), random_(options.seed) {
  for (Factors& kind : kinds_) {
    for (double& factor : kind) factor = random_.normal(0, 1);
  }
  items_.resize(static_cast<std::size_t>(options_.items));
  std::vector<int> ranks(items_.size());
  for (std::size_t item = 0; item < items_.size(); ++item) {
    const Factors& kind = kinds_[static_cast<std::size_t>(kind_of(static_cast<int>(item)))];
    for (std::size_t i = 0; i < kFactors; ++i) items_[item][i] = kind[i] + random_.normal(0, 0.3);
    ranks[item] = static_cast<int>(item);
  }
  for (std::size_t i = ranks.size() - 1; i > 0; --i)
    std::swap(ranks[i], ranks[static_cast<std::size_t>(random_.pick(static_cast<int>(i) + 1))]);
  double sum = 0;
  for (const int rank : ranks) {
    // Zipf's law with exponent 0.8.
    popularity_.push_back(exp_of(-0.8 * log_of(rank + 1.0)));
    sum += popularity_.back();
  }
  for (double& share : popularity_) {
    share /= sum;
    shown_.add(share);
  }
  users_.resize(static_cast<std::size_t>(options_.users));
  for (Factors& user : users_) {
    for (double& factor : user) factor = random_.normal(0, 1);
  }
}

double Shop::fit(const Factors& interest, int item) const {
  double product = 0;
  for (std::size_t i = 0; i < kFactors; ++i)
    product += interest[i] * items_[static_cast<std::size_t>(item)][i];
  return product;
}

Shop::Session Shop::begin(int number, weir::Timestamp time) {
  Session session;
  session.number = number;
  session.user = random_.pick(options_.users);
  session.time = time;
  Factors& taste = users_[static_cast<std::size_t>(session.user)];
  for (double& factor : taste) factor += random_.normal(0, 0.05);
  Shares wishes;
  for (const Factors& kind : kinds_) {
    double product = 0;
    for (std::size_t i = 0; i < kFactors; ++i) product += taste[i] * kind[i];
    wishes.add(exp_of(0.5 * product));
  }
  const Factors& wanted = kinds_[wishes.pick(random_)];
  for (std::size_t i = 0; i < kFactors; ++i) session.interest[i] = 0.8 * wanted[i] + 0.2 * taste[i];
  return session;
}

Click Shop::click(Session& session) {
  std::vector<int> page;
  while (page.size() < kPage) {
    const auto item = static_cast<int>(shown_.pick(random_));
    const auto is = [item](const std::vector<int>& some) {
      return std::find(some.begin(), some.end(), item) != some.end();
    };
    if (!is(page) && !is(session.clicked)) page.push_back(item);
  }
  Shares tempting;
  for (std::size_t position = 0; position < page.size(); ++position)
    tempting.add(exp_of(std::min(fit(session.interest, page[position]), 30.0)) /
                 (1 + 0.1 * static_cast<double>(position)));
  const std::size_t position = tempting.pick(random_);
  session.clicked.push_back(page[position]);
  const Click click{session.user, page[position], static_cast<int>(position), session.number, session.time};
  session.time += 1000 + std::min(static_cast<weir::Timestamp>(random_.exponential(kMsBetweenClicks)),
                                  kMsBetweenClicksMost);
  return click;
}

std::vector<Click> Shop::browse() {
  std::vector<Click> clicks;
  weir::Timestamp time = options_.start;
  std::vector<weir::Timestamp> busy_until(users_.size(), 0);
  for (int number = 0; clicks.size() < options_.clicks; ++number) {
    time += 1 + static_cast<weir::Timestamp>(random_.exponential(kMsBetweenSessions));
    Session session = begin(number, time);
    // Who is still there, or has just left, does not come again.
    weir::Timestamp& busy = busy_until[static_cast<std::size_t>(session.user)];
    if (time < busy) continue;
    do {
      clicks.push_back(click(session));
    } while (session.clicked.size() < kLongestSession && random_.chance(0.8));
    busy = session.time + weir::Timestamp{3'600'000};
  }
  std::stable_sort(clicks.begin(), clicks.end(),
                   [](const Click& left, const Click& right) { return left.time < right.time; });
  clicks.resize(options_.clicks);
  return clicks;
}

}  // namespace generators
