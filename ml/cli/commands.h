// What the command `weir` consists of.
//
// Exit codes: 0 done (or shown what would be done), 1 it failed, 2 wrong usage, 3 what was compared is not the same.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <absl/status/status.h>

#include <weir/core/transport.h>

namespace weir::cli {

inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kDifferent = 3;

// Connects; returns 0, or the exit code after it said why not. `properties` are NAME=VALUE.
[[nodiscard]] int connect_to(const std::string& bootstrap, const std::vector<std::string>& properties,
                             std::shared_ptr<Transport>& transport);

// Calls `write` with a file, or with standard output if its name is empty; returns 0, or the exit code after it said why not. The
// file has its name once it is whole, and is not there if writing fails.
[[nodiscard]] int write_whole_file(const std::string& name,
                                   const std::function<absl::Status(std::ostream&)>& write);

// Each adds subcommands. The one that is called sets `chosen`, which outlives the program.
void add_reset(CLI::App& program, std::function<int()>& chosen);
void add_model(CLI::App& program, std::function<int()>& chosen);
void add_export_training(CLI::App& program, std::function<int()>& chosen);
void add_features(CLI::App& program, std::function<int()>& chosen);

}  // namespace weir::cli
