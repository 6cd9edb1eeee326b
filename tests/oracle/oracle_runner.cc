// Runs recorded scenarios of Kafka Streams on weir and says where the two differ.
//
//   oracle_runner [--likeness kafka-streams|weir] [--stores memory|disk] [--restarts] PATH...
//
// A path is a file, or a folder whose *.json are taken. A file holds a scenario, the outputs that Kafka Streams gave and the
// rule to compare by. Prints the name and first difference of each scenario that differs, and ends with "N passed, N failed";
// the status is 1 if any failed.
//
//   --likeness weir   the topologies as weir is by default: the differences are then those of docs/kafka-streams-differences.md
//   --stores disk     persistent stores on disk, in a folder of their own each time
//   --restarts        after each step a new task goes on from what was committed: whoever remembers more is found out
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "oracle/recording.h"

namespace {

struct Arguments {
  weir::oracle::RunOptions options;
  bool on_disk = false;
  std::vector<std::string> files;
};

// Adds the files that a path stands for. Returns what is wrong, or nothing.
std::string add_files(const std::string& path, std::vector<std::string>& files) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    files.push_back(path);
    return "";
  }
  std::vector<std::string> found;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() == ".json") found.push_back(entry->path().string());
  }
  if (error) return fmt::format("'{}': {}", path, error.message());
  if (found.empty()) return fmt::format("there is no *.json in '{}'", path);
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
  return "";
}

// Returns what is wrong, or nothing.
std::string read_arguments(const std::vector<std::string>& given, Arguments& arguments) {
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string& argument = given[i];
    const std::string value = i + 1 < given.size() ? given[i + 1] : "";
    if (argument == "--restarts") {
      arguments.options.restarts = true;
    } else if (argument == "--likeness") {
      if (value != "kafka-streams" && value != "weir") return "--likeness takes kafka-streams or weir";
      if (value == "weir") arguments.options.likeness = weir::Likeness::kWeir;
      ++i;
    } else if (argument == "--stores") {
      if (value != "memory" && value != "disk") return "--stores takes memory or disk";
      arguments.on_disk = value == "disk";
      ++i;
    } else if (argument.starts_with("-")) {
      return fmt::format("there is no option '{}'", argument);
    } else if (std::string fault = add_files(argument, arguments.files); !fault.empty()) {
      return fault;
    }
  }
  return arguments.files.empty() ? "no file is given" : "";
}

// A folder that is there as long as this is.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::temp_directory_path() / fmt::format("weir_oracle_{}", ::getpid())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TemporaryFolder() {
    std::error_code ignored;  // what stays is in the system's folder for such things
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_;
};

// Returns what is wrong, or nothing.
std::string check(const std::string& path, const Arguments& arguments) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return "the file cannot be read";
  if (!arguments.on_disk) return weir::oracle::first_difference_of(text.str(), arguments.options);
  const TemporaryFolder folder;
  weir::oracle::RunOptions options = arguments.options;
  options.state_directory = folder.path();
  return weir::oracle::first_difference_of(text.str(), options);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const std::string fault = read_arguments({argv + 1, argv + argc}, arguments); !fault.empty()) {
    fmt::print(
        stderr,
        "oracle_runner: {}\n"
        "usage: oracle_runner [--likeness kafka-streams|weir] [--stores memory|disk] [--restarts] PATH...\n",
        fault);
    return 2;
  }
  std::size_t failed = 0;
  for (const std::string& file : arguments.files) {
    const std::string fault = check(file, arguments);
    if (fault.empty()) continue;
    ++failed;
    fmt::print("{}: {}\n", file, fault);
  }
  fmt::print("{} passed, {} failed\n", arguments.files.size() - failed, failed);
  return failed == 0 ? 0 : 1;
}
