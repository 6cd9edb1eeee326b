// A detector: members that each look at a series in their own way, put on one scale, added up, and turned into one score and
// one alarm per event.
//
//   sample ─► member ─► how strange ─► TailSketch ─► how rare, in decades ─┐
//   sample ─► member ─► how strange ─► TailSketch ─► how rare, in decades ─┴─ × weight, added ─► surprise
//
// A surprise is passed on only where it exceeds all those of the last `refractory` samples; others count as 0, since they
// belong to an event that was told of already. score = 1 - 2^-surprise is in [0, 1), and the same for the same samples in the
// same order, on every run and after every restart.
//
// Series need no parameters of their own: each member is compared with its own past on this series, so that a threshold
// means the same rarity everywhere. usual_detector() is what docs/anomaly.md measures.
//
//   absl::StatusOr<weir::ml::Detector> detector = weir::ml::Detector::create(weir::ml::usual_detector());
//   const auto verdict = detector->update({time, std::span(&value, 1)});
//
// Thread safety: none. Copyable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/ml/anomaly/ewma.h>
#include <weir/ml/anomaly/half_space_trees.h>
#include <weir/ml/anomaly/lagged_neighbours.h>
#include <weir/ml/anomaly/level_shift.h>
#include <weir/ml/anomaly/random_cut_forest.h>
#include <weir/ml/anomaly/robust_z.h>
#include <weir/ml/anomaly/sample.h>
#include <weir/ml/anomaly/seasonal_residual.h>
#include <weir/ml/anomaly/tail_sketch.h>

namespace weir::ml {

using MemberOptions = std::variant<EwmaOptions, RobustZOptions, SeasonalResidualOptions, LevelShiftOptions,
                                   LaggedNeighboursOptions, HalfSpaceTreesOptions, RandomCutForestOptions>;

struct DetectorMember {
  MemberOptions options;
  double weight = 1;  // > 0
};

struct DetectorOptions {
  std::vector<DetectorMember> members;  // at least one
  std::size_t columns = 1;              // of a sample
  // As long as fewer samples came, nothing is scored.
  std::uint64_t warm_up = 100;
  // Samples; 0: every surprise is passed on.
  std::uint64_t refractory = 300;
  // While a series is short, so are its events: the refractory period is at most that share of the samples so far, though 50
  // samples at least. 0: it is the same from the beginning.
  double refractory_share = 0;
  // An alarm is a surprise, passed on, of at least so many decades...
  double alarm_at = 4;
  // ... or, if this is set, one that so few of the series' own surprises exceed: 0.001 is one in a thousand.
  std::optional<double> alarm_share = std::nullopt;
};

// Returns options for a single series of numbers: what is usual at this time of the day, shapes that are new, and changes of
// level.
[[nodiscard]] DetectorOptions usual_detector();

struct Verdict {
  double score = 0;     // [0, 1)
  double surprise = 0;  // decades, before the refractory period took its share
  bool warm = false;    // enough samples came for the score to mean something
  bool alarm = false;
};

class Detector {
 public:
  // InvalidArgument says what is wrong with the options.
  [[nodiscard]] static absl::StatusOr<Detector> create(const DetectorOptions& options);

  // Reads what encode() wrote. FailedPrecondition if the detector that wrote it had other options (of alarms and warm-up
  // they may differ), DataLoss if the bytes are damaged.
  [[nodiscard]] static absl::StatusOr<Detector> restore(const DetectorOptions& options, BytesView bytes);

  // Judges a sample beside all before it, then learns it. InvalidArgument, with nothing learned, if it has another number of
  // columns or one that is not usable().
  [[nodiscard]] absl::StatusOr<Verdict> update(const Sample& sample);

  // What update() would refuse the sample for.
  [[nodiscard]] absl::Status check(const Sample& sample) const;

  void encode(Bytes& out) const;

  [[nodiscard]] std::uint64_t samples() const { return samples_; }

 private:
  using AnyMember = std::variant<Ewma, RobustZ, SeasonalResidual, LevelShift, LaggedNeighbours,
                                 HalfSpaceTrees, RandomCutForest>;
  struct Member {
    AnyMember detector;
    TailSketch sketch;
  };
  struct Told {
    std::uint64_t sample = 0;
    double surprise = 0;
  };

  explicit Detector(const DetectorOptions& options);
  [[nodiscard]] absl::Status read(ByteReader& reader);
  // Returns the surprise if it is to be passed on, and otherwise 0.
  [[nodiscard]] double passed_on(double surprise);
  [[nodiscard]] std::uint64_t refractory_period() const;
  [[nodiscard]] bool is_alarm(double surprise) const;

  DetectorOptions options_;
  std::vector<Member> members_;
  std::uint64_t samples_ = 0;
  TailSketch surprises_;
  std::deque<Told>
      largest_;  // surprises of the refractory period that none after them exceeds, in time's order
};

}  // namespace weir::ml
