// One walk over a store's uncommitted rows and its committed part, as both were when the walk began.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <absl/status/status.h>

#include <weir/state/byte_store.h>
#include <weir/state/key_filter.h>

namespace weir {

class MergedCursor {
 public:
  // An uncommitted row: an index that means something to the caller, or kDeleted.
  static constexpr std::uint32_t kDeleted = 0xffffffff;
  struct Uncommitted {
    Bytes key;
    std::uint32_t row = kDeleted;
  };

  // `uncommitted` is ascending and lies in `range` and passes the filter, which may be null.
  MergedCursor(std::unique_ptr<ByteCursor> committed, std::vector<Uncommitted> uncommitted,
               std::shared_ptr<const KeyFilter> filter, Direction direction);

  // Moves on, the first time to the first entry. Returns whether there is one.
  [[nodiscard]] bool next();

  // Borrowed until next(). Require that it returned true.
  [[nodiscard]] BytesView key() const;
  // The index of an uncommitted row, or nothing: then `committed_value` is what counts.
  [[nodiscard]] std::optional<std::uint32_t> uncommitted_row() const;
  [[nodiscard]] BytesView committed_value() const;

  // Not ok if the walk ended early.
  [[nodiscard]] absl::Status status() const { return committed_->status(); }

 private:
  enum class At { kStart, kCommitted, kUncommitted, kEnd };

  void step_committed();
  void settle_committed();
  [[nodiscard]] const Uncommitted& front() const;
  [[nodiscard]] bool uncommitted_left() const { return taken_ < uncommitted_.size(); }

  std::unique_ptr<ByteCursor> committed_;
  std::vector<Uncommitted> uncommitted_;
  std::shared_ptr<const KeyFilter> filter_;
  Direction direction_;
  std::size_t taken_ = 0;  // of uncommitted_, from the end where the walk begins
  At at_ = At::kStart;
  bool committed_left_ = false;
  Bytes target_;
};

}  // namespace weir
