// Reading a model's file.
#include <weir/ml/model_file.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

namespace weir::ml {

absl::Status about_file(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("{}: {}", path, std::string(status.message())));
}

std::string name_from(const std::string& path) { return std::filesystem::path(path).stem().string(); }

absl::StatusOr<std::string> read_model_file(const std::string& path, const LoadLimits& limits) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return about_file(path, absl::NotFoundError("no such file"));
  }
  if (error) return about_file(path, absl::UnavailableError(error.message()));
  if (!std::filesystem::is_regular_file(status)) {
    return about_file(path, absl::InvalidArgumentError("not a regular file"));
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return about_file(path, absl::UnavailableError(error.message()));
  if (size > limits.bytes) {
    return about_file(
        path, absl::ResourceExhaustedError(fmt::format("{} bytes, at most {} allowed", size, limits.bytes)));
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    return about_file(path, absl::UnavailableError("cannot be read, or became shorter meanwhile"));
  }
  return bytes;
}

}  // namespace weir::ml
