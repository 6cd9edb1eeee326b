// A recording: a scenario, what Kafka Streams made of it, and the rule by which to compare. README.md has the format.
#pragma once

#include <string>

#include "oracle/run.h"

namespace weir::oracle {

// Runs the scenario of a recording, which is given as the text of its file. Returns the first difference from what was
// recorded, or what is wrong with the text; nothing if the two agree.
[[nodiscard]] std::string first_difference_of(const std::string& recording, const RunOptions& options);

}  // namespace weir::oracle
