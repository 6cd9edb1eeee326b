// A value in a store, with its time.
#pragma once

#include <weir/core/time.h>

namespace weir {

// The timestamp is that of the record which the value comes from, or the largest of those that went into it, as the
// writer of the store decides. It becomes the timestamp of the changelog record.
template <class V>
struct Timestamped {
  V value{};
  Timestamp timestamp = 0;

  bool operator==(const Timestamped&) const = default;
};

}  // namespace weir
