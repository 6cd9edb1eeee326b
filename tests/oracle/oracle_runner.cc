// Runs recorded scenarios of Kafka Streams on weir and says where the two differ.
//
//   oracle_runner [--likeness kafka-streams|weir] FILE...
//
// A file holds a scenario, the outputs that Kafka Streams gave and the rule to compare by. Prints the name and first
// difference of each scenario that differs, and ends with "N passed, N failed"; the status is 1 if any failed. --likeness weir
// runs the topologies as weir is by default: then the differences are those of docs/kafka-streams-differences.md.
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <weir/core/status.h>

#include "oracle/comparison.h"
#include "oracle/run.h"

namespace {

using nlohmann::json;

int usage(const std::string& fault) {
  fmt::print(stderr, "oracle_runner: {}\nusage: oracle_runner [--likeness kafka-streams|weir] FILE...\n",
             fault);
  return 2;
}

// Returns what is wrong, or nothing.
std::string check(const std::string& path, const weir::oracle::RunOptions& options) {
  std::ifstream file(path);
  if (!file) return "the file cannot be read";
  const json recording = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!recording.is_object()) return "the file is no JSON object";
  if (!recording.contains("scenario") || !recording.contains("golden")) {
    return "the file is no recording: it needs a 'scenario' and a 'golden'";
  }
  try {
    const auto result = weir::oracle::run(recording.at("scenario"),
                                          recording.at("golden").value("stores", json::array()), options);
    if (!result.ok()) return weir::message_of(result.status());
    return weir::oracle::first_difference(recording, *result);
  } catch (const std::exception& error) {  // the JSON library's way to say that something is missing
    return error.what();
  }
}

}  // namespace

int main(int argc, char** argv) {
  weir::oracle::RunOptions options;
  std::vector<std::string> files(argv + 1, argv + argc);
  if (!files.empty() && files[0] == "--likeness") {
    if (files.size() < 2) return usage("--likeness needs a value");
    if (files[1] != "kafka-streams" && files[1] != "weir") {
      return usage(fmt::format("'{}' is neither kafka-streams nor weir", files[1]));
    }
    if (files[1] == "weir") options.likeness = weir::Likeness::kWeir;
    files.erase(files.begin(), files.begin() + 2);
  }
  if (files.empty()) return usage("no file is given");
  for (const std::string& file : files) {
    if (file.starts_with("-")) return usage(fmt::format("there is no option '{}'", file));
  }

  std::size_t failed = 0;
  for (const std::string& file : files) {
    const std::string fault = check(file, options);
    if (fault.empty()) continue;
    ++failed;
    fmt::print("{}: {}\n", file, fault);
  }
  fmt::print("{} passed, {} failed\n", files.size() - failed, failed);
  return failed == 0 ? 0 : 1;
}
