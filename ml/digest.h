// The digest that names a model's bytes: SHA-256, which operators can check with any tool at hand and which
// no one can forge for another file.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

namespace weir::ml {

// Returns the SHA-256 of `bytes` as 64 lower-case hexadecimal digits. Fails with INTERNAL only where the
// platform's cryptography library refuses SHA-256 altogether.
[[nodiscard]] absl::StatusOr<std::string> sha256_hex(std::string_view bytes);

}  // namespace weir::ml
