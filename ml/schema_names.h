// Names of a model's inputs and outputs, as loaders make them. Internal to the room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

namespace weir::ml {

// Returns `names` if they are those of `features` features, each called differently; f0, f1, ... if there are
// none at all; otherwise INVALID_ARGUMENT.
[[nodiscard]] absl::StatusOr<std::vector<std::string>> input_names(std::vector<std::string> names,
                                                                   std::size_t features);

// Returns `name` for one output, or name_0, name_1, ... for several.
[[nodiscard]] std::vector<std::string> output_names(std::string_view name, std::size_t count);

}  // namespace weir::ml
