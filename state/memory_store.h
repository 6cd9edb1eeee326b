// A byte store in memory: gone when the task closes, and then restored from its changelog.
#pragma once

#include <memory>

#include <weir/state/byte_store.h>

namespace weir {

class MemoryStore : public ByteStore {
 public:
  // Makes what was staged visible, or forgets it.
  virtual void apply() = 0;
  virtual void drop() = 0;
  [[nodiscard]] virtual bool has_staged() const = 0;

  // Forgets all entries at once.
  virtual void clear() = 0;

  [[nodiscard]] static std::unique_ptr<MemoryStore> make();
};

}  // namespace weir
