// Who gets which partition of a topic: balanced, and everybody keeps what they have as far as balance allows.
#pragma once

#include <vector>

#include <weir/core/topic_partition.h>

namespace weir::embedded {

// Returns the partitions [0, count) of each member, ascending. `owned` says what each member has now, in the
// order of the members' seniority; a partition that two claim stays with the elder. Sizes differ by at most
// one. With no members the result is empty.
[[nodiscard]] std::vector<std::vector<Partition>> assign_stickily(
    const std::vector<std::vector<Partition>>& owned, Partition count);

}  // namespace weir::embedded
