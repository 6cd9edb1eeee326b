// What an operator holds back for a while, in a store: a value or its absence, with all that is needed to emit it later.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include <absl/status/status.h>

#include <weir/core/headers.h>
#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/operators/windowed.h>

namespace weir {

// Its own time is that of the row it is in.
template <class V>
struct Held {
  Timestamp due = 0;  // what it waits by
  std::optional<V> now;
  std::optional<V> before;  // what those downstream were told last
  Headers headers;

  bool operator==(const Held&) const = default;
};

namespace detail {

struct HeldHead {
  Timestamp due = 0;
  bool has_now = false;
  bool has_before = false;
  std::uint32_t now_size = 0;
};

// Writes and reads what knows no V; reading leaves the rest in `bytes`.
void encode_held(const HeldHead& head, const Headers& headers, Bytes& out);
[[nodiscard]] absl::Status decode_held(BytesView& bytes, HeldHead& head, Headers& headers);

struct HeldPrefix {
  static constexpr std::string_view kText = "held-";
};

}  // namespace detail

// due (8 bytes), flags (1), headers, size of `now` (4), `now`, `before`.
template <Serializable V>
struct Serde<Held<V>> {
  static constexpr std::string_view kFormat = detail::PrefixedFormat<detail::HeldPrefix, V>::kValue;
  static constexpr bool kCanonical = false;

  static void encode(const Held<V>& held, Bytes& out) {
    Bytes now;
    if (held.now) Serde<V>::encode(*held.now, now);
    detail::encode_held(
        {held.due, held.now.has_value(), held.before.has_value(), static_cast<std::uint32_t>(now.size())},
        held.headers, out);
    out.append(now);
    if (held.before) Serde<V>::encode(*held.before, out);
  }

  static absl::Status decode(BytesView bytes, Held<V>& out) {
    detail::HeldHead head;
    if (absl::Status status = detail::decode_held(bytes, head, out.headers); !status.ok()) return status;
    out.due = head.due;
    out.now.reset();
    out.before.reset();
    if (head.has_now) {
      absl::Status status = Serde<V>::decode(bytes.substr(0, head.now_size), out.now.emplace());
      if (!status.ok()) return status;
    }
    if (!head.has_before) return absl::OkStatus();
    return Serde<V>::decode(bytes.substr(head.now_size), out.before.emplace());
  }
};

}  // namespace weir
