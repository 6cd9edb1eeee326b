// Which keys of a store were used last: for stores that keep only so many rows.
//
// It lives in memory. After a restart the order is that of the rows' timestamps, as far as it was not used since.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <unordered_map>

#include <weir/core/bytes.h>

namespace weir {

class Recency {
 public:
  explicit Recency(std::size_t limit) : limit_(limit) {}

  // Whether it knows the store's keys. It does not at first, nor after forget_all.
  [[nodiscard]] bool loaded() const { return loaded_; }
  void set_loaded() { loaded_ = true; }
  void forget_all();

  // Makes a key the one used last.
  void use(BytesView key);
  void forget(BytesView key);

  // Returns the key that was used least lately, if there are more than the limit. Borrowed until it is forgotten.
  [[nodiscard]] std::optional<BytesView> surplus() const;

 private:
  using Keys = std::list<Bytes>;

  const std::size_t limit_;
  bool loaded_ = false;
  Keys keys_;                                             // the one used least lately first
  std::unordered_map<BytesView, Keys::iterator> places_;  // views into keys_
};

}  // namespace weir
