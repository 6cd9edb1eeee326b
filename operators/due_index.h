// What lies in a store of things held back, in the order in which they are due: by time, then key bytes. An index in memory
// beside the store; its node makes it anew when it opens.
//
// Thread safety: none; belongs to a node.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include <weir/core/bytes.h>
#include <weir/core/time.h>

namespace weir {

class DueIndex {
 public:
  // Returns the time that is due first; the largest there is if nothing waits.
  [[nodiscard]] Timestamp first_due() const {
    return sizes_.empty() ? std::numeric_limits<Timestamp>::max() : sizes_.begin()->first.first;
  }
  // Requires that something waits.
  [[nodiscard]] const Bytes& first_key() const { return sizes_.begin()->first.second; }

  [[nodiscard]] bool empty() const { return sizes_.empty(); }
  [[nodiscard]] std::uint64_t records() const { return sizes_.size(); }
  // The sum of the sizes that were given.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  // Adds a key, or gives it another size.
  void put(Timestamp due, BytesView key, std::uint64_t size);
  // Requires that something waits.
  void remove_first();
  void clear();

 private:
  std::map<std::pair<Timestamp, Bytes>, std::uint64_t> sizes_;
  std::uint64_t bytes_ = 0;
};

}  // namespace weir
