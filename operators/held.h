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
  std::optional<V> before;    // what those downstream were told last
  std::optional<V> replaced;  // what `now` took the place of; kept only to be like Kafka Streams
  Headers headers;

  bool operator==(const Held&) const = default;
};

namespace detail {

struct HeldHead {
  Timestamp due = 0;
  bool has_now = false;
  bool has_before = false;
  bool has_replaced = false;
  std::uint32_t now_size = 0;
  std::uint32_t before_size = 0;
};

// Writes and reads what knows no V; reading leaves the rest in `bytes`.
void encode_held(const HeldHead& head, const Headers& headers, Bytes& out);
[[nodiscard]] absl::Status decode_held(BytesView& bytes, HeldHead& head, Headers& headers);

struct HeldPrefix {
  static constexpr std::string_view kText = "held-";
};

}  // namespace detail

// due (8 bytes), flags (1), headers, sizes of `now` and `before` (4 each), `now`, `before`, `replaced`.
template <Serializable V>
struct Serde<Held<V>> {
  static constexpr std::string_view kFormat = detail::PrefixedFormat<detail::HeldPrefix, V>::kValue;
  static constexpr bool kCanonical = false;

  static void encode(const Held<V>& held, Bytes& out) {
    Bytes values;
    const auto size_of = [&](const std::optional<V>& value) {
      const std::size_t before = values.size();
      if (value) Serde<V>::encode(*value, values);
      return static_cast<std::uint32_t>(values.size() - before);
    };
    detail::HeldHead head{held.due, held.now.has_value(), held.before.has_value(), held.replaced.has_value()};
    head.now_size = size_of(held.now);
    head.before_size = size_of(held.before);
    size_of(held.replaced);
    detail::encode_held(head, held.headers, out);
    out.append(values);
  }

  static absl::Status decode(BytesView bytes, Held<V>& out) {
    detail::HeldHead head;
    if (absl::Status status = detail::decode_held(bytes, head, out.headers); !status.ok()) return status;
    out.due = head.due;
    const auto read = [&](bool there, std::size_t size, std::optional<V>& value) {
      const BytesView taken = bytes.substr(0, size);
      bytes.remove_prefix(taken.size());
      value.reset();
      return there ? Serde<V>::decode(taken, value.emplace()) : absl::OkStatus();
    };
    if (absl::Status status = read(head.has_now, head.now_size, out.now); !status.ok()) return status;
    if (absl::Status status = read(head.has_before, head.before_size, out.before); !status.ok())
      return status;
    return read(head.has_replaced, bytes.size(), out.replaced);
  }
};

}  // namespace weir
