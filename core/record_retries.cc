#include <weir/core/record_retries.h>

#include <algorithm>

namespace weir {

bool RecordRetries::failed(const TopicPartition& where, Offset offset) {
  std::map<Offset, Attempts>& known = failed_[where];
  known.erase(known.begin(), known.lower_bound(offset));
  Attempts& attempts = known[offset];
  if (++attempts.failures > options_.attempts) {
    forget(where, offset);
    return false;
  }
  attempts.next =
      clock_.steady() + Backoff{options_.first_pause, options_.longest_pause}.after(attempts.failures);
  return true;
}

void RecordRetries::forget(const TopicPartition& where, Offset offset) {
  const auto found = failed_.find(where);
  if (found == failed_.end()) return;
  found->second.erase(offset);
  if (found->second.empty()) failed_.erase(found);
}

const RecordRetries::Attempts* RecordRetries::find(const TopicPartition& where, Offset offset) const {
  const auto partition = failed_.find(where);
  if (partition == failed_.end()) return nullptr;
  const auto found = partition->second.find(offset);
  return found == partition->second.end() ? nullptr : &found->second;
}

bool RecordRetries::known(const TopicPartition& where, Offset offset) const {
  return find(where, offset) != nullptr;
}

bool RecordRetries::waits(const TopicPartition& where, Offset offset) const {
  const Attempts* attempts = find(where, offset);
  return attempts != nullptr && clock_.steady() < attempts->next;
}

void RecordRetries::settle(const TopicPartition& where, Offset offset) { forget(where, offset); }

std::optional<Duration> RecordRetries::until_next() const {
  const Duration now = clock_.steady();
  std::optional<Duration> least;
  for (const auto& [where, known] : failed_) {
    for (const auto& [offset, attempts] : known) {
      if (attempts.next <= now) continue;
      least = std::min(least.value_or(attempts.next - now), attempts.next - now);
    }
  }
  return least;
}

}  // namespace weir
