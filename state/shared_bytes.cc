#include <weir/state/shared_bytes.h>

#include <functional>
#include <mutex>
#include <utility>

#include <weir/state/memory_store.h>

namespace weir {

// A store in memory lets its cursors keep the entries they walk over and copies them before the next change. Whether any
// cursor is left is looked at under the mutex, so cursors come and go under it.
class SharedBytes::Cursor final : public ByteCursor {
 public:
  Cursor(const SharedBytes& owner, std::unique_ptr<ByteCursor> below)
      : owner_(owner), below_(std::move(below)) {}
  ~Cursor() override {
    const std::shared_lock lock(owner_.mutex_);
    below_.reset();
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  void seek(BytesView key) override { below_->seek(key); }
  void seek_back(BytesView key) override { below_->seek_back(key); }
  void seek_to_first() override { below_->seek_to_first(); }
  void seek_to_last() override { below_->seek_to_last(); }
  void next() override { below_->next(); }
  void previous() override { below_->previous(); }
  bool valid() const override { return below_->valid(); }
  BytesView key() const override { return below_->key(); }
  BytesView value() const override { return below_->value(); }
  absl::Status status() const override { return below_->status(); }

 private:
  const SharedBytes& owner_;
  std::unique_ptr<ByteCursor> below_;
};

std::size_t SharedBytes::group_of(BytesView key) { return std::hash<BytesView>{}(key) % kGroups; }

absl::StatusOr<bool> SharedBytes::get(BytesView key, Bytes& value) const {
  const std::shared_lock lock(mutex_);
  return bytes_.get(key, value);
}

std::unique_ptr<ByteCursor> SharedBytes::range(ByteRange range) const {
  const std::shared_lock lock(mutex_);
  return std::make_unique<Cursor>(*this, bytes_.range(std::move(range)));
}

std::uint64_t SharedBytes::approximate_size() const {
  const std::shared_lock lock(mutex_);
  return bytes_.approximate_size();
}

std::uint64_t SharedBytes::approximate_bytes() const {
  const std::shared_lock lock(mutex_);
  return bytes_.approximate_bytes();
}

void SharedBytes::put(BytesView key, BytesView value) {
  touched_.set(group_of(key));
  bytes_.put(key, value);
}

void SharedBytes::erase(BytesView key) {
  touched_.set(group_of(key));
  bytes_.erase(key);
}

void SharedBytes::erase_range(const ByteRange& range) {
  touched_.set();
  bytes_.erase_range(range);
}

void SharedBytes::apply(MemoryStore* memory) {
  if (memory != nullptr) {
    const std::unique_lock lock(mutex_);
    memory->apply();
  }
  if (touched_.none()) return;
  // After the bytes: a reader that saw the old version has, at worst, read the new bytes and reads them once more.
  for (std::size_t group = 0; group < kGroups; ++group) {
    if (touched_.test(group)) versions_[group].fetch_add(1, std::memory_order_release);
  }
  touched_.reset();
}

}  // namespace weir
