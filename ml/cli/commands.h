// What the command `weir` consists of.
//
// Exit codes: 0 done (or shown what would be done), 1 it failed, 2 wrong usage.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <weir/core/transport.h>

namespace weir::cli {

inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;

// Connects; returns 0, or the exit code after it said why not. `properties` are NAME=VALUE.
[[nodiscard]] int connect_to(const std::string& bootstrap, const std::vector<std::string>& properties,
                             std::shared_ptr<Transport>& transport);

// Each adds a subcommand. The one that is called sets `chosen`, which outlives the program.
void add_reset(CLI::App& program, std::function<int()>& chosen);
void add_model(CLI::App& program, std::function<int()>& chosen);
void add_export_training(CLI::App& program, std::function<int()>& chosen);

}  // namespace weir::cli
