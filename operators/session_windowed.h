// A key in a session: what the tables of session aggregates are keyed by.
//
// In a topic it is written as Kafka's session-windowed serde does: the key's bytes, then the session's end and its start in 8
// bytes each, big-endian. The partition is that of the key alone.
#pragma once

#include <string_view>

#include <absl/status/status.h>

#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/operators/topic_key.h>
#include <weir/operators/windowed.h>

namespace weir {

template <class K>
struct SessionWindowed {
  K key{};
  Window window;  // from the first record to the last, both included

  bool operator==(const SessionWindowed&) const = default;
};

template <class K>
inline constexpr bool kIsWindowed<SessionWindowed<K>> = true;

namespace detail {

struct SessionPrefix {
  static constexpr std::string_view kText = "session-";
};

}  // namespace detail

template <Serializable K>
struct Serde<SessionWindowed<K>> {
  static constexpr std::string_view kFormat = detail::PrefixedFormat<detail::SessionPrefix, K>::kValue;
  static constexpr bool kCanonical = Serde<K>::kCanonical;

  static void encode(const SessionWindowed<K>& value, Bytes& out) {
    Serde<K>::encode(value.key, out);
    put_big_endian(value.window.end, out);
    put_big_endian(value.window.start, out);
  }

  static absl::Status decode(BytesView bytes, SessionWindowed<K>& out) {
    BytesView key;
    BytesView window;
    if (absl::Status status = detail::cut_tail(bytes, 2 * sizeof(Timestamp), key, window); !status.ok())
      return status;
    out.window = {get_big_endian<Timestamp>(window.data() + sizeof(Timestamp)),
                  get_big_endian<Timestamp>(window.data())};
    if (absl::Status status = detail::check_window(out.window); !status.ok()) return status;
    return Serde<K>::decode(key, out.key);
  }
};

template <Serializable K>
struct TopicKey<SessionWindowed<K>> {
  static constexpr bool kKeepsBytes = Serde<SessionWindowed<K>>::kCanonical;
  static constexpr bool kHashesAllBytes = false;

  static void encode(const SessionWindowed<K>& key, Bytes& out) {
    Serde<SessionWindowed<K>>::encode(key, out);
  }
  static absl::Status decode(BytesView bytes, SessionWindowed<K>& out) {
    return Serde<SessionWindowed<K>>::decode(bytes, out);
  }
  static BytesView hashed_bytes(BytesView key) { return key.substr(0, key.size() - 2 * sizeof(Timestamp)); }
};

}  // namespace weir
