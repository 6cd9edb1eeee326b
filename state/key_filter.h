// Which keys of a range a walk wants, and where to go on after one that it does not: lets a walk over many buckets leap
// from one to the next instead of reading what lies between.
#pragma once

#include <weir/core/bytes.h>

namespace weir {

enum class Direction { kForward, kBackward };

class KeyFilter {
 public:
  virtual ~KeyFilter() = default;

  enum class Verdict {
    kTake,
    kSkip,  // go on with the neighbour
    kLeap,  // go on at `target`: the first key >= target, or going backward the last key <= target
    kStop,  // there is nothing more
  };

  // `target` must be further on than `key`.
  [[nodiscard]] virtual Verdict judge(BytesView key, Direction direction, Bytes& target) const = 0;
};

// Takes all.
class EveryKey final : public KeyFilter {
 public:
  Verdict judge(BytesView, Direction, Bytes&) const override { return Verdict::kTake; }
};

}  // namespace weir
