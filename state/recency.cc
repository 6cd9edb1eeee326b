#include <weir/state/recency.h>

namespace weir {

void Recency::forget_all() {
  places_.clear();
  keys_.clear();
  loaded_ = false;
}

void Recency::use(BytesView key) {
  if (const auto known = places_.find(key); known != places_.end()) {
    keys_.splice(keys_.end(), keys_, known->second);
    return;
  }
  keys_.emplace_back(key);
  places_.emplace(keys_.back(), std::prev(keys_.end()));
}

void Recency::forget(BytesView key) {
  const auto known = places_.find(key);
  if (known == places_.end()) return;
  const Keys::iterator place = known->second;
  places_.erase(known);
  keys_.erase(place);
}

std::optional<BytesView> Recency::surplus() const {
  if (keys_.size() <= limit_) return std::nullopt;
  return keys_.front();
}

}  // namespace weir
