// How a key is written to a topic, and which of its bytes decide about the partition.
#pragma once

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>

namespace weir {

// As Serde<K> says; all bytes count. Specialised for Windowed<K>: the window is no part of what is hashed, so that all
// windows of a key share a partition.
template <class K>
struct TopicKey {
  // Whether the bytes a key was decoded from can be written again in its stead.
  static constexpr bool kKeepsBytes = Serde<K>::kCanonical;
  static constexpr bool kHashesAllBytes = true;

  static void encode(const K& key, Bytes& out) { Serde<K>::encode(key, out); }
  static absl::Status decode(BytesView bytes, K& out) { return Serde<K>::decode(bytes, out); }
  static BytesView hashed_bytes(BytesView key) { return key; }
};

// The same for topics between two parts of one program. Specialised for Windowed<K>, whose Serde leaves out the window's
// end as Kafka's does: within a program nothing may be lost.
template <class K>
struct RepartitionKey : TopicKey<K> {};

}  // namespace weir
