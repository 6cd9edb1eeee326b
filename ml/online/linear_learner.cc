#include <weir/ml/online/linear_learner.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include <weir/ml/online/learner_file.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr unsigned kMostBits = 24;

std::size_t column_of(const LinearOptions& options, const std::string& name) {
  return static_cast<std::size_t>(std::find(options.inputs.begin(), options.inputs.end(), name) -
                                  options.inputs.begin());
}

FeatureMap feature_map(const LinearOptions& options) {
  std::vector<std::size_t> categories;
  for (const std::string& name : options.categories) categories.push_back(column_of(options, name));
  std::vector<FeatureMap::Pair> pairs;
  for (const auto& [first, second] : options.pairs)
    pairs.push_back({column_of(options, first), column_of(options, second)});
  return {options.inputs.size(), options.hash_bits, categories, std::move(pairs)};
}

double logistic(double margin) { return 1 / (1 + std::exp(-margin)); }

}  // namespace

std::string fault_in(const LinearOptions& options) {
  if (options.inputs.empty()) return "a linear learner needs inputs";
  if (std::set<std::string>(options.inputs.begin(), options.inputs.end()).size() != options.inputs.size())
    return "two inputs have the same name";
  for (const double positive : {options.rate, options.beta, options.aggressiveness}) {
    if (!(positive > 0)) return "rate, beta and aggressiveness must be positive";
  }
  for (const double other : {options.l1, options.l2, options.insensitivity}) {
    if (!(other >= 0)) return "l1, l2 and insensitivity must not be negative";
  }
  if (options.target > LinearTarget::kValue || options.update > LinearUpdate::kPassiveAggressive)
    return "target or update is none of those there are";
  if (options.hash_bits > kMostBits) return "hash_bits must be 0 .. 24";
  if (options.hash_bits == 0 && !(options.categories.empty() && options.pairs.empty()))
    return "categories and pairs need hash_bits";
  const auto unknown = [&](const std::string& name) {
    return column_of(options, name) == options.inputs.size();
  };
  for (const std::string& name : options.categories) {
    if (unknown(name)) return fmt::format("the category '{}' is no input", name);
  }
  for (const auto& [first, second] : options.pairs) {
    if (unknown(first) || unknown(second))
      return fmt::format("the pair '{}', '{}' is not of inputs", first, second);
  }
  return "";
}

LinearOptions read_linear_options(std::vector<std::string> inputs, ByteReader& reader) {
  LinearOptions options;
  options.inputs = std::move(inputs);
  options.target = static_cast<LinearTarget>(reader.integer<std::uint8_t>());
  options.update = static_cast<LinearUpdate>(reader.integer<std::uint8_t>());
  for (double* each : {&options.rate, &options.l1, &options.l2, &options.beta, &options.aggressiveness,
                       &options.insensitivity})
    *each = read_double(reader);
  options.scale = reader.integer<std::uint8_t>() != 0;
  options.hash_bits = reader.integer<std::uint32_t>();
  options.categories = read_names(reader);
  options.pairs.resize(reader.count(2 * sizeof(std::uint32_t)));
  for (auto& [first, second] : options.pairs) {
    first = std::string(reader.text());
    second = std::string(reader.text());
  }
  return options;
}

LinearLearner::LinearLearner(LinearOptions options)
    : Learner({options.inputs, {options.target == LinearTarget::kValue ? "value" : "probability"}},
              options.target == LinearTarget::kValue ? LearningTask::kRegression : LearningTask::kBinary),
      options_(std::move(options)),
      map_(feature_map(options_)),
      moments_(options_.inputs.size()),
      blocks_((map_.slots() + kBlock - 1) / kBlock) {}

void LinearLearner::encode_options(Bytes& out) const {
  put_names(options_.inputs, out);
  out.push_back(static_cast<char>(options_.target));
  out.push_back(static_cast<char>(options_.update));
  for (const double each : {options_.rate, options_.l1, options_.l2, options_.beta, options_.aggressiveness,
                            options_.insensitivity})
    put_double(each, out);
  out.push_back(options_.scale ? '\1' : '\0');
  put_big_endian(std::uint32_t{options_.hash_bits}, out);
  put_names(options_.categories, out);
  put_big_endian(static_cast<std::uint32_t>(options_.pairs.size()), out);
  for (const auto& [first, second] : options_.pairs) {
    weir::put_text(first, out);
    weir::put_text(second, out);
  }
}

template <class F>
void LinearLearner::for_each_feature(std::span<const float> row, F&& visit) const {
  const auto scaled = [&](std::size_t column) {
    return options_.scale ? moments_[column].scaled(row[column]) : static_cast<double>(row[column]);
  };
  map_.visit(row, scaled, visit);
}

double LinearLearner::weight_of(std::size_t slot) const {
  const Block& block = blocks_[slot / kBlock];
  return block.empty() ? 0 : block[slot % kBlock].weight;
}

double LinearLearner::margin(std::span<const float> row) const {
  double sum = 0;
  for_each_feature(row, [&](std::size_t slot, double value) { sum += weight_of(slot) * value; });
  return sum;
}

