// The windows that are still to be told of, by the time they end: what a store that lies by key cannot say quickly. Derived
// from the store, and made again from it when the node is opened.
//
// Thread safety: none; belongs to a node.
#pragma once

#include <compare>
#include <optional>
#include <set>

#include <weir/core/bytes.h>
#include <weir/core/time.h>

namespace weir {

class OpenWindows {
 public:
  struct Entry {
    Timestamp end = 0;
    Timestamp start = 0;
    Bytes key;

    auto operator<=>(const Entry&) const = default;
  };

  void add(Timestamp start, Timestamp end, BytesView key) { entries_.insert({end, start, Bytes(key)}); }
  void remove(Timestamp start, Timestamp end, BytesView key) { entries_.erase({end, start, Bytes(key)}); }

  // Takes out the first, by end, start, key, if it ends before that time.
  [[nodiscard]] std::optional<Entry> take_before(Timestamp limit) {
    if (entries_.empty() || entries_.begin()->end >= limit) return std::nullopt;
    return std::move(entries_.extract(entries_.begin()).value());
  }

 private:
  std::set<Entry> entries_;
};

}  // namespace weir
