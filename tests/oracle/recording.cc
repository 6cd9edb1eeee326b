#include "oracle/recording.h"

#include <exception>

#include <nlohmann/json.hpp>

#include <weir/core/status.h>

#include "oracle/comparison.h"

namespace weir::oracle {

using nlohmann::json;

std::string first_difference_of(const std::string& recording, const RunOptions& options) {
  const json parsed = json::parse(recording, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return "the file is no JSON object";
  if (!parsed.contains("scenario") || !parsed.contains("golden")) {
    return "the file is no recording: it needs a 'scenario' and a 'golden'";
  }
  try {
    const auto result =
        run(parsed.at("scenario"), parsed.at("golden").value("stores", json::array()), options);
    if (!result.ok()) return message_of(result.status());
    return first_difference(parsed, *result);
  } catch (const std::exception& error) {  // the JSON library's way to say that something is missing
    return std::string("the file is no recording: ") + error.what();
  }
}

}  // namespace weir::oracle
