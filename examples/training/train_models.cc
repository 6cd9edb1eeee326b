// Makes the models that the examples ship, once more: from the same seeds, with the trainer beside this file.
//
//   train_models            writes them beside the examples
//   train_models --check    says which files are not what it would write, and fails if there are any
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/status/statusor.h>
#include <fmt/format.h>

#include <weir/core/status.h>

#include "forecasting.h"
#include "models.h"

namespace {

using Files = std::vector<std::pair<std::string, std::string>>;  // path, content

absl::StatusOr<Files> train_all(const std::string& folder) {
  Files files;
  const auto before = fraud::train_model(false);
  if (!before.ok()) return before.status();
  files.emplace_back(folder + "/fraud_scoring/model.json", before->model);
  files.emplace_back(folder + "/fraud_scoring/references.json", before->references);
  const auto after = fraud::train_model(true);
  if (!after.ok()) return after.status();
  files.emplace_back(folder + "/fraud_scoring/model_after_drift.json", after->model);
  const auto remaining = maintenance::train_model();
  if (!remaining.ok()) return remaining.status();
  files.emplace_back(folder + "/predictive_maintenance/model.json", *remaining);
  return files;
}

absl::Status write_all(const Files& files) {
  for (const auto& [path, content] : files) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << content;
    if (!out.flush()) return absl::UnavailableError("cannot write " + path);
    fmt::print("wrote {}: {} bytes\n", path, content.size());
  }
  return absl::OkStatus();
}

absl::Status check_all(const Files& files) {
  for (const auto& [path, content] : files) {
    std::ifstream in(path, std::ios::binary);
    if (std::string(std::istreambuf_iterator<char>(in), {}) != content)
      return absl::FailedPreconditionError(path + " is not what training gives: run train_models");
    fmt::print("{} is what training gives\n", path);
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = WEIR_EXAMPLES_FOLDER;
  bool check = false;
  CLI::App cli("Trains the models of the examples again.");
  cli.add_option("--folder", folder, "of the examples")->capture_default_str()->check(CLI::ExistingDirectory);
  cli.add_flag("--check", check, "compare with the files that are there, and write nothing");
  CLI11_PARSE(cli, argc, argv);
  const absl::StatusOr<Files> files = train_all(folder);
  const absl::Status status = !files.ok() ? files.status() : check ? check_all(*files) : write_all(*files);
  if (status.ok()) return 0;
  fmt::print(stderr, "train_models: {}\n", std::string(status.message()));
  return 1;
}
