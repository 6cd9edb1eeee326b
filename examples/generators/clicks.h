// People who look at things: sessions of clicks on items, by taste, fashion and place on the page.
//
// Users and items have factors, items in groups of a kind. In each session a user is after one kind, most often one of those that
// fit the user's taste, which drifts. A page shows items by their popularity, which is Zipf's; what is clicked depends on
// how well it fits and how high up it stands.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <weir/core/time.h>

#include "random.h"

namespace generators {

inline constexpr std::size_t kFactors = 6;
using Factors = std::array<double, kFactors>;

struct ClickOptions {
  std::uint64_t seed = 1;
  int users = 300;
  int items = 240;
  std::uint64_t clicks = 40'000;
  weir::Timestamp start = 1'767'225'600'000;  // 2026-01-01
};

struct Click {
  int user = 0;
  int item = 0;
  int position = 0;  // on the page, from 0
  int session = 0;   // of all users, counted
  weir::Timestamp time = 0;
};

class Shop {
 public:
  static constexpr int kKinds = 12;
  static constexpr int kPage = 24;  // items

  explicit Shop(const ClickOptions& options);

  // Returns the clicks of all users, in order of time.
  [[nodiscard]] std::vector<Click> browse();

  [[nodiscard]] int kind_of(int item) const { return item % kKinds; }
  // How well an item fits an interest: the product of their factors.
  [[nodiscard]] double fit(const Factors& interest, int item) const;
  // The share of all showings that an item has.
  [[nodiscard]] double popularity(int item) const { return popularity_[static_cast<std::size_t>(item)]; }

 private:
  struct Session {
    int number = 0;
    int user = 0;
    Factors interest{};
    std::vector<int> clicked;
    weir::Timestamp time = 0;
  };

  Session begin(int number, weir::Timestamp time);
  // Returns what is clicked on the next page.
  Click click(Session& session);

  const ClickOptions options_;
  Random random_;
  std::array<Factors, kKinds> kinds_{};
  std::vector<Factors> items_;
  std::vector<Factors> users_;
  std::vector<double> popularity_;
  Shares shown_;
};

}  // namespace generators
