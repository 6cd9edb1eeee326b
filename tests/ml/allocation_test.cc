// Counts what predict() takes from the heap. A program of its own, because it replaces operator new.
#include <weir/ml/forest_model.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include <gtest/gtest.h>

namespace {
std::atomic<long> allocations{0};
}  // namespace

// Kept out of line, where the compiler cannot see one half of a pair without the other and warn of it.
[[gnu::noinline]] void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weir::ml {
namespace {

// A forest of stumps over `features` columns, one per column.
ForestModel stumps(std::size_t features, std::size_t outputs, Link link) {
  std::vector<Tree> trees;
  for (std::size_t i = 0; i < features; ++i) {
    Tree tree;
    tree.output = i % outputs;
    tree.nodes = {
        {1, 2, static_cast<std::int32_t>(i), 0.5f, i % 2 == 0, 0.0f}, {.value = 1.0f}, {.value = -1.0f}};
    trees.push_back(tree);
  }
  Forest forest = *Forest::build(trees, features, std::vector<float>(outputs, 0.0f));
  return ForestModel(
      {"stumps", "1", ""},
      {std::vector<std::string>(features, "x"), std::vector<std::string>(outputs_of(link, outputs), "y")},
      std::move(forest), link);
}

TEST(Allocation, TheCounterCounts) {
  const long before = allocations.load();
  ::operator delete(::operator new(8));  // a new-expression could be optimised away
  EXPECT_GT(allocations.load(), before);
}

TEST(Allocation, PredictTakesNothingFromTheHeap) {
  // 20,000 columns are more than the walk keeps on its stack, so that path is here too.
  for (const std::size_t features : {std::size_t{5}, std::size_t{2'000}, std::size_t{20'000}}) {
    for (const Link link : {Link::kSigmoid, Link::kSoftmax, Link::kArgmax}) {
      const ForestModel model = stumps(features, 3, link);
      for (const std::size_t rows : {1, 3, 64}) {
        const std::vector<float> values(rows * features, 0.25f);
        std::vector<float> scores(rows * model.outputs().size());
        const long before = allocations.load();
        const absl::Status status = model.predict(RowBatch(values, features), scores);
        EXPECT_EQ(allocations.load(), before) << features << " features, " << rows << " rows";
        EXPECT_TRUE(status.ok());
      }
    }
  }
}

}  // namespace
}  // namespace weir::ml
