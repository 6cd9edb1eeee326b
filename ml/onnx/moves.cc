// Steps that move numbers.
#include <weir/ml/onnx/moves.h>

#include <algorithm>
#include <utility>

namespace weir::ml::onnx {
namespace {

class Copy final : public Step {
 public:
  Copy(std::vector<std::size_t> from, std::size_t output) : from_(std::move(from)), output_(output) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < from_.size(); ++i) frame.slots[output_ + i] = frame.slots[from_[i]];
    return true;
  }

 private:
  const std::vector<std::size_t> from_;
  const std::size_t output_;
};

class Fill final : public Step {
 public:
  Fill(std::vector<double> numbers, std::size_t output) : numbers_(std::move(numbers)), output_(output) {}

  bool run(const Frame& frame) const override {
    std::ranges::copy(numbers_, frame.slots.subspan(output_).begin());
    return true;
  }

 private:
  const std::vector<double> numbers_;
  const std::size_t output_;
};

class Lookup final : public Step {
 public:
  Lookup(std::vector<double> table, std::size_t width, bool from_end, std::size_t index, std::size_t count,
         std::size_t output)
      : table_(std::move(table)),
        width_(width),
        from_end_(from_end),
        index_(index),
        count_(count),
        output_(output) {}

  bool run(const Frame& frame) const override {
    const std::size_t table_rows = table_.size() / width_;
    const auto rows = static_cast<double>(table_rows);
    for (std::size_t i = 0; i < count_; ++i) {
      double row = frame.slots[index_ + i];
      if (from_end_ && row < 0.0) row += rows;
      if (!(row >= 0.0 && row < rows)) return false;
      std::copy_n(table_.data() + static_cast<std::size_t>(row) * width_, width_,
                  frame.slots.data() + output_ + i * width_);
    }
    return true;
  }

 private:
  const std::vector<double> table_;
  const std::size_t width_;
  const bool from_end_;
  const std::size_t index_;
  const std::size_t count_;
  const std::size_t output_;
};

}  // namespace

std::unique_ptr<const Step> copy_step(std::vector<std::size_t> from, std::size_t output) {
  return std::make_unique<Copy>(std::move(from), output);
}

std::unique_ptr<const Step> fill_step(std::vector<double> numbers, std::size_t output) {
  return std::make_unique<Fill>(std::move(numbers), output);
}

std::unique_ptr<const Step> lookup_step(std::vector<double> table, std::size_t width, bool from_end,
                                        std::size_t index, std::size_t count, std::size_t output) {
  return std::make_unique<Lookup>(std::move(table), width, from_end, index, count, output);
}

}  // namespace weir::ml::onnx
