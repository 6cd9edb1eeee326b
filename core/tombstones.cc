#include <weir/core/tombstones.h>

#include <charconv>

namespace weir {

std::optional<Duration> tombstone_lifetime(const TopicDescription& topic) {
  const auto policy = topic.config.find("cleanup.policy");
  if (policy != topic.config.end() && policy->second.find("compact") == std::string::npos)
    return std::nullopt;
  const auto told = topic.config.find("delete.retention.ms");
  if (told == topic.config.end()) return kDefaultTombstoneLifetime;
  Duration::rep ms = 0;
  const char* const end = told->second.data() + told->second.size();
  if (std::from_chars(told->second.data(), end, ms).ptr != end) return kDefaultTombstoneLifetime;
  return Duration(ms);
}

}  // namespace weir
