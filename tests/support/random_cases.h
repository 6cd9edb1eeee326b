// Plays cases that chance makes, and says how to play one again.
//
// WEIR_SEED is the seed of the first case; a variable of the test's own says how many are played.
#pragma once

#include <filesystem>
#include <random>
#include <string>

#include <unistd.h>
#include <gtest/gtest.h>

#include "support/environment.h"

namespace weir {

// Returns a number from the environment, or `otherwise`.
inline unsigned number_from_environment(const char* variable, unsigned otherwise) {
  return static_cast<unsigned>(number_from(variable, otherwise));
}

// Calls play(seed, directory) `count` times or until one fails; the directory is empty, or on disk if that is asked for.
template <class Play>
void play_cases(unsigned count, bool on_disk, const Play& play) {
  const unsigned first = number_from_environment("WEIR_SEED", std::random_device()());
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("weir-cases-" + std::to_string(::getpid()));
  for (unsigned i = 0; i < count; ++i) {
    SCOPED_TRACE("WEIR_SEED=" + std::to_string(first + i));
    play(first + i, on_disk ? folder.string() : std::string());
    std::filesystem::remove_all(folder);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

}  // namespace weir
