// The directory in which an application keeps its tasks' stores: made, locked for one process, and with an identity of its
// own that survives restarts.
//
// Thread safety: none.
#pragma once

#include <string>

#include <absl/status/statusor.h>

namespace weir {

class StateDirectory {
 public:
  // Makes "<root>/<application id>" (mode 0700) and locks it until the object goes. FailedPrecondition if another process holds
  // the lock.
  [[nodiscard]] static absl::StatusOr<StateDirectory> open(const std::string& root,
                                                           const std::string& application_id);

  StateDirectory() = default;
  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&& other) noexcept;
  ~StateDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }
  // Sixteen hexadecimal digits, drawn when the directory was made.
  [[nodiscard]] const std::string& instance_id() const { return instance_id_; }

 private:
  std::string path_;
  std::string instance_id_;
  int lock_ = -1;
};

// A fresh instance id, for an application without a directory.
[[nodiscard]] std::string draw_instance_id();

}  // namespace weir
