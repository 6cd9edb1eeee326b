// Reading a store without knowing its types: for queries, drivers and tests.
#pragma once

#include <functional>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/time.h>

namespace weir {

// Every store of the state room is one: dynamic_cast<ByteQueryable*>(store).
class ByteQueryable {
 public:
  virtual ~ByteQueryable() = default;

  using Visitor = std::function<void(BytesView key, BytesView value, Timestamp timestamp)>;

  // Visits the entries with from <= key <= to, in key order, uncommitted ones included, expired ones not. A null bound is
  // open. Keys and values are as their serdes write them; the key of a window is followed by its start (8 bytes,
  // big-endian), and its order is: bucket of windows, then key, then start. The views end with the call of the visitor.
  [[nodiscard]] virtual absl::Status for_each(NullableBytes from, NullableBytes to, const Visitor& visit) = 0;
};

}  // namespace weir
