#include <weir/core/serde.h>

#include <fmt/format.h>

namespace weir {

absl::Status wrong_size(std::size_t expected, std::size_t got) {
  return absl::InvalidArgumentError(fmt::format("expected {} bytes, got {}", expected, got));
}

absl::Status null_refused() {
  return absl::InvalidArgumentError("null where the type has no null (use std::optional to accept it)");
}

absl::Status Serde<bool>::decode(BytesView bytes, bool& out) {
  if (bytes.size() != 1) return wrong_size(1, bytes.size());
  if (bytes[0] != '\0' && bytes[0] != '\1') {
    return absl::InvalidArgumentError(
        fmt::format("expected 0 or 1, got {}", static_cast<unsigned char>(bytes[0])));
  }
  out = bytes[0] == '\1';
  return absl::OkStatus();
}

}  // namespace weir
