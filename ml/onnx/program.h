// What an ONNX graph becomes when it is loaded: steps that run one after the other for each row, over slots that hold
// all values of the row. Internal to the room.
//
// Thread safety: a program does not change once planned; any number of threads may run it, each in a frame of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <weir/ml/onnx/tensor.h>

namespace weir::ml::onnx {

// Room for one row's values, and for floats that a step needs while it runs.
struct Frame {
  std::span<double> slots;
  std::span<float> floats;
};

// Room for several rows.
struct Block {
  std::span<double> slots;     // of a row, then of the next one, ...
  std::span<float> floats;     // as many for each row
  std::span<char> has_result;  // by row; a step takes it from rows that have none

  std::size_t rows() const { return has_result.size(); }
  std::size_t stride() const { return slots.size() / rows(); }
  Frame frame(std::size_t row) const {
    return {slots.subspan(row * stride(), stride()), floats.first(floats.size() / rows())};
  }
};

// One operator. Reads slots and writes others, which belong to it. False if the row has no result, as when a number is
// cast that no integer can hold.
class Step {
 public:
  Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual ~Step() = default;
  [[nodiscard]] virtual bool run(const Frame& frame) const = 0;

  // Runs for several rows, and gives each the same bits as run() does.
  virtual void run_rows(const Block& block) const {
    for (std::size_t row = 0; row < block.rows(); ++row) {
      if (block.has_result[row] != 0 && !run(block.frame(row))) block.has_result[row] = 0;
    }
  }
};

// Some slots that come in or go out.
struct Port {
  std::size_t slot = 0;
  std::size_t count = 0;
  Element element = Element::kFloat;
};

struct Program {
  std::vector<std::unique_ptr<const Step>> steps;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  std::size_t slots = 0;
  std::size_t floats = 0;
  std::int64_t rows = 0;  // how many the graph says that there are; 0: any number
};

}  // namespace weir::ml::onnx
