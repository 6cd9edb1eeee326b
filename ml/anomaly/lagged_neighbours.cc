#include <weir/ml/anomaly/lagged_neighbours.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace weir::ml {
namespace {

constexpr std::size_t kMostNeighbours = 1000;
constexpr std::size_t kFewestHistory = 100;
constexpr std::size_t kMostHistory = 100'000;
// Stretches beyond the neighbours that there must be before anything is said.
constexpr std::size_t kSpare = 5;
// So many stretches are looked at side by side: the compiler makes vector instructions of what is done to each alike. After so
// many lags all of them may be too far already; sums of squares only grow.
constexpr std::size_t kAbreast = 8;
constexpr std::size_t kLagsAtOnce = 4;

using Abreast = std::array<double, kAbreast>;

template <std::size_t kLags>
void add_squares(const double* newest, const double* others, Abreast& sums) {
  for (std::size_t i = 0; i < kAbreast; ++i) {
    double sum = sums[i];
    for (std::size_t lag = 0; lag < kLags; ++lag) {
      const double off = newest[lag] - others[i + lag];
      sum += off * off;
    }
    sums[i] = sum;
  }
}

bool any_within(double limit, const Abreast& sums) {
  double least = sums[0];
  for (const double sum : sums) least = sum < least ? sum : least;
  return least <= limit;
}

}  // namespace

std::string fault_in(const LaggedNeighboursOptions& options) {
  if (options.lags == 0 || options.lags > kMostNeighbours)
    return "lagged neighbours: the lags must be 1 .. 1000";
  if (options.neighbours == 0 || options.neighbours > kMostNeighbours)
    return "lagged neighbours: the neighbours must be 1 .. 1000";
  if (options.history < kFewestHistory || options.history > kMostHistory)
    return "lagged neighbours: the history must be 100 .. 100000 values";
  return options.history >= options.neighbours + kSpare
             ? ""
             : "lagged neighbours: the history has too few neighbours";
}

void encode(const LaggedNeighboursOptions& options, Bytes& out) {
  put_big_endian(std::uint64_t{options.lags}, out);
  put_big_endian(std::uint64_t{options.neighbours}, out);
  put_big_endian(std::uint64_t{options.history}, out);
  put_big_endian(std::uint64_t{options.column}, out);
}

LaggedNeighbours::LaggedNeighbours(const LaggedNeighboursOptions& options)
    : options_(options), values_(options.history + options.lags + gap() - 1) {}

void LaggedNeighbours::offer(const Neighbour& neighbour) {
  if (neighbour.distance >= nearest_.front().distance) return;
  std::size_t at = 0;
  for (; at + 1 < nearest_.size() && nearest_[at + 1].distance > neighbour.distance; ++at)
    nearest_[at] = nearest_[at + 1];
  nearest_[at] = neighbour;
}

// What was near the last value is likely to be so a value later.
double LaggedNeighbours::likely_limit(std::span<const double> values, bool moved) {
  const double* newest = values.data() + (values.size() - options_.lags);
  double limit = nearest_.empty() ? std::numeric_limits<double>::infinity() : 0;
  for (Neighbour& neighbour : nearest_) {
    if (!moved) ++neighbour.at;
    double sum = 0;
    for (std::size_t lag = 0; lag < options_.lags; ++lag) {
      const double off = newest[lag] - values[neighbour.at + lag];
      sum += off * off;
    }
    limit = std::max(limit, sum);
  }
  return limit;
}

double LaggedNeighbours::update(const Sample& sample) {
  const bool moved = values_.push(sample.values[options_.column]);
  const std::size_t lags = options_.lags;
  const std::span<const double> values = values_.values();
  if (values.size() < lags + gap()) return 0;
  const std::size_t stretches = values.size() - lags - gap() + 1;
  if (stretches < options_.neighbours + kSpare) return 0;
  const double* newest = values.data() + (values.size() - lags);
  const double limit = likely_limit(values, moved);
  nearest_.assign(options_.neighbours, {std::numeric_limits<double>::infinity(), 0});
  std::size_t first = 0;
  for (; first + kAbreast <= stretches; first += kAbreast) {
    std::array<double, kAbreast> sums{};
    bool near = true;
    std::size_t lag = 0;
    for (; lag + kLagsAtOnce <= lags && near; lag += kLagsAtOnce) {
      add_squares<kLagsAtOnce>(newest + lag, values.data() + first + lag, sums);
      near = any_within(limit, sums);
    }
    for (; lag < lags && near; ++lag) add_squares<1>(newest + lag, values.data() + first + lag, sums);
    for (std::size_t i = 0; i < kAbreast && near; ++i) {
      if (sums[i] <= limit) offer({sums[i], first + i});
    }
  }
  for (; first < stretches; ++first) {
    double sum = 0;
    for (std::size_t lag = 0; lag < lags; ++lag) {
      const double off = newest[lag] - values[first + lag];
      sum += off * off;
    }
    offer({sum, first});
  }
  double sum = 0;
  for (const Neighbour& neighbour : nearest_) sum += std::sqrt(neighbour.distance);
  return sum / static_cast<double>(nearest_.size());
}

absl::Status LaggedNeighbours::restore(ByteReader& reader) {
  nearest_.clear();
  return values_.restore(reader) ? absl::OkStatus() : undecodable_state("a detector by neighbours");
}

}  // namespace weir::ml
