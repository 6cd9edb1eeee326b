// Rounds.
#include <weir/ml/onnx/loop.h>

#include <algorithm>
#include <utility>

namespace weir::ml::onnx {
namespace {

class Rounds final : public Step {
 public:
  explicit Rounds(Loop loop) : loop_(std::move(loop)) {}

  bool run(const Frame& frame) const override {
    for (const Carry& carry : loop_.first) move(frame, carry, 0);
    for (std::size_t round = 0; round < loop_.rounds; ++round) {
      for (const Supply& supply : loop_.supplies) {
        std::copy_n(supply.numbers.data() + round * supply.count, supply.count,
                    frame.slots.data() + supply.to);
      }
      for (const Carry& carry : loop_.before) move(frame, carry, round);
      for (const std::unique_ptr<const Step>& step : loop_.body) {
        if (!step->run(frame)) return false;
      }
      for (const Carry& carry : loop_.after) move(frame, carry, round);
    }
    return true;
  }

 private:
  static void move(const Frame& frame, const Carry& carry, std::size_t round) {
    std::copy_n(frame.slots.data() + carry.from + round * carry.from_stride, carry.count,
                frame.slots.data() + carry.to + round * carry.to_stride);
  }

  const Loop loop_;
};

}  // namespace

std::unique_ptr<const Step> loop_step(Loop loop) { return std::make_unique<Rounds>(std::move(loop)); }

}  // namespace weir::ml::onnx
