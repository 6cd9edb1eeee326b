#include <weir/ml/anomaly/half_space_trees.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <weir/ml/seeded_random.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr std::size_t kMostSpaceTrees = 1000;
constexpr std::size_t kMostDepth = 15;
constexpr std::size_t kMostSpaceColumns = 1000;
// A node with less than this share of a window's mass is not looked into any further.
constexpr double kSmall = 0.1;

}  // namespace

std::string fault_in(const HalfSpaceTreesOptions& options) {
  if (options.trees == 0 || options.trees > kMostSpaceTrees)
    return "half-space trees: there must be 1 .. 1000 trees";
  if (options.depth == 0 || options.depth > kMostDepth) return "half-space trees: the depth must be 1 .. 15";
  if (options.window < 10 || options.window > 1'000'000)
    return "half-space trees: the window must be 10 .. 1000000 samples";
  return options.columns > 0 && options.columns <= kMostSpaceColumns
             ? ""
             : "half-space trees: the columns must be 1 .. 1000";
}

void encode(const HalfSpaceTreesOptions& options, Bytes& out) {
  for (const std::size_t each : {options.trees, options.depth, options.window, options.columns})
    put_big_endian(std::uint64_t{each}, out);
  put_big_endian(options.seed, out);
}

HalfSpaceTrees::HalfSpaceTrees(const HalfSpaceTreesOptions& options)
    : options_(options),
      reference_(options.trees * nodes_each()),
      latest_(options.trees * nodes_each()),
      least_(options.columns, std::numeric_limits<double>::infinity()),
      most_(options.columns, -std::numeric_limits<double>::infinity()),
      low_(options.columns),
      high_(options.columns),
      scaled_(options.columns) {
  make_trees();
}

void HalfSpaceTrees::make_trees() {
  SeededRandom random(options_.seed);
  const std::size_t inner = (std::size_t{1} << options_.depth) - 1;
  struct Range {
    double low = 0;
    double high = 0;
  };
  std::vector<Range> ranges(nodes_each() * options_.columns);
  for (std::size_t tree = 0; tree < options_.trees; ++tree) {
    for (std::size_t column = 0; column < options_.columns; ++column) {
      const double center = random.uniform();
      const double reach = 2 * std::max(center, 1 - center);
      ranges[column] = {center - reach, center + reach};
    }
    for (std::size_t node = 0; node < inner; ++node) {
      const Range* own = &ranges[node * options_.columns];
      const std::size_t column = random.below(options_.columns);
      const double middle = (own[column].low + own[column].high) / 2;
      cuts_.push_back({static_cast<std::uint32_t>(column), middle});
      for (const std::size_t child : {2 * node + 1, 2 * node + 2}) {
        std::copy(own, own + options_.columns, &ranges[child * options_.columns]);
      }
      ranges[(2 * node + 1) * options_.columns + column].high = middle;
      ranges[(2 * node + 2) * options_.columns + column].low = middle;
    }
  }
}

void HalfSpaceTrees::scale(const Sample& sample) {
  for (std::size_t column = 0; column < options_.columns; ++column) {
    const double range = high_[column] - low_[column];
    // A column that never moved: what differs is outside, whatever by.
    const double off = sample.values[column] - low_[column];
    scaled_[column] = range > 0 ? off / range : off == 0 ? 0.5 : off > 0 ? 2 : -2;
  }
}

template <class F>
void HalfSpaceTrees::descend(std::size_t tree, F&& visit) const {
  const Cut* cuts = cuts_.data() + tree * ((std::size_t{1} << options_.depth) - 1);
  std::size_t node = 0;
  for (std::size_t depth = 0; visit(tree * nodes_each() + node, depth) && depth < options_.depth; ++depth) {
    const Cut& cut = cuts[node];
    node = 2 * node + (scaled_[cut.column] < cut.at ? 1 : 2);
  }
}

double HalfSpaceTrees::update(const Sample& sample) {
  double strange = 0;
  if (windows_ > 0) {
    scale(sample);
    const double small = kSmall * static_cast<double>(options_.window);
    double mass = 0;
    for (std::size_t tree = 0; tree < options_.trees; ++tree) {
      double here = 0;
      descend(tree, [&](std::size_t node, std::size_t depth) {
        const double in_node = reference_[node];
        here = std::ldexp(in_node, static_cast<int>(depth));
        return in_node > small;
      });
      mass += here;
      descend(tree, [&](std::size_t node, std::size_t) { return ++latest_[node] > 0; });
    }
    const double most = static_cast<double>(options_.trees) *
                        std::ldexp(static_cast<double>(options_.window), static_cast<int>(options_.depth));
    if (windows_ > 1) strange = std::log2((most + 1) / (mass + 1));
  }
  for (std::size_t column = 0; column < options_.columns; ++column) {
    least_[column] = std::min(least_[column], sample.values[column]);
    most_[column] = std::max(most_[column], sample.values[column]);
  }
  if (++in_window_ < options_.window) return strange;
  in_window_ = 0;
  low_ = least_;
  high_ = most_;
  if (windows_ < 2) ++windows_;
  reference_.swap(latest_);
  std::fill(latest_.begin(), latest_.end(), 0);
  return strange;
}

void HalfSpaceTrees::encode(Bytes& out) const {
  put_big_endian(in_window_, out);
  put_big_endian(windows_, out);
  for (const auto* each : {&least_, &most_, &low_, &high_}) put_doubles(*each, out);
  for (const auto* each : {&reference_, &latest_}) {
    for (const std::uint32_t mass : *each) put_big_endian(mass, out);
  }
}

absl::Status HalfSpaceTrees::restore(ByteReader& reader) {
  in_window_ = reader.integer<std::uint64_t>();
  windows_ = reader.integer<std::uint8_t>();
  for (auto* each : {&least_, &most_, &low_, &high_}) {
    std::vector<double> values = read_doubles(reader);
    if (!reader.ok() || values.size() != options_.columns) return undecodable_state("half-space trees");
    *each = std::move(values);
  }
  if (in_window_ >= options_.window || !usable(low_) || !usable(high_))
    return undecodable_state("half-space trees");
  for (auto* each : {&reference_, &latest_}) {
    for (std::uint32_t& mass : *each) mass = reader.integer<std::uint32_t>();
  }
  return reader.ok() ? absl::OkStatus() : undecodable_state("half-space trees");
}

}  // namespace weir::ml
