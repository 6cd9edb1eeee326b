// Sketches in topics and stores: each has a Serde, whose bytes are those of serialise().
#pragma once

#include <concepts>
#include <string_view>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/serde.h>

namespace weir::ml {

template <class S>
concept Sketch = std::copyable<S> && requires(const S& sketch, Bytes& out, BytesView bytes) {
  { S::kFormat } -> std::convertible_to<std::string_view>;
  sketch.serialise(out);
  { S::parse(bytes) } -> std::same_as<absl::StatusOr<S>>;
};

}  // namespace weir::ml

namespace weir {

template <ml::Sketch S>
struct Serde<S> {
  static constexpr std::string_view kFormat = S::kFormat;
  static constexpr bool kCanonical = true;
  static void encode(const S& sketch, Bytes& out) { sketch.serialise(out); }
  static absl::Status decode(BytesView bytes, S& out) {
    absl::StatusOr<S> parsed = S::parse(bytes);
    if (!parsed.ok()) return parsed.status();
    out = *std::move(parsed);
    return absl::OkStatus();
  }
};

}  // namespace weir
