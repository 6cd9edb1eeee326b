#include <weir/ml/scratch.h>

#include <deque>
#include <vector>

namespace weir::ml {
namespace {

// One block per depth of nesting: what an outer call uses stays where it is.
struct ThreadBlocks {
  std::deque<std::vector<float>> blocks;
  std::size_t depth = 0;
};

ThreadBlocks& blocks_of_thread() {
  thread_local ThreadBlocks blocks;
  return blocks;
}

}  // namespace

Scratch::Scratch(std::size_t floats) {
  ThreadBlocks& mine = blocks_of_thread();
  if (mine.depth == mine.blocks.size()) mine.blocks.emplace_back();
  std::vector<float>& block = mine.blocks[mine.depth++];
  if (block.size() < floats) block.resize(floats);
  floats_ = std::span<float>(block).first(floats);
}

Scratch::~Scratch() { --blocks_of_thread().depth; }

}  // namespace weir::ml
