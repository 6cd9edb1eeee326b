#include <weir/ml/online/hoeffding_forest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include <weir/ml/online/learner_file.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr std::size_t kMostHoeffdingTrees = 1000;
constexpr double kLateShare = 0.01;  // weight of the newest example in the share of those that were right

}  // namespace

HoeffdingOptions adaptive_random_forest(std::vector<std::string> inputs, std::size_t trees,
                                        const MistakeRules& mistakes) {
  HoeffdingOptions options;
  const auto columns = static_cast<double>(inputs.size());
  options.inputs = std::move(inputs);
  options.trees = trees;
  options.rules = {.confidence = 0.01,
                   .tie = 0.05,
                   .grace = 50,
                   .leaves = 256,
                   .columns_each = static_cast<std::uint32_t>(std::sqrt(columns)) + 1};
  options.bagging = 6;
  options.adaptive = true;
  options.mistakes = mistakes;
  return options;
}

std::string fault_in(const HoeffdingOptions& options) {
  if (options.inputs.empty()) return "a Hoeffding forest needs inputs";
  if (std::set<std::string>(options.inputs.begin(), options.inputs.end()).size() != options.inputs.size())
    return "two inputs have the same name";
  if (options.trees == 0 || options.trees > kMostHoeffdingTrees) return "the trees must be 1 .. 1000";
  if (!(options.rules.confidence > 0 && options.rules.confidence < 1)) return "confidence must be in (0, 1)";
  if (!(options.rules.tie >= 0)) return "tie must not be negative";
  if (options.rules.grace == 0 || options.rules.leaves == 0) return "grace and leaves must be positive";
  if (!(options.bagging >= 0 && options.bagging <= 100)) return "bagging must be in [0, 100]";
  return fault_in(options.mistakes);
}

HoeffdingOptions read_hoeffding_options(std::vector<std::string> inputs, MistakeTest test,
                                        ByteReader& reader) {
  HoeffdingOptions options;
  options.inputs = std::move(inputs);
  options.trees = reader.integer<std::uint32_t>();
  options.rules.confidence = read_double(reader);
  options.rules.tie = read_double(reader);
  options.rules.grace = reader.integer<std::uint32_t>();
  options.rules.leaves = reader.integer<std::uint32_t>();
  options.rules.columns_each = reader.integer<std::uint32_t>();
  options.bagging = read_double(reader);
  options.adaptive = reader.integer<std::uint8_t>() != 0;
  options.mistakes.test = test;
  options.mistakes.warning = read_double(reader);
  options.mistakes.drift = read_double(reader);
  options.seed = reader.integer<std::uint64_t>();
  return options;
}

HoeffdingForest::HoeffdingForest(HoeffdingOptions options)
    : Learner({options.inputs, {"probability"}}, LearningTask::kBinary),
      options_(std::move(options)),
      random_(options_.seed) {
  members_.reserve(options_.trees);
  for (std::size_t i = 0; i < options_.trees; ++i) {
    members_.push_back({HoeffdingTree(options_.rules, options_.inputs.size(), random_), std::nullopt,
                        MistakeWatch(options_.mistakes), 0.5});
  }
}

void HoeffdingForest::encode_options(Bytes& out) const {
  put_names(options_.inputs, out);
  put_big_endian(static_cast<std::uint32_t>(options_.trees), out);
  put_double(options_.rules.confidence, out);
  put_double(options_.rules.tie, out);
  put_big_endian(options_.rules.grace, out);
  put_big_endian(options_.rules.leaves, out);
  put_big_endian(options_.rules.columns_each, out);
  put_double(options_.bagging, out);
  out.push_back(options_.adaptive ? '\1' : '\0');
  put_double(options_.mistakes.warning, out);
  put_double(options_.mistakes.drift, out);
  put_big_endian(options_.seed, out);
}

void HoeffdingForest::predict(std::span<const float> row, std::span<float> scores) const {
  double sum = 0;
  double weights = 0;
  for (const Member& member : members_) {
    // One that is right half of the time knows nothing.
    const double weight = std::max(member.right - 0.5, 0.01);
    sum += weight * member.tree.predict(row);
    weights += weight;
  }
  scores[0] = static_cast<float>(sum / weights);
}

void HoeffdingForest::learn(std::span<const float> row, float label) {
  const bool truth = label == 1;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    const bool mistaken = (member.tree.predict(row) > 0.5) != truth;
    member.right += kLateShare * ((mistaken ? 0.0 : 1.0) - member.right);
    if (options_.adaptive) watch(member, mistaken);
    const double weight = options_.bagging > 0 ? random_.poisson(options_.bagging) : 1;
    if (weight > 0) {
      member.tree.learn(row, truth, weight, random_);
      if (member.next) member.next->learn(row, truth, weight, random_);
    }
    touch(1 + i);
  }
  touch(0);
}

void HoeffdingForest::watch(Member& member, bool mistaken) {
  const auto new_tree = [this] { return HoeffdingTree(options_.rules, options_.inputs.size(), random_); };
  switch (member.mistakes.add(mistaken)) {
    case MistakeNews::kNone:
      return;
    case MistakeNews::kWarning:
      member.next = new_tree();
      return;
    case MistakeNews::kFalseAlarm:
      member.next.reset();
      return;
    case MistakeNews::kDrift:
      member.tree = member.next ? *std::move(member.next) : new_tree();
      member.next.reset();
      member.mistakes.reset();
      ++replaced_;
      return;
  }
}

void HoeffdingForest::encode_part(std::size_t part, Bytes& out) const {
  if (part == 0) {
    put_big_endian(random_.state(), out);
    put_big_endian(replaced_, out);
    return;
  }
  const Member& member = members_[part - 1];
  put_double(member.right, out);
  member.mistakes.encode(out);
  out.push_back(member.next ? '\1' : '\0');
  member.tree.encode(out);
  if (member.next) member.next->encode(out);
}

absl::Status HoeffdingForest::restore_part(std::size_t part, BytesView bytes) {
  if (part >= parts()) return undecodable_part(*this, part);
  ByteReader reader(bytes);
  if (part == 0) {
    random_ = SeededRandom(reader.integer<std::uint64_t>());
    replaced_ = reader.integer<std::uint64_t>();
    return reader.at_end() ? absl::OkStatus() : undecodable_part(*this, part);
  }
  Member& member = members_[part - 1];
  member.right = read_double(reader);
  bool fits = member.right >= 0 && member.right <= 1 && member.mistakes.restore(reader);
  const auto has_next = reader.integer<std::uint8_t>();
  fits = fits && reader.ok() && has_next <= 1 && member.tree.restore(reader);
  member.next.reset();
  if (fits && has_next == 1) {
    SeededRandom unused;
    member.next.emplace(options_.rules, options_.inputs.size(), unused);
    fits = member.next->restore(reader);
  }
  return fits && reader.at_end() ? absl::OkStatus() : undecodable_part(*this, part);
}

}  // namespace weir::ml
