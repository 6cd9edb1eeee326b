#include <weir/core/state_cleanup.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir {
namespace {

namespace fs = std::filesystem;

bool is_task_folder(const std::string& name) {
  if (name == "global") return true;
  const std::size_t split = name.find('_');
  if (split == std::string::npos || split == 0 || split + 1 == name.size()) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0 || c == '_'; }) &&
         name.find('_', split + 1) == std::string::npos;
}

Timestamp wall_of(fs::file_time_type time) {
  const auto system = fs::file_time_type::clock::to_sys(time);
  return std::chrono::duration_cast<Duration>(system.time_since_epoch()).count();
}

// When something in the folder was written last. What vanishes meanwhile was written long ago.
Timestamp last_write(const fs::path& folder) {
  std::error_code error;
  Timestamp last = wall_of(fs::last_write_time(folder, error));
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const auto time = fs::last_write_time(entry->path(), gone);
    if (!gone) last = std::max(last, wall_of(time));
  }
  return last;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> remove_task_folders(const std::string& directory,
                                                             std::optional<Duration> idle, Timestamp now) {
  std::vector<std::string> removed;
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  if (error == std::errc::no_such_file_or_directory) return removed;
  std::vector<fs::path> folders;
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    std::error_code unknown;
    if (entry->is_directory(unknown) && is_task_folder(entry->path().filename().string()))
      folders.push_back(entry->path());
  }
  if (error)
    return fatal_error(fmt::format("cannot read the state directory '{}': {}", directory, error.message()));
  for (const fs::path& folder : folders) {
    if (idle && now - last_write(folder) < idle->count()) continue;
    fs::remove_all(folder, error);
    if (error) return fatal_error(fmt::format("cannot remove '{}': {}", folder.string(), error.message()));
    removed.push_back(folder.filename().string());
  }
  std::sort(removed.begin(), removed.end());
  return removed;
}

}  // namespace weir
