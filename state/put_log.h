// The changelog records of puts that wait for the commit, in order: for stores whose rows are not their changelog.
#pragma once

#include <cstddef>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/task_store.h>
#include <weir/core/time.h>

namespace weir {

class PutLog {
 public:
  // `encode` appends the value; it is not called for a tombstone.
  template <class Encode>
  void append(BytesView key, Timestamp timestamp, bool has_value, Encode&& encode) {
    bytes_.append(key);
    const std::size_t value_at = bytes_.size();
    if (has_value) encode(bytes_);
    puts_.push_back({key.size(), bytes_.size() - value_at, timestamp, has_value});
  }

  void write(const StoreSpec& spec, ChangelogWriter& changelog) const;

  void clear() {
    bytes_.clear();
    puts_.clear();
  }

  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size() + puts_.size() * sizeof(Put); }

 private:
  struct Put {
    std::size_t key_size;
    std::size_t value_size;
    Timestamp timestamp;
    bool has_value;
  };

  Bytes bytes_;  // key, value, key, value, ...
  std::vector<Put> puts_;
};

}  // namespace weir
