#include <weir/state/memory_rows.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>
#include <vector>

#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

namespace weir {
namespace {

// What a row takes beside its key and value: its numbers, its places in the index and in the order.
constexpr std::uint64_t kRowOverhead = 64;

// Values of numbers as short as possible may become somewhat longer.
constexpr std::size_t kValueUnit = 8;

std::size_t with_room(std::size_t bytes) { return (bytes + kValueUnit - 1) / kValueUnit * kValueUnit; }

}  // namespace

MemoryRow::Pointer MemoryRow::make(BytesView key, BytesView value) {
  const std::size_t capacity = with_room(value.size());
  void* memory = ::operator new(sizeof(MemoryRow) + key.size() + capacity);
  return Pointer(new (memory) MemoryRow(key, value, capacity));
}

void MemoryRow::Free::operator()(MemoryRow* row) const noexcept {
  row->~MemoryRow();
  ::operator delete(row);
}

MemoryRow::MemoryRow(BytesView key, BytesView value, std::size_t capacity)
    : value_(key_bytes() + key.size()),
      value_capacity_(capacity),
      value_size_(value.size()),
      key_size_(key.size()) {
  std::copy(key.begin(), key.end(), key_bytes());
  std::copy(value.begin(), value.end(), value_);
}

MemoryRow::~MemoryRow() {
  if (!value_is_here()) ::operator delete(value_);
}

void MemoryRow::set_value(BytesView value) {
  if (value.size() > value_capacity_) {
    const std::size_t capacity = with_room(std::max(value.size(), value_capacity_ + value_capacity_ / 2));
    auto* memory = static_cast<char*>(::operator new(capacity));
    if (!value_is_here()) ::operator delete(value_);
    value_ = memory;
    value_capacity_ = capacity;
  }
  std::copy(value.begin(), value.end(), value_);
  value_size_ = value.size();
}

std::size_t MemoryRows::Hash::operator()(BytesView key) const {
  return absl::Hash<absl::string_view>()(absl::string_view(key.data(), key.size()));
}

MemoryRows::MemoryRows(const MemoryRows& other) : bytes_(other.bytes_) {
  index_.reserve(other.size());
  for (const MemoryRow* row : other) {
    const auto [at, fresh] = index_.insert(MemoryRow::make(row->key(), row->value()));
    order_.insert(order_.end(), at->get());
  }
}

void MemoryRows::put(BytesView key, BytesView value) {
  if (const auto found = index_.find(key); found != index_.end()) {
    bytes_ += value.size();
    bytes_ -= (*found)->value().size();
    (*found)->set_value(value);
    return;
  }
  MemoryRow::Pointer row = MemoryRow::make(key, value);
  bytes_ += key.size() + value.size() + kRowOverhead;
  order_.insert(row.get());
  index_.insert(std::move(row));
}

void MemoryRows::erase(BytesView key) {
  if (const auto at = order_.find(key); at != order_.end()) erase(at, std::next(at));
}

void MemoryRows::erase(Iterator from, Iterator until) {
  const std::vector<const MemoryRow*> rows(from, until);
  order_.erase(from, until);
  for (const MemoryRow* row : rows) {
    bytes_ -= row->key().size() + row->value().size() + kRowOverhead;
    index_.erase(row->key());
  }
}

}  // namespace weir
