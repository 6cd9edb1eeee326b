// Chance for simulations: one stream of numbers per site, each a function of (seed, site, how often it was asked). Taking one
// site's questions away leaves the answers of all others as they were, which is what makes a failing run shrinkable.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

class SimulationChance {
 public:
  SimulationChance(std::uint64_t seed, std::string_view site) : state_(seed) {
    for (const char letter : site) state_ = mixed(state_ ^ static_cast<unsigned char>(letter));
  }

  [[nodiscard]] std::uint64_t next() { return mixed(state_ + 0x9e3779b97f4a7c15U * ++asked_); }

  // Returns a number from 0 to `end` - 1; 0 if `end` is 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : next() % end; }

  // Returns a number from `first` to `last`.
  [[nodiscard]] std::int64_t between(std::int64_t first, std::int64_t last) {
    return first + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(last - first) + 1));
  }

  // Returns a number from `first` to `last` (> 0), of which small ones are as likely as large ones, by magnitude.
  [[nodiscard]] std::int64_t magnitude(std::int64_t first, std::int64_t last) {
    std::int64_t highest = first;
    std::uint64_t doublings = 0;
    while (highest < last) {
      highest *= 2;
      ++doublings;
    }
    std::int64_t top = first;
    for (std::uint64_t i = below(doublings + 1); i > 0; --i) top *= 2;
    return between(first, top < last ? top : last);
  }

  [[nodiscard]] bool percent(std::uint64_t likely) { return below(100) < likely; }

 private:
  // splitmix64's finaliser.
  static std::uint64_t mixed(std::uint64_t bits) {
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
    return bits ^ (bits >> 31);
  }

  std::uint64_t state_;
  std::uint64_t asked_ = 0;
};

}  // namespace weir
