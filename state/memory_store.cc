#include <weir/state/memory_store.h>

#include <utility>
#include <vector>

#include <absl/container/btree_map.h>

namespace weir {
namespace {

// std::less<> on views compares unsigned bytes, as RocksDB does.
using Entries = absl::btree_map<Bytes, Bytes, std::less<>>;

// What an entry takes beside its bytes.
constexpr std::uint64_t kEntryOverhead = 2 * sizeof(Bytes);

class MemoryCursor final : public ByteCursor {
 public:
  MemoryCursor(std::shared_ptr<const Entries> entries, const ByteRange& range)
      : entries_(std::move(entries)),
        begin_(entries_->lower_bound(range.from)),
        end_(range.until ? entries_->lower_bound(*range.until) : entries_->end()),
        empty_(range.until && *range.until <= range.from),
        at_(end_) {}

  void seek(BytesView key) override {
    if (empty_ || begin_ == end_) return leave();
    set(entries_->lower_bound(key));
    if (key < begin_->first) set(begin_);
    if (end_ != entries_->end() && valid_ && at_->first >= end_->first) leave();
  }

  void seek_back(BytesView key) override {
    if (empty_ || begin_ == end_) return leave();
    auto after = entries_->upper_bound(key);
    if (end_ != entries_->end() && (after == entries_->end() || after->first > end_->first)) after = end_;
    if (after != entries_->end() && after->first <= begin_->first) return leave();
    set(std::prev(after));
  }

  void seek_to_first() override {
    if (empty_ || begin_ == end_) return leave();
    set(begin_);
  }

  void seek_to_last() override {
    if (empty_ || begin_ == end_) return leave();
    set(std::prev(end_));
  }

  void next() override {
    if (++at_ == end_) leave();
  }

  void previous() override {
    if (at_ == begin_) return leave();
    --at_;
  }

  bool valid() const override { return valid_; }
  BytesView key() const override { return at_->first; }
  BytesView value() const override { return at_->second; }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  void set(Entries::const_iterator at) {
    at_ = at;
    valid_ = at_ != entries_->end() && at_ != end_;
  }
  void leave() { valid_ = false; }

  // Shared with the store, which copies it before it writes while a cursor looks on.
  const std::shared_ptr<const Entries> entries_;
  const Entries::const_iterator begin_;
  const Entries::const_iterator end_;
  const bool empty_;
  Entries::const_iterator at_;
  bool valid_ = false;
};

class BtreeStore final : public MemoryStore {
 public:
  absl::StatusOr<bool> get(BytesView key, Bytes& value) const override {
    const auto found = entries_->find(key);
    if (found == entries_->end()) return false;
    value = found->second;
    return true;
  }

  std::unique_ptr<ByteCursor> range(ByteRange range) const override {
    return std::make_unique<MemoryCursor>(entries_, range);
  }

  ByteCursor& cursor() override {
    if (cursor_ == nullptr) cursor_ = std::make_unique<MemoryCursor>(entries_, ByteRange());
    return *cursor_;
  }

  std::uint64_t approximate_size() const override { return entries_->size(); }
  std::uint64_t approximate_bytes() const override { return bytes_; }

  void put(BytesView key, BytesView value) override {
    staged_.push_back({Deed::kPut, Bytes(key), Bytes(value)});
  }
  void erase(BytesView key) override { staged_.push_back({Deed::kErase, Bytes(key), std::nullopt}); }
  void erase_range(const ByteRange& range) override {
    staged_.push_back({Deed::kEraseRange, range.from, range.until});
  }

  void apply() override {
    if (staged_.empty()) return;
    cursor_.reset();
    Entries& entries = writable();
    for (Write& write : staged_) {
      switch (write.deed) {
        case Deed::kPut: {
          auto [at, fresh] = entries.try_emplace(std::move(write.key));
          bytes_ += write.rest->size();
          bytes_ += fresh ? at->first.size() + kEntryOverhead : 0;
          bytes_ -= at->second.size();
          at->second = std::move(*write.rest);
          break;
        }
        case Deed::kErase:
          if (const auto at = entries.find(write.key); at != entries.end()) erase(entries, at, std::next(at));
          break;
        case Deed::kEraseRange:
          if (write.rest && *write.rest <= write.key) break;
          erase(entries, entries.lower_bound(write.key),
                write.rest ? entries.lower_bound(*write.rest) : entries.end());
          break;
      }
    }
    staged_.clear();
  }

  void drop() override { staged_.clear(); }
  bool has_staged() const override { return !staged_.empty(); }

  void clear() override {
    cursor_.reset();
    entries_ = std::make_shared<Entries>();
    bytes_ = 0;
    staged_.clear();
  }

 private:
  enum class Deed { kPut, kErase, kEraseRange };
  struct Write {
    Deed deed;
    Bytes key;
    std::optional<Bytes> rest;  // the value, or the end of the range
  };

  void erase(Entries& entries, Entries::iterator from, Entries::iterator until) {
    for (auto at = from; at != until; ++at) bytes_ -= at->first.size() + at->second.size() + kEntryOverhead;
    entries.erase(from, until);
  }

  Entries& writable() {
    if (entries_.use_count() > 1) entries_ = std::make_shared<Entries>(*entries_);
    return *entries_;
  }

  // Shared with the cursors that are still open.
  std::shared_ptr<Entries> entries_ = std::make_shared<Entries>();
  std::unique_ptr<MemoryCursor> cursor_;  // null until somebody asks, between two applies
  std::vector<Write> staged_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<MemoryStore> MemoryStore::make() { return std::make_unique<BtreeStore>(); }

}  // namespace weir
