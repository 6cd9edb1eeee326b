// What becomes of stored data when a program is replaced by another version of itself: which stores and topics go on being
// used, which only look as if they had got another name, which nobody uses any more, and which cannot be used as they are.
//
//   const absl::StatusOr<weir::TopologyDiff> diff = weir::diff_topologies(old_description, *builder.build());
//   if (diff.ok()) std::cout << diff->text();
//   if (!diff->compatible()) return EXIT_FAILURE;
//
// `old_description` is what Topology::describe_json wrote for the old program. An application with a state directory keeps
// its description there, and a start that would misread what the last one left is refused with this list.
//
// Thread safety: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/topology.h>

namespace weir {

struct TopologyDiff {
  enum class Fate {
    kReused,
    kNew,
    kRenamed,       // gone, while a new one of another name is like it in all else: its data stay behind
    kOrphaned,      // nobody uses it any more; its data lie where they are
    kIncompatible,  // still there, and would be misread or lost
  };
  enum class Kind { kStore, kTopic };

  struct Item {
    Kind kind = Kind::kStore;
    std::string name;  // topics without the application's id
    Fate fate = Fate::kReused;
    std::string detail;  // what differs, or what follows; may be empty

    bool operator==(const Item&) const = default;
  };

  std::vector<Item> items;  // by kind, then by name

  [[nodiscard]] bool compatible() const;
  // Returns whether nothing changed for stored data.
  [[nodiscard]] bool same() const;
  // Returns a line per item that is not simply reused: "incompatible store 'sums': value format was int64, is string".
  [[nodiscard]] std::string text() const;
};

// Fails if the old description cannot be read.
[[nodiscard]] absl::StatusOr<TopologyDiff> diff_topologies(std::string_view old_description,
                                                           const Topology& now);

// Compares with the description that lies in an application's state directory, and leaves its own there. FailedPrecondition
// with the list if they do not go together; then the old one stays. A description that cannot be read is replaced: stores on
// disk know what they are without it.
[[nodiscard]] absl::Status remember_topology(const std::string& state_directory, const Topology& topology);

}  // namespace weir
