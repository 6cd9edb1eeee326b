// Linear models that learn example by example: logistic and linear regression by stochastic gradient descent or FTRL-proximal
// (McMahan et al.: Ad Click Prediction, KDD 2013), and passive-aggressive ones (Crammer et al., JMLR 2006, the second
// variant), over columns that are scaled as they come, categories and pairs by hashing.
//
//   LinearLearner learner({.inputs = {"price", "demand"}, .update = LinearUpdate::kPassiveAggressive});
//
// A binary learner's output is the sigmoid of its margin. That is a probability where the logarithmic loss is learned;
// passive-aggressive learners minimise another, and theirs is only a score whose middle is 0.5.
//
// Each label's loss changes a few weights: parts are the scaler and blocks of 512 slots.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/ml/online/feature_map.h>
#include <weir/ml/online/learner.h>
#include <weir/ml/online/standard_scaler.h>

namespace weir::ml {

enum class LinearTarget : std::uint8_t {
  kProbability,  // of label 1 among 0 and 1
  kValue,        // any number
};

enum class LinearUpdate : std::uint8_t { kSgd, kFtrl, kPassiveAggressive };

struct LinearOptions {
  std::vector<std::string> inputs;
  LinearTarget target = LinearTarget::kProbability;
  LinearUpdate update = LinearUpdate::kSgd;
  // Gradient descent's step, FTRL's alpha. Large steps follow a world that changes.
  double rate = 0.1;
  double l1 = 0;               // FTRL
  double l2 = 0;               // gradient descent and FTRL
  double beta = 1;             // FTRL
  double aggressiveness = 1;   // passive-aggressive: the most it gives way to an example, C of the paper
  double insensitivity = 0.1;  // passive-aggressive, of a value: what it may be off for nothing
  // Numbers are brought to mean 0 and deviation 1, by the rows so far.
  bool scale = true;
  // 2^hash_bits slots for all features; 0: one per column, without categories and pairs. At most 24.
  unsigned hash_bits = 0;
  std::vector<std::string> categories = {};  // inputs whose values are names, written as numbers
  std::vector<std::pair<std::string, std::string>> pairs = {};  // inputs that count together
};

[[nodiscard]] std::string fault_in(const LinearOptions& options);
[[nodiscard]] LinearOptions read_linear_options(std::vector<std::string> inputs, ByteReader& reader);

class LinearLearner final : public Learner {
 public:
  // Options that fault_in finds nothing wrong with.
  explicit LinearLearner(LinearOptions options);

  void predict(std::span<const float> row, std::span<float> scores) const override;
  void learn(std::span<const float> row, float label) override;
  [[nodiscard]] bool sound() const override { return sound_; }
  [[nodiscard]] std::string_view kind() const override { return "linear"; }
  void encode_options(Bytes& out) const override;
  [[nodiscard]] std::size_t parts() const override { return 1 + blocks_.size(); }
  void encode_part(std::size_t part, Bytes& out) const override;
  [[nodiscard]] absl::Status restore_part(std::size_t part, BytesView bytes) override;
  [[nodiscard]] std::unique_ptr<Learner> clone() const override {
    return std::make_unique<LinearLearner>(*this);
  }

 private:
  static constexpr std::size_t kBlock = 512;

  // FTRL keeps sums instead of a weight: z and n of the paper.
  struct Slot {
    double weight = 0;
    double gradients = 0;
    double squares = 0;
  };
  using Block = std::vector<Slot>;  // empty: all are zero

  template <class F>
  void for_each_feature(std::span<const float> row, F&& visit) const;
  [[nodiscard]] double weight_of(std::size_t slot) const;
  [[nodiscard]] double margin(std::span<const float> row) const;
  [[nodiscard]] Slot& slot_to_change(std::size_t slot);
  void descend(std::span<const float> row, double slope);
  void follow_leader(std::span<const float> row, double slope);
  void give_way(std::span<const float> row, double margin, float label);

  LinearOptions options_;
  FeatureMap map_;
  std::vector<RunningMoments> moments_;  // per column
  std::vector<Block> blocks_;
  bool sound_ = true;
};

}  // namespace weir::ml
