// A link turns the margins of a boosted model, which are sums of leaves, into what its objective speaks of: a
// probability, a rate, a class. All are computed in float and per row, so a score does not depend on its
// batch.
#pragma once

#include <cstddef>
#include <span>

namespace weir::ml {

enum class Link {
  kIdentity,  // margin
  kSigmoid,   // 1 / (1 + exp(-margin)), each output for itself
  kExp,       // exp(margin), each output for itself
  kSoftmax,   // exp(margin) over the sum of them, across the outputs of a row
  kArgmax,    // number of the largest margin of a row, the first if several are; a single output
  kStep,      // 1 where margin > 0, otherwise 0, each output for itself
};

// Returns how many outputs `link` makes of `margins` margins.
std::size_t outputs_of(Link link, std::size_t margins);

// Turns the margins of one row into outputs in place. Not for kArgmax, which changes their number.
void apply_link(Link link, std::span<float> row);

// Returns the number of the largest margin, the first if several are. `margins` is not empty.
std::size_t argmax(std::span<const float> margins);

}  // namespace weir::ml
