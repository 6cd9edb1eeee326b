// Floats for the time of a call, from memory that a thread keeps: a model that needs room between its inputs and its outputs
// takes it here and allocates nothing once its thread has scored as much before. Calls may nest.
//
// Thread safety: each thread has its own; an object is used on the thread that made it.
#pragma once

#include <cstddef>
#include <span>

namespace weir::ml {

class Scratch {
 public:
  explicit Scratch(std::size_t floats);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // What is in them is no particular value.
  [[nodiscard]] std::span<float> floats() const { return floats_; }

 private:
  std::span<float> floats_;
};

}  // namespace weir::ml
