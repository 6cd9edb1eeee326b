// A folder of a test's own.
#pragma once

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir {

// Names a folder that is not there yet, and removes it with all that is in it at the end.
class ScratchFolder {
 public:
  ScratchFolder() {
    static std::atomic<int> made{0};
    path_ = ::testing::TempDir() + "/weir-test-" + std::to_string(::getpid()) + "-" + std::to_string(++made);
    std::filesystem::remove_all(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

}  // namespace weir
