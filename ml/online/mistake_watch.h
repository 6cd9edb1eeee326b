// Notices that a tree's mistakes become more, in two steps: a warning, when another tree had better begin to learn, and drift, when
// that one takes over. By one of two tests:
//
//   ADWIN (see change_detectors.h), one for each step, that finds the mean of the mistakes higher than before. Warning and drift
//     are their confidences: how rare false alarms are.
//   Page-Hinkley (Page, Biometrika 1954), upwards: sums up by how much mistakes exceed their mean so far, less a tolerance; the
//     rise of that sum over its least is compared with warning and drift. A few numbers instead of two windows, and blind to how
//     often a tree is wrong.
#pragma once

#include <cstdint>
#include <string>

#include <weir/core/bytes.h>
#include <weir/ml/feedback/change_detectors.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

enum class MistakeTest : std::uint8_t { kAdwin, kPageHinkley };

enum class MistakeNews {
  kNone,
  kWarning,
  kFalseAlarm,  // what was warned of has not come (Page-Hinkley)
  kDrift,
};

struct MistakeRules {
  MistakeTest test = MistakeTest::kAdwin;
  double warning = 0.01;
  double drift = 0.001;
};

// Sums at which Page-Hinkley warns, and finds drift.
inline constexpr MistakeRules kPageHinkleyRules{MistakeTest::kPageHinkley, 10, 20};

// Returns what is wrong with rules, or nothing.
[[nodiscard]] std::string fault_in(const MistakeRules& rules);

class MistakeWatch {
 public:
  explicit MistakeWatch(const MistakeRules& rules)
      : rules_(rules), warning_(rules.warning), drift_(rules.drift) {}

  [[nodiscard]] MistakeNews add(bool mistaken);
  void reset() { *this = MistakeWatch(rules_); }

  void encode(Bytes& out) const;
  // Returns whether the bytes can have been written by a watch of the same rules.
  [[nodiscard]] bool restore(ByteReader& reader);

 private:
  [[nodiscard]] MistakeNews add_to_sum(double value);

  MistakeRules rules_;
  // ADWIN.
  Adwin warning_;
  Adwin drift_;
  // Page-Hinkley.
  std::uint64_t count_ = 0;
  double mean_ = 0;
  double sum_ = 0;
  double least_ = 0;
};

}  // namespace weir::ml
