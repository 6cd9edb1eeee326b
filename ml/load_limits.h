// What a model file may cost before its loader refuses it. A model's bytes are not trusted: they may come
// over a topic.
#pragma once

#include <cstddef>

namespace weir::ml {

// The defaults are far beyond ordinary models (500 trees of depth 8 are 14 MB and 200,000 nodes) and keep a
// hostile one to a few gigabytes and seconds. Lower them where models come from strangers.
struct LoadLimits {
  std::size_t bytes = std::size_t{1} << 30;  // length of the file
  std::size_t trees = 100'000;
  std::size_t nodes = 50'000'000;  // over all trees, unreachable ones included
  std::size_t depth = 512;         // decisions on the way to the deepest leaf of a tree
  std::size_t features = 1'000'000;
  std::size_t outputs = 4'096;  // classes or targets; a forest takes no more than kMostForestOutputs
};

}  // namespace weir::ml
