#include <weir/state/memory_store.h>

#include <algorithm>
#include <utility>
#include <vector>

#include <weir/state/memory_rows.h>

namespace weir {
namespace {

class MemoryCursor final : public ByteCursor {
 public:
  MemoryCursor(std::shared_ptr<const MemoryRows> rows, const ByteRange& range)
      : rows_(std::move(rows)),
        begin_(rows_->lower_bound(range.from)),
        end_(range.until ? rows_->lower_bound(*range.until) : rows_->end()),
        empty_(range.until && *range.until <= range.from),
        at_(end_) {}

  void seek(BytesView key) override {
    if (empty_ || begin_ == end_) return leave();
    set(rows_->lower_bound(key));
    if (key < (*begin_)->key()) set(begin_);
    if (end_ != rows_->end() && valid_ && (*at_)->key() >= (*end_)->key()) leave();
  }

  void seek_back(BytesView key) override {
    if (empty_ || begin_ == end_) return leave();
    auto after = rows_->upper_bound(key);
    if (end_ != rows_->end() && (after == rows_->end() || (*after)->key() > (*end_)->key())) after = end_;
    if (after != rows_->end() && (*after)->key() <= (*begin_)->key()) return leave();
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
  BytesView key() const override { return (*at_)->key(); }
  BytesView value() const override { return (*at_)->value(); }
  absl::Status status() const override { return absl::OkStatus(); }

 private:
  void set(MemoryRows::Iterator at) {
    at_ = at;
    valid_ = at_ != rows_->end() && at_ != end_;
  }
  void leave() { valid_ = false; }

  // Shared with the store, which copies it before it writes while a cursor looks on.
  const std::shared_ptr<const MemoryRows> rows_;
  const MemoryRows::Iterator begin_;
  const MemoryRows::Iterator end_;
  const bool empty_;
  MemoryRows::Iterator at_;
  bool valid_ = false;
};

// Bytes of writes, one after the other: these come by the thousand, and go together.
class StagedBytes {
 public:
  // Returns a copy that lives until clear.
  BytesView keep(BytesView bytes) {
    if (pieces_.empty() || pieces_.back().capacity() - pieces_.back().size() < bytes.size()) {
      pieces_.emplace_back();
      pieces_.back().reserve(std::max(kPieceBytes, bytes.size()));
    }
    Bytes& piece = pieces_.back();
    const std::size_t at = piece.size();
    piece.append(bytes);
    return BytesView(piece).substr(at);
  }

  // Keeps a piece for what comes next.
  void clear() {
    pieces_.resize(std::min<std::size_t>(pieces_.size(), 1));
    if (pieces_.empty()) return;
    pieces_.front().clear();
    if (pieces_.front().capacity() > kPieceBytes) pieces_.clear();
  }

 private:
  static constexpr std::size_t kPieceBytes = std::size_t{64} << 10;

  // None grows beyond what was reserved, so that its bytes stay where they are when others follow.
  std::vector<Bytes> pieces_;
};

class RowStore final : public MemoryStore {
 public:
  absl::StatusOr<bool> get(BytesView key, Bytes& value) const override {
    const MemoryRow* row = rows_->find(key);
    if (row == nullptr) return false;
    value = row->value();
    return true;
  }

  std::unique_ptr<ByteCursor> range(ByteRange range) const override {
    return std::make_unique<MemoryCursor>(rows_, range);
  }

  ByteCursor& cursor() override {
    if (cursor_ == nullptr) cursor_ = std::make_unique<MemoryCursor>(rows_, ByteRange());
    return *cursor_;
  }

  std::uint64_t approximate_size() const override { return rows_->size(); }
  std::uint64_t approximate_bytes() const override { return rows_->bytes(); }

  void put(BytesView key, BytesView value) override {
    staged_.push_back({Deed::kPut, staged_bytes_.keep(key), staged_bytes_.keep(value)});
  }
  void erase(BytesView key) override { staged_.push_back({Deed::kErase, staged_bytes_.keep(key), {}}); }
  void erase_range(const ByteRange& range) override {
    const BytesView from = staged_bytes_.keep(range.from);
    if (range.until) {
      staged_.push_back({Deed::kEraseRange, from, staged_bytes_.keep(*range.until)});
    } else {
      staged_.push_back({Deed::kEraseRest, from, {}});
    }
  }

  void apply() override {
    if (staged_.empty()) return;
    cursor_.reset();
    MemoryRows& rows = writable();
    for (std::size_t i = 0; i < staged_.size(); ++i) {
      if (i + kAhead < staged_.size()) rows.prefetch(staged_[i + kAhead].key);
      const Write& write = staged_[i];
      switch (write.deed) {
        case Deed::kPut:
          rows.put(write.key, write.rest);
          break;
        case Deed::kErase:
          rows.erase(write.key);
          break;
        case Deed::kEraseRange:
          if (write.key < write.rest) rows.erase(rows.lower_bound(write.key), rows.lower_bound(write.rest));
          break;
        case Deed::kEraseRest:
          rows.erase(rows.lower_bound(write.key), rows.end());
          break;
      }
    }
    drop();
  }

  void drop() override {
    staged_.clear();
    staged_bytes_.clear();
  }
  bool has_staged() const override { return !staged_.empty(); }

  void clear() override {
    cursor_.reset();
    rows_ = std::make_shared<MemoryRows>();
    drop();
  }

 private:
  // How many writes before its own a row is asked for.
  static constexpr std::size_t kAhead = 6;

  enum class Deed { kPut, kErase, kEraseRange, kEraseRest };
  struct Write {
    Deed deed;
    BytesView key;
    BytesView rest;  // the value, or the end of the range
  };

  MemoryRows& writable() {
    if (rows_.use_count() > 1) rows_ = std::make_shared<MemoryRows>(*rows_);
    return *rows_;
  }

  // Shared with the cursors that are still open.
  std::shared_ptr<MemoryRows> rows_ = std::make_shared<MemoryRows>();
  std::unique_ptr<MemoryCursor> cursor_;  // null until somebody asks, between two applies
  std::vector<Write> staged_;
  StagedBytes staged_bytes_;  // of these
};

}  // namespace

std::unique_ptr<MemoryStore> MemoryStore::make() { return std::make_unique<RowStore>(); }

}  // namespace weir
