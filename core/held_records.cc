#include <weir/core/held_records.h>

#include <algorithm>
#include <utility>

namespace weir {

void HeldRecords::use(std::vector<RecordHolder*> holders) {
  clear();
  holders_ = std::move(holders);
}

void HeldRecords::keep(RawRecord raw, const Origin& origin) {
  source_ = &origin;
  records_.push_back({std::move(raw), origin, current_.stream_time});
}

std::optional<Offset> HeldRecords::first_of(const Origin& origin) const {
  if (records_.empty() || source_ != &origin) return std::nullopt;
  return records_.front().origin.offset;
}

bool HeldRecords::full() const {
  return std::any_of(holders_.begin(), holders_.end(),
                     [](const RecordHolder* holder) { return holder->full(); });
}

bool HeldRecords::due() const {
  return std::any_of(holders_.begin(), holders_.end(), [](const RecordHolder* holder) {
    return holder->holds() && holder->due_in().count() <= 0;
  });
}

std::optional<Duration> HeldRecords::due_in() const {
  std::optional<Duration> least;
  for (const RecordHolder* holder : holders_) {
    if (holder->holds()) least = std::min(holder->due_in(), least.value_or(Duration::max()));
  }
  return least;
}

// What a node passes on, one further down may hold again; that one comes later among the holders.
void HeldRecords::release() {
  if (std::none_of(holders_.begin(), holders_.end(),
                   [](const RecordHolder* holder) { return holder->holds(); }))
    return;
  // Nodes see the time at which the record came, whoever came after it.
  const struct Restored {
    Timestamp& time;
    const Timestamp now;
    ~Restored() { time = now; }
  } restored{current_.stream_time, current_.stream_time};
  current_.accepting = true;
  for (RecordHolder* holder : holders_) {
    if (holder->holds()) holder->release();
  }
  current_.accepting = false;
  resume(kNobody);
  for (const Held& held : records_) environment_.settle(held.origin);
  first_ += records_.size();
  records_.clear();
}

std::uint64_t HeldRecords::hold() {
  ++work_.traces;
  if (current_.raw == nullptr) return kNobody;
  if (resumed_ != kNobody) return resumed_;
  holding_ = true;
  return first_ + records_.size();
}

void HeldRecords::resume(std::uint64_t number) {
  resumed_ = number;
  if (number == kNobody) return current_.set_none();
  const Held& held = records_[number - first_];
  current_.set(held.raw, held.origin);
  current_.stream_time = held.stream_time;
}

}  // namespace weir
