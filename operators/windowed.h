// A key in a window: what the tables of windowed verbs are keyed by.
//
// In a topic it is written as Kafka's time-windowed serde does: the key's bytes, then the window's start in 8 bytes,
// big-endian. The end is not written, so a program that reads such a topic says how large the windows are:
//
//   builder.stream<weir::Windowed<std::string>, std::int64_t>("counts", {.window_size = 5min})
//
// The partition is that of the key alone.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <limits>
#include <string_view>

#include <absl/status/status.h>

#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/operators/topic_key.h>

namespace weir {

// From start to before end; in sliding windows and sessions the end is part of it.
struct Window {
  Timestamp start = 0;
  Timestamp end = 0;

  auto operator<=>(const Window&) const = default;
};

// The end of a window that was read from a topic by somebody who did not say how large windows are.
inline constexpr Timestamp kUnknownEnd = std::numeric_limits<Timestamp>::max();

template <class K>
struct Windowed {
  K key{};
  Window window;

  bool operator==(const Windowed&) const = default;
};

template <class T>
inline constexpr bool kIsWindowed = false;
template <class K>
inline constexpr bool kIsWindowed<Windowed<K>> = true;

// Whether a topic leaves out where the window ends.
template <class T>
inline constexpr bool kLosesItsEnd = false;
template <class K>
inline constexpr bool kLosesItsEnd<Windowed<K>> = true;

namespace detail {

// Returns the bytes before the last `size`, and moves the others to `rest`. InvalidArgument if there are not that many.
[[nodiscard]] absl::Status cut_tail(BytesView bytes, std::size_t size, BytesView& head, BytesView& tail);
[[nodiscard]] absl::Status check_window(const Window& window);

// A format's name with something in front.
template <class Prefix, class K>
struct PrefixedFormat {
  static constexpr std::string_view kInner = Serde<K>::kFormat;
  static constexpr auto kText = [] {
    std::array<char, Prefix::kText.size() + kInner.size()> text{};
    for (std::size_t i = 0; i < Prefix::kText.size(); ++i) text[i] = Prefix::kText[i];
    for (std::size_t i = 0; i < kInner.size(); ++i) text[Prefix::kText.size() + i] = kInner[i];
    return text;
  }();
  static constexpr std::string_view kValue{kText.data(), kText.size()};
};

struct WindowedPrefix {
  static constexpr std::string_view kText = "windowed-";
};

}  // namespace detail

template <Serializable K>
struct Serde<Windowed<K>> {
  static constexpr std::string_view kFormat = detail::PrefixedFormat<detail::WindowedPrefix, K>::kValue;
  static constexpr bool kCanonical = Serde<K>::kCanonical;

  static void encode(const Windowed<K>& value, Bytes& out) {
    Serde<K>::encode(value.key, out);
    put_big_endian(value.window.start, out);
  }

  // Leaves the end unknown.
  static absl::Status decode(BytesView bytes, Windowed<K>& out) {
    BytesView key;
    BytesView start;
    if (absl::Status status = detail::cut_tail(bytes, sizeof(Timestamp), key, start); !status.ok())
      return status;
    out.window = {get_big_endian<Timestamp>(start.data()), kUnknownEnd};
    if (absl::Status status = detail::check_window(out.window); !status.ok()) return status;
    return Serde<K>::decode(key, out.key);
  }
};

template <Serializable K>
struct TopicKey<Windowed<K>> {
  static constexpr bool kKeepsBytes = Serde<Windowed<K>>::kCanonical;
  static constexpr bool kHashesAllBytes = false;

  static void encode(const Windowed<K>& key, Bytes& out) { Serde<Windowed<K>>::encode(key, out); }
  static absl::Status decode(BytesView bytes, Windowed<K>& out) {
    return Serde<Windowed<K>>::decode(bytes, out);
  }
  static BytesView hashed_bytes(BytesView key) { return key.substr(0, key.size() - sizeof(Timestamp)); }
};

// Key, start, end.
template <Serializable K>
struct RepartitionKey<Windowed<K>> {
  static constexpr bool kKeepsBytes = false;
  static constexpr bool kHashesAllBytes = false;

  static void encode(const Windowed<K>& key, Bytes& out) {
    Serde<K>::encode(key.key, out);
    put_big_endian(key.window.start, out);
    put_big_endian(key.window.end, out);
  }
  static absl::Status decode(BytesView bytes, Windowed<K>& out) {
    BytesView key;
    BytesView window;
    if (absl::Status status = detail::cut_tail(bytes, 2 * sizeof(Timestamp), key, window); !status.ok())
      return status;
    out.window = {get_big_endian<Timestamp>(window.data()),
                  get_big_endian<Timestamp>(window.data() + sizeof(Timestamp))};
    if (absl::Status status = detail::check_window(out.window); !status.ok()) return status;
    return Serde<K>::decode(key, out.key);
  }
  static BytesView hashed_bytes(BytesView key) { return key.substr(0, key.size() - 2 * sizeof(Timestamp)); }
};

}  // namespace weir
