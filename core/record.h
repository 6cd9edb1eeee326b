// What flows between typed nodes.
#pragma once

#include <weir/core/bytes.h>
#include <weir/core/headers.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir {

// A borrow: everything it points to is alive until the call that received it returns. Keep a copy of what you need,
// never the record.
//
// `key_bytes` are the bytes from which `key` was decoded, or have a null data() when the key was changed on the way;
// stores use them to skip an encoding.
template <class K, class V>
struct Record {
  const K& key;
  const V& value;
  Timestamp timestamp = 0;
  const Headers& headers = kNoHeaders;
  const Origin& origin;
  BytesView key_bytes = {};

  // The same record with another value, key, or both.
  template <class U>
  [[nodiscard]] Record<K, U> with_value(const U& other) const {
    return {key, other, timestamp, headers, origin, key_bytes};
  }
  template <class J>
  [[nodiscard]] Record<J, V> with_key(const J& other) const {
    return {other, value, timestamp, headers, origin, {}};
  }
  [[nodiscard]] Record with_timestamp(Timestamp other) const {
    return {key, value, other, headers, origin, key_bytes};
  }
  [[nodiscard]] Record with_headers(const Headers& other) const {
    return {key, value, timestamp, other, origin, key_bytes};
  }
  void with_headers(Headers&& other) const = delete;
  template <class J, class U>
  [[nodiscard]] Record<J, U> with(const J& other_key, const U& other_value) const {
    return {other_key, other_value, timestamp, headers, origin, {}};
  }
};

// What user callables may ask for besides key and value. A borrow like the record.
struct RecordInfo {
  Timestamp timestamp = 0;
  const Headers& headers;
  const Origin& origin;
};

// Why a table tells of a row.
enum class EmitReason {
  kUpdate,  // a record changed it
  kCommit,  // it was changed since the last commit
  kClose,   // its window takes no more records
  kIdle,    // its window was closed because no records came
};

// An update of a table row: the value now and before; null means no row. `before` is filled only where a node downstream
// asked for it. `latest` is false for an out-of-order update of a versioned table.
template <class V>
struct Change {
  const V* now = nullptr;
  const V* before = nullptr;
  bool latest = true;
  EmitReason reason = EmitReason::kUpdate;
};

}  // namespace weir
