#include <weir/core/state_directory.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <utility>

#include <fmt/format.h>

#include <weir/core/status.h>

namespace weir {
namespace {

constexpr char kLockFile[] = "lock";
constexpr char kInstanceFile[] = "instance-id";
constexpr std::size_t kInstanceDigits = 16;

}  // namespace

std::string draw_instance_id() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

absl::StatusOr<StateDirectory> StateDirectory::open(const std::string& root,
                                                    const std::string& application_id) {
  namespace fs = std::filesystem;
  StateDirectory directory;
  directory.path_ = root + "/" + application_id;
  std::error_code error;
  fs::create_directories(directory.path_, error);
  if (error) {
    return fatal_error(
        fmt::format("cannot make the state directory '{}': {}", directory.path_, error.message()));
  }
  fs::permissions(directory.path_, fs::perms::owner_all, error);

  const std::string lock = directory.path_ + "/" + kLockFile;
  directory.lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (directory.lock_ < 0) {
    return fatal_error(fmt::format("cannot open '{}': {}", lock, std::strerror(errno)));
  }
  if (::flock(directory.lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("the state directory '{}' is in use by another process. Give each process one of its own",
                    directory.path_));
  }

  const std::string instance_file = directory.path_ + "/" + kInstanceFile;
  std::ifstream in(instance_file);
  if (!(in >> directory.instance_id_) || directory.instance_id_.size() != kInstanceDigits) {
    directory.instance_id_ = draw_instance_id();
    std::ofstream out(instance_file, std::ios::trunc);
    out << directory.instance_id_ << '\n';
    if (!out.flush()) return fatal_error(fmt::format("cannot write '{}'", instance_file));
  }
  return directory;
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept { *this = std::move(other); }

StateDirectory& StateDirectory::operator=(StateDirectory&& other) noexcept {
  if (this == &other) return *this;
  if (lock_ >= 0) ::close(lock_);
  path_ = std::move(other.path_);
  instance_id_ = std::move(other.instance_id_);
  lock_ = std::exchange(other.lock_, -1);
  return *this;
}

StateDirectory::~StateDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace weir
