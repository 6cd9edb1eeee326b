#include <weir/core/record_retries.h>

#include <algorithm>

namespace weir {

bool RecordRetries::failed(const TopicPartition& where, Offset offset) {
  Attempts& attempts = failed_[where];
  if (attempts.offset != offset) attempts = {offset, 0, {}};
  if (++attempts.failures > options_.attempts) {
    failed_.erase(where);
    return false;
  }
  attempts.next =
      clock_.steady() + Backoff{options_.first_pause, options_.longest_pause}.after(attempts.failures);
  return true;
}

const RecordRetries::Attempts* RecordRetries::find(const TopicPartition& where, Offset offset) const {
  const auto found = failed_.find(where);
  return found == failed_.end() || found->second.offset != offset ? nullptr : &found->second;
}

bool RecordRetries::known(const TopicPartition& where, Offset offset) const {
  return find(where, offset) != nullptr;
}

bool RecordRetries::waits(const TopicPartition& where, Offset offset) const {
  const Attempts* attempts = find(where, offset);
  return attempts != nullptr && clock_.steady() < attempts->next;
}

void RecordRetries::settle(const TopicPartition& where, Offset offset) {
  if (known(where, offset)) failed_.erase(where);
}

std::optional<Duration> RecordRetries::until_next() const {
  const Duration now = clock_.steady();
  std::optional<Duration> least;
  for (const auto& [where, attempts] : failed_) {
    if (attempts.next <= now) continue;
    least = std::min(least.value_or(attempts.next - now), attempts.next - now);
  }
  return least;
}

}  // namespace weir
