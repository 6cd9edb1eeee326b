// Reads the file of a model. Internal to the room.
#pragma once

#include <string>

#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>

namespace weir::ml {

// Returns the bytes of the file. NOT_FOUND if there is none, INVALID_ARGUMENT if it is no regular file,
// UNAVAILABLE if it cannot be read and RESOURCE_EXHAUSTED if it is larger than `limits` allow. Messages begin
// with the path.
[[nodiscard]] absl::StatusOr<std::string> read_model_file(const std::string& path, const LoadLimits& limits);

// Returns the status with the path in front of its message.
[[nodiscard]] absl::Status about_file(const std::string& path, const absl::Status& status);

// Returns the file's name without folder and ending: what a model is called that no one has named.
[[nodiscard]] std::string name_from(const std::string& path);

}  // namespace weir::ml
