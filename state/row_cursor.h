// A walk over the rows of a store, decoded one at a time.
//
// Internal to the state room's typed stores; users hold a KeyValueCursor or a WindowCursor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/serde.h>
#include <weir/core/status.h>
#include <weir/state/merged_cursor.h>
#include <weir/state/stored_row.h>
#include <weir/state/timestamped.h>

namespace weir {

template <class V>
class RowCursor {
 public:
  RowCursor(MergedCursor walk, std::vector<Timestamped<V>> rows, std::shared_ptr<absl::Status> failure)
      : walk_(std::move(walk)), rows_(std::move(rows)), failure_(std::move(failure)) {}

  [[nodiscard]] bool next() {
    if (!walk_.next()) return end(walk_.status());
    uncommitted_ = walk_.uncommitted_row();
    if (uncommitted_) return true;
    const auto stored = split_row(walk_.committed_value());
    if (!stored.ok()) return end(stored.status());
    decoded_.timestamp = stored->timestamp;
    if (absl::Status status = Serde<V>::decode(stored->value, decoded_.value); !status.ok()) {
      return end(with_context(status, "a stored value does not decode"));
    }
    return true;
  }

  [[nodiscard]] BytesView key_bytes() const { return walk_.key(); }
  [[nodiscard]] const Timestamped<V>& row() const { return uncommitted_ ? rows_[*uncommitted_] : decoded_; }

  // Ends the walk; a failure is remembered by the store.
  bool end(const absl::Status& status) {
    if (!status.ok() && failure_->ok()) *failure_ = status;
    return false;
  }

 private:
  MergedCursor walk_;
  std::vector<Timestamped<V>> rows_;  // copies of the uncommitted ones
  std::shared_ptr<absl::Status> failure_;
  Timestamped<V> decoded_;
  std::optional<std::uint32_t> uncommitted_;  // index into rows_
};

}  // namespace weir
