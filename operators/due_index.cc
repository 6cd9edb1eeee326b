#include <weir/operators/due_index.h>

namespace weir {

void DueIndex::put(Timestamp due, BytesView key, std::uint64_t size) {
  std::uint64_t& known = sizes_[{due, Bytes(key)}];
  bytes_ += size - known;
  known = size;
}

void DueIndex::remove_first() {
  bytes_ -= sizes_.begin()->second;
  sizes_.erase(sizes_.begin());
}

void DueIndex::clear() {
  sizes_.clear();
  bytes_ = 0;
}

}  // namespace weir
