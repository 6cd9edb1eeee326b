// Runs an application for as long as there is something to do.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/app.h>
#include <weir/core/topology.h>
#include <weir/core/transport.h>

namespace examples {

struct Run {
  weir::App* app = nullptr;  // started
  // Does not begin with another one's and a hyphen: the names of internal topics tell whose they are by how they begin.
  std::string application_id;
  std::vector<std::string> sources;
};

// Waits until the applications have processed and committed all that their sources hold, and what they hold between their parts,
// by whichever processes of their groups. `filled` says whether the sources hold all; `tick` is called about twenty times a
// second, for progress. Returns early when `stop` is set; fails when an application does.
[[nodiscard]] absl::Status run_to_end(weir::Transport& transport, const std::vector<Run>& runs,
                                      const std::function<bool()>& filled, const std::atomic<bool>& stop,
                                      const std::function<void()>& tick);

// Runs a topology whose stores are in memory over what a topic holds, from beginning to end. Fails when the topology does.
[[nodiscard]] absl::Status run_once(const std::shared_ptr<weir::Transport>& transport,
                                    weir::Topology topology, const std::string& application_id,
                                    const std::string& source);

// A line that is written over and over on a terminal, and now and then elsewhere.
class ProgressLine {
 public:
  ProgressLine();
  void show(const std::string& text);
  void finish() const;

 private:
  const bool terminal_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace examples