LinearLearner::Slot& LinearLearner::slot_to_change(std::size_t slot) {
  Block& block = blocks_[slot / kBlock];
  if (block.empty()) block.resize(kBlock);
  touch(1 + slot / kBlock);
  return block[slot % kBlock];
}

void LinearLearner::predict(std::span<const float> row, std::span<float> scores) const {
  const double sum = margin(row);
  scores[0] = static_cast<float>(task() == LearningTask::kBinary ? logistic(sum) : sum);
}

void LinearLearner::descend(std::span<const float> row, double slope) {
  for_each_feature(row, [&](std::size_t at, double value) {
    Slot& slot = slot_to_change(at);
    slot.weight -= options_.rate * (slope * value + options_.l2 * slot.weight);
    sound_ = sound_ && std::isfinite(slot.weight);
  });
}

void LinearLearner::follow_leader(std::span<const float> row, double slope) {
  for_each_feature(row, [&](std::size_t at, double value) {
    Slot& slot = slot_to_change(at);
    const double gradient = slope * value;
    const double squares = slot.squares + gradient * gradient;
    slot.gradients += gradient - (std::sqrt(squares) - std::sqrt(slot.squares)) / options_.rate * slot.weight;
    slot.squares = squares;
    const double beyond = std::abs(slot.gradients) - options_.l1;
    const double strength = (options_.beta + std::sqrt(squares)) / options_.rate + options_.l2;
    slot.weight = beyond <= 0 ? 0 : -std::copysign(beyond, slot.gradients) / strength;
    sound_ = sound_ && std::isfinite(slot.weight) && std::isfinite(slot.gradients);
  });
}

void LinearLearner::give_way(std::span<const float> row, double margin, float label) {
  double squares = 0;
  for_each_feature(row, [&](std::size_t, double value) { squares += value * value; });
  double loss = 0;
  double direction = 0;
  if (task() == LearningTask::kBinary) {
    direction = label == 1 ? 1 : -1;
    loss = std::max(0.0, 1 - direction * margin);
  } else {
    direction = label > margin ? 1 : -1;
    loss = std::max(0.0, std::abs(label - margin) - options_.insensitivity);
  }
  if (loss == 0) return;
  const double step = direction * loss / (squares + 1 / (2 * options_.aggressiveness));
  for_each_feature(row, [&](std::size_t at, double value) {
    Slot& slot = slot_to_change(at);
    slot.weight += step * value;
    sound_ = sound_ && std::isfinite(slot.weight);
  });
}

void LinearLearner::learn(std::span<const float> row, float label) {
  sound_ = true;
  if (options_.scale) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (std::isnan(row[column]) || map_.is_category(column)) continue;
      moments_[column].add(row[column]);
      sound_ = sound_ && std::isfinite(moments_[column].variance());
    }
    touch(0);
  }
  const double sum = margin(row);
  if (!std::isfinite(sum)) {
    sound_ = false;
    return;
  }
  if (options_.update == LinearUpdate::kPassiveAggressive) return give_way(row, sum, label);
  // The derivative by the margin of the logarithmic loss, or of half the square.
  const double slope = (task() == LearningTask::kBinary ? logistic(sum) : sum) - label;
  if (options_.update == LinearUpdate::kSgd) {
    descend(row, slope);
  } else {
    follow_leader(row, slope);
  }
}

void LinearLearner::encode_part(std::size_t part, Bytes& out) const {
  if (part == 0) {
    encode_moments(moments_, out);
    return;
  }
  const Block& block = blocks_[part - 1];
  for (std::size_t at = 0; at < block.size(); ++at) {
    const Slot& slot = block[at];
    if (slot.weight == 0 && slot.gradients == 0 && slot.squares == 0) continue;
    put_big_endian(static_cast<std::uint16_t>(at), out);
    put_double(slot.weight, out);
    if (options_.update != LinearUpdate::kFtrl) continue;
    put_double(slot.gradients, out);
    put_double(slot.squares, out);
  }
}

absl::Status LinearLearner::restore_part(std::size_t part, BytesView bytes) {
  if (part >= parts()) return undecodable_part(*this, part);
  ByteReader reader(bytes);
  if (part == 0) {
    return restore_moments(moments_, reader) ? absl::OkStatus() : undecodable_part(*this, part);
  }
  Block block(kBlock);
  while (reader.ok() && !reader.at_end()) {
    const auto at = reader.integer<std::uint16_t>();
    Slot slot;
    slot.weight = read_double(reader);
    if (options_.update == LinearUpdate::kFtrl) {
      slot.gradients = read_double(reader);
      slot.squares = read_double(reader);
    }
    const bool fits = std::isfinite(slot.weight) && std::isfinite(slot.gradients) && slot.squares >= 0;
    if (at >= kBlock || !fits) return undecodable_part(*this, part);
    block[at] = slot;
  }
  if (!reader.ok()) return undecodable_part(*this, part);
  blocks_[part - 1] = std::move(block);
  return absl::OkStatus();
}

}  // namespace weir::ml
