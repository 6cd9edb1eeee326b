#include <weir/ml/anomaly/random_cut_forest.h>

#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr std::size_t kMostCutTrees = 1000;
constexpr std::size_t kFewestPoints = 8;
constexpr std::size_t kMostPoints = 4096;
constexpr std::size_t kMostLags = 100;
constexpr std::size_t kMostCutColumns = 100;

}  // namespace

std::string fault_in(const RandomCutForestOptions& options) {
  if (options.trees == 0 || options.trees > kMostCutTrees)
    return "random cut forest: there must be 1 .. 1000 trees";
  if (options.points < kFewestPoints || options.points > kMostPoints)
    return "random cut forest: the points must be 8 .. 4096";
  if (options.horizon < options.points)
    return "random cut forest: the horizon must not be less than the points";
  if (options.lags == 0 || options.lags > kMostLags) return "random cut forest: the lags must be 1 .. 100";
  return options.columns > 0 && options.columns <= kMostCutColumns
             ? ""
             : "random cut forest: the columns must be 1 .. 100";
}

void encode(const RandomCutForestOptions& options, Bytes& out) {
  for (const std::size_t each :
       {options.trees, options.points, options.horizon, options.lags, options.columns})
    put_big_endian(std::uint64_t{each}, out);
  put_big_endian(options.seed, out);
}

RandomCutForest::RandomCutForest(const RandomCutForestOptions& options)
    : options_(options),
      random_(options.seed),
      // One more than stay, for the point that is looked at.
      trees_(options.trees, RandomCutTree(options.points + 1, options.lags * options.columns)),
      empty_(options.trees, 0),
      values_(options.lags * options.columns) {}

double RandomCutForest::offer() {
  const double keep = static_cast<double>(options_.points) / static_cast<double>(options_.horizon);
  double sum = 0;
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    RandomCutTree& tree = trees_[i];
    const std::uint32_t slot = empty_[i];
    tree.insert(slot, point_, random_);
    sum += tree.displacement(slot);
    if (tree.size() <= options_.points) {
      empty_[i] = slot + 1;
    } else if (random_.uniform() < keep) {
      // Any of the others.
      const auto victim = static_cast<std::uint32_t>(random_.below(options_.points));
      empty_[i] = victim < slot ? victim : victim + 1;
      tree.remove(empty_[i]);
    } else {
      tree.remove(slot);
    }
  }
  return sum / static_cast<double>(trees_.size());
}

double RandomCutForest::update(const Sample& sample) {
  for (std::size_t column = 0; column < options_.columns; ++column) values_.push(sample.values[column]);
  if (values_.size() < options_.lags * options_.columns) return 0;
  point_.resize(values_.size());
  for (std::size_t i = 0; i < point_.size(); ++i) point_[i] = values_[i];
  const double displaced = offer();
  // While the trees fill the figure only says how full they are.
  return trees_.front().size() < options_.points ? 0 : displaced;
}

void RandomCutForest::encode(Bytes& out) const {
  put_big_endian(random_.state(), out);
  values_.encode(out);
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    put_big_endian(empty_[i], out);
    trees_[i].encode(out);
  }
}

absl::Status RandomCutForest::restore(ByteReader& reader) {
  random_ = SeededRandom(reader.integer<std::uint64_t>());
  if (!values_.restore(reader)) return undecodable_state("a random cut forest");
  for (std::size_t i = 0; i < trees_.size(); ++i) {
    empty_[i] = reader.integer<std::uint32_t>();
    if (absl::Status restored = trees_[i].restore(reader); !restored.ok()) return restored;
    // All numbers but that one are taken, or in the beginning those before it.
    const bool fits = empty_[i] <= options_.points && !trees_[i].has(empty_[i]);
    bool dense = true;
    for (std::uint32_t slot = 0; fits && slot < empty_[i]; ++slot) dense = dense && trees_[i].has(slot);
    if (!fits || !dense || (trees_[i].size() != options_.points && trees_[i].size() != empty_[i]))
      return undecodable_state("a random cut forest");
  }
  return absl::OkStatus();
}

}  // namespace weir::ml
