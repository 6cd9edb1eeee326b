// Memory in pieces of one size, side by side in pages as large as the system has them.
//
// With many keys, memory that is touched at random is waited for twice: for where its page is, and for itself. In pages of 2 MB
// the first is nearly always known. The first chunks are small, so that a few keys take little; memory goes back when no slot is
// in use.
//
// Thread safety: any thread may call anything.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

namespace weir::ml {

class SlotPool {
 public:
  // `bytes`: of a slot; the same at each call. A slot begins with a line of the processor's cache.
  [[nodiscard]] std::byte* take(std::size_t bytes);
  void give_back(std::byte* slot);

 private:
  struct Free {
    std::align_val_t alignment;
    void operator()(std::byte* memory) const noexcept { ::operator delete(memory, alignment); }
  };
  using Chunk = std::unique_ptr<std::byte, Free>;

  void grow();  // under the mutex

  std::mutex mutex_;  // of all that follow
  std::size_t slot_bytes_ = 0;
  std::size_t used_ = 0;
  std::vector<Chunk> chunks_;
  std::vector<std::byte*> free_;
  // What is left of the last chunk.
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace weir::ml
