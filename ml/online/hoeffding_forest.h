// Hoeffding trees that vote (one tree is the plain Hoeffding tree): an adaptive random forest (Gomes et al., Machine Learning
// 2017). Each tree counts an example as often as a Poisson distribution says, its leaves look at some of the columns, and it
// watches its own mistakes: when they become more, a new tree begins to grow in the background, and takes its place when
// they go on. Trees vote by how often they were right lately.
//
// Mistakes are watched by ADWIN, as in the paper, or by the Page-Hinkley test: see mistake_watch.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/ml/online/hoeffding_tree.h>
#include <weir/ml/online/learner.h>
#include <weir/ml/online/mistake_watch.h>
#include <weir/ml/seeded_random.h>

namespace weir::ml {

struct HoeffdingOptions {
  std::vector<std::string> inputs;
  std::size_t trees = 1;  // 1 .. 1000
  HoeffdingTreeRules rules = {};
  // Mean of how often a tree counts an example; 0: once, always.
  double bagging = 0;
  // Whether trees whose mistakes become more are replaced.
  bool adaptive = false;
  // When a new tree begins, and when it takes over.
  MistakeRules mistakes = kPageHinkleyRules;
  std::uint64_t seed = 1;
};

// Returns options for a forest that follows a world that changes: the paper's, with `mistakes` = kPageHinkleyRules for a test
// that costs less.
[[nodiscard]] HoeffdingOptions adaptive_random_forest(std::vector<std::string> inputs, std::size_t trees = 10,
                                                      const MistakeRules& mistakes = {});

[[nodiscard]] std::string fault_in(const HoeffdingOptions& options);
// The bytes of either kind().
inline constexpr std::string_view kHoeffdingForest = "hoeffding-forest";  // watches by Page-Hinkley
inline constexpr std::string_view kAdaptiveForest = "adaptive-forest";    // by ADWIN
[[nodiscard]] HoeffdingOptions read_hoeffding_options(std::vector<std::string> inputs, MistakeTest test,
                                                      ByteReader& reader);

class HoeffdingForest final : public Learner {
 public:
  explicit HoeffdingForest(HoeffdingOptions options);

  void predict(std::span<const float> row, std::span<float> scores) const override;
  void learn(std::span<const float> row, float label) override;
  // A tree has no number that can grow without bounds.
  [[nodiscard]] bool sound() const override { return true; }
  [[nodiscard]] std::string_view kind() const override {
    return options_.mistakes.test == MistakeTest::kAdwin ? kAdaptiveForest : kHoeffdingForest;
  }
  void encode_options(Bytes& out) const override;
  // Chance, then one per tree.
  [[nodiscard]] std::size_t parts() const override { return 1 + members_.size(); }
  void encode_part(std::size_t part, Bytes& out) const override;
  [[nodiscard]] absl::Status restore_part(std::size_t part, BytesView bytes) override;
  [[nodiscard]] std::unique_ptr<Learner> clone() const override {
    return std::make_unique<HoeffdingForest>(*this);
  }

  [[nodiscard]] std::uint64_t replaced() const { return replaced_; }

 private:
  struct Member {
    HoeffdingTree tree;
    std::optional<HoeffdingTree> next;  // grows in the background
    MistakeWatch mistakes;
    double right = 0.5;  // share of late, exponentially weighted
  };

  void watch(Member& member, bool mistaken);

  HoeffdingOptions options_;
  SeededRandom random_;
  std::uint64_t replaced_ = 0;
  std::vector<Member> members_;
};

}  // namespace weir::ml
