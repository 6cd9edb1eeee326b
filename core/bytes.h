// Bytes as weir passes them around: owned, borrowed, and borrowed-or-null.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir {

// Owned bytes. A std::string because the small-buffer optimisation fits keys.
using Bytes = std::string;

// Borrowed bytes; valid as long as the owner says.
using BytesView = std::string_view;

// A Kafka key or value: absent (null) is not the same as empty.
using NullableBytes = std::optional<BytesView>;

}  // namespace weir
