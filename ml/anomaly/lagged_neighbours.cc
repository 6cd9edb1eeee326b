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

void LaggedNeighbours::offer(double squared_distance) {
  if (squared_distance >= nearest_.front()) return;
  std::size_t at = 0;
  for (; at + 1 < nearest_.size() && nearest_[at + 1] > squared_distance; ++at)
    nearest_[at] = nearest_[at + 1];
  nearest_[at] = squared_distance;
}

double LaggedNeighbours::update(const Sample& sample) {
  // So many stretches at a time: the compiler makes vector instructions of what is done to each alike.
  constexpr std::size_t kAbreast = 8;
  values_.push(sample.values[options_.column]);
  const std::size_t lags = options_.lags;
  if (values_.size() < lags + gap()) return 0;
  const std::size_t stretches = values_.size() - lags - gap() + 1;
  if (stretches < options_.neighbours + kSpare) return 0;
  straight_.resize(values_.size() + kAbreast);
  for (std::size_t i = 0; i < values_.size(); ++i) straight_[i] = values_[i];
  const double* newest = straight_.data() + (values_.size() - lags);
  nearest_.assign(options_.neighbours, std::numeric_limits<double>::infinity());
  for (std::size_t first = 0; first < stretches; first += kAbreast) {
    std::array<double, kAbreast> sums{};
    for (std::size_t lag = 0; lag < lags; ++lag) {
      const double* values = straight_.data() + first + lag;
      for (std::size_t i = 0; i < kAbreast; ++i) {
        const double off = newest[lag] - values[i];
        sums[i] += off * off;
      }
    }
    for (std::size_t i = 0; i < std::min(kAbreast, stretches - first); ++i) offer(sums[i]);
  }
  double sum = 0;
  for (const double distance : nearest_) sum += std::sqrt(distance);
  return sum / static_cast<double>(nearest_.size());
}

absl::Status LaggedNeighbours::restore(ByteReader& reader) {
  return values_.restore(reader) ? absl::OkStatus() : undecodable_state("a detector by neighbours");
}

}  // namespace weir::ml
