// Clusters that follow the stream: each row pulls the nearest centre towards itself (MacQueen, 1967), by 1 / rows of that
// centre and never by less than `least_step`, so that old rows are forgotten. The first rows that differ are the first
// centres. Columns may be scaled first. Outputs: the cluster's number, and the row's distance from its centre.
//
// A missing value counts as the centre's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/ml/online/learner.h>
#include <weir/ml/online/standard_scaler.h>

namespace weir::ml {

struct KMeansOptions {
  std::vector<std::string> inputs;
  std::size_t clusters = 8;  // 1 .. 10000
  double least_step = 0;     // 0: a centre is the mean of all its rows; at most 1
  bool scale = true;
};

[[nodiscard]] std::string fault_in(const KMeansOptions& options);
[[nodiscard]] KMeansOptions read_k_means_options(std::vector<std::string> inputs, ByteReader& reader);

class KMeans final : public Learner {
 public:
  explicit KMeans(KMeansOptions options);

  // NaN as long as there is no centre.
  void predict(std::span<const float> row, std::span<float> scores) const override;
  void learn(std::span<const float> row, float label) override;
  [[nodiscard]] bool sound() const override { return sound_; }
  [[nodiscard]] std::string_view kind() const override { return "k-means"; }
  void encode_options(Bytes& out) const override;
  // The scaler, then one per centre.
  [[nodiscard]] std::size_t parts() const override { return 1 + options_.clusters; }
  void encode_part(std::size_t part, Bytes& out) const override;
  [[nodiscard]] absl::Status restore_part(std::size_t part, BytesView bytes) override;
  [[nodiscard]] std::unique_ptr<Learner> clone() const override { return std::make_unique<KMeans>(*this); }

 private:
  struct Centre {
    std::uint64_t rows = 0;  // 0: there is none yet
    std::vector<double> at;
  };
  struct Nearest {
    std::size_t centre = 0;
    double squared_distance = 0;
  };

  [[nodiscard]] double scaled(std::span<const float> row, std::size_t column) const;
  // Requires a centre.
  [[nodiscard]] Nearest nearest(std::span<const float> row) const;
  [[nodiscard]] bool has_centre() const { return centres_.front().rows > 0; }

  KMeansOptions options_;
  std::vector<RunningMoments> moments_;
  std::vector<Centre> centres_;
  bool sound_ = true;
};

}  // namespace weir::ml
