#include <weir/state/memory_databases.h>

#include <atomic>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/state/memory_store.h>

namespace weir {

struct MemoryDatabases::Kept {
  std::map<std::string, std::unique_ptr<MemoryStore>, std::less<>> stores;
  std::map<Bytes, Bytes, std::less<>> values;
  std::atomic<bool> open = false;
};

class MemoryDatabases::Opened final : public Database {
 public:
  explicit Opened(std::shared_ptr<Kept> kept) : kept_(std::move(kept)) {}
  ~Opened() override {
    for (const auto& [name, store] : kept_->stores) store->drop();
    kept_->open.store(false, std::memory_order_release);
  }

  std::vector<std::string> store_names() const override {
    std::vector<std::string> names;
    for (const auto& [name, store] : kept_->stores) names.push_back(name);
    return names;
  }

  ByteStore* store(std::string_view name) override {
    const auto found = kept_->stores.find(name);
    return found == kept_->stores.end() ? nullptr : found->second.get();
  }

  absl::Status make_store(const std::string& name) override {
    kept_->stores.try_emplace(name, MemoryStore::make());
    return absl::OkStatus();
  }

  absl::Status drop_store(const std::string& name) override {
    kept_->stores.erase(name);
    return absl::OkStatus();
  }

  absl::StatusOr<bool> get_value(BytesView name, Bytes& value) const override {
    const auto found = kept_->values.find(name);
    if (found == kept_->values.end()) return false;
    value = found->second;
    return true;
  }

  void put_value(BytesView name, BytesView value) override { staged_.emplace_back(name, value); }

  absl::Status apply() override {
    for (const auto& [name, store] : kept_->stores) store->apply();
    for (auto& [name, value] : staged_) kept_->values[name] = std::move(value);
    staged_.clear();
    return absl::OkStatus();
  }

  void drop() override {
    for (const auto& [name, store] : kept_->stores) store->drop();
    staged_.clear();
  }

 private:
  const std::shared_ptr<Kept> kept_;  // shared with where it is kept
  std::vector<std::pair<Bytes, Bytes>> staged_;
};

absl::StatusOr<std::unique_ptr<Database>> MemoryDatabases::open(const std::string& name) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Kept>& kept = kept_[name];
  if (kept == nullptr) kept = std::make_shared<Kept>();
  if (kept->open.exchange(true, std::memory_order_acquire))
    return retriable_error(fmt::format("the database {} is in use by another task", name));
  return std::make_unique<Opened>(kept);
}

}  // namespace weir
