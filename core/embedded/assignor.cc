#include <weir/core/embedded/assignor.h>

#include <algorithm>

namespace weir::embedded {

std::vector<std::vector<Partition>> assign_stickily(const std::vector<std::vector<Partition>>& owned,
                                                    Partition count) {
  const std::size_t members = owned.size();
  std::vector<std::vector<Partition>> result(members);
  if (members == 0) return result;
  const auto total = static_cast<std::size_t>(std::max(count, 0));
  std::vector<bool> taken(total, false);

  // What each may claim: existing partitions nobody senior has.
  std::vector<std::vector<Partition>> claims(members);
  for (std::size_t member = 0; member < members; ++member) {
    claims[member] = owned[member];
    std::sort(claims[member].begin(), claims[member].end());
    std::erase_if(claims[member], [&](Partition partition) {
      if (partition < 0 || partition >= count || taken[static_cast<std::size_t>(partition)]) return true;
      taken[static_cast<std::size_t>(partition)] = true;
      return false;
    });
  }

  // `larger` members get one partition more than the others: those who claim more than the common share come
  // first.
  const std::size_t share = total / members;
  std::size_t larger = total % members;
  std::vector<std::size_t> quota(members, share);
  for (std::size_t member = 0; member < members && larger > 0; ++member) {
    if (claims[member].size() > share) {
      ++quota[member];
      --larger;
    }
  }
  for (std::size_t member = 0; member < members && larger > 0; ++member) {
    if (quota[member] == share) {
      ++quota[member];
      --larger;
    }
  }

  for (std::size_t member = 0; member < members; ++member) {
    for (std::size_t index = quota[member]; index < claims[member].size(); ++index) {
      taken[static_cast<std::size_t>(claims[member][index])] = false;
    }
    claims[member].resize(std::min(quota[member], claims[member].size()));
    result[member] = std::move(claims[member]);
  }

  // The rest goes round, so that neighbours spread.
  std::size_t next = 0;
  for (std::size_t partition = 0; partition < total; ++partition) {
    if (taken[partition]) continue;
    while (result[next % members].size() >= quota[next % members]) ++next;
    result[next % members].push_back(static_cast<Partition>(partition));
    ++next;
  }
  for (auto& partitions : result) std::sort(partitions.begin(), partitions.end());
  return result;
}

}  // namespace weir::embedded
