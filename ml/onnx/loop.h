// Steps that run again and again for a row. Internal to the room.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <weir/ml/onnx/program.h>

namespace weir::ml::onnx {

// Slots that are copied; a round later, they lie `stride` further on each side.
struct Carry {
  std::size_t from = 0;
  std::size_t from_stride = 0;
  std::size_t to = 0;
  std::size_t to_stride = 0;
  std::size_t count = 0;
};

// A constant of which every round gets the next `count` numbers.
struct Supply {
  std::vector<double> numbers;
  std::size_t to = 0;
  std::size_t count = 0;
};

struct Loop {
  std::size_t rounds = 0;
  std::vector<std::unique_ptr<const Step>> body;
  std::vector<Carry> first;      // once, before all rounds
  std::vector<Supply> supplies;  // before each round, as are `before`
  std::vector<Carry> before;
  std::vector<Carry> after;  // after each round, in this order
};

std::unique_ptr<const Step> loop_step(Loop loop);

}  // namespace weir::ml::onnx
