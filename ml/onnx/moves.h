// Steps that move numbers. Internal to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <weir/ml/onnx/program.h>

namespace weir::ml::onnx {

// Copies the slots `from`, in that order, to `output` and those after it.
std::unique_ptr<const Step> copy_step(std::vector<std::size_t> from, std::size_t output);

// Writes the numbers to `output` and those after it.
std::unique_ptr<const Step> fill_step(std::vector<double> numbers, std::size_t output);

// For each of `count` slots from `index`, writes the row of `table` that it numbers, `width` numbers each. Numbers below
// zero count from the end if `from_end`. A row that is not in the table has no result.
std::unique_ptr<const Step> lookup_step(std::vector<double> table, std::size_t width, bool from_end,
                                        std::size_t index, std::size_t count, std::size_t output);

}  // namespace weir::ml::onnx
