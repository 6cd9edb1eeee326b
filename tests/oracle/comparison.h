// Compares what came out with a recording, by the rule that the recording states.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace weir::oracle {

// Returns the first difference between a recording (a whole file) and the result of `run`; empty if they agree.
[[nodiscard]] std::string first_difference(const nlohmann::json& recording, const nlohmann::json& result);

}  // namespace weir::oracle
