#include <weir/state/managed_store.h>

#include <utility>

#include <fmt/format.h>

#include <weir/core/planted.h>
#include <weir/core/serde.h>
#include <weir/core/status.h>
#include <weir/state/stored_row.h>

namespace weir {

ManagedStore::ManagedStore(StoreContext context, std::size_t row_bytes,
                           std::optional<std::size_t> cache_bytes)
    : spec_(std::move(context.spec)),
      bytes_(context.bytes),
      resources_(std::move(context.resources)),
      cache_bytes_(cache_bytes),
      overlay_(this, row_bytes) {
  if (resources_ != nullptr) resources_->store_opened();
}

ManagedStore::~ManagedStore() {
  if (resources_ != nullptr) resources_->store_closed();
}

absl::Status ManagedStore::encode(ChangelogWriter& changelog) {
  if (!failure_->ok()) return with_context(*failure_, fmt::format("store '{}'", spec_.name));
  if (has_pending()) {
    return absl::FailedPreconditionError(
        fmt::format("store '{}' is to be encoded while updates wait to be emitted", spec_.name));
  }
  return stage(spec_.logged ? &changelog : nullptr);
}

absl::Status ManagedStore::stage(ChangelogWriter* changelog) {
  ChangelogWriter* const log_of_rows = logs_rows() ? changelog : nullptr;
  for (Slot slot = overlay_.first_dirty(); slot != kNoSlot; slot = overlay_.next_dirty(slot)) {
    const BytesView key = overlay_.key(slot);
    if (overlay_.present(slot)) {
      row_buffer_.clear();
      put_big_endian(overlay_.timestamp(slot), row_buffer_);
      encode_value(slot, row_buffer_);
      const BytesView value = BytesView(row_buffer_).substr(kRowHeader);
      bytes_->put(key, row_buffer_);
      if (log_of_rows != nullptr)
        log_of_rows->append(spec_, changelog_key(key, key_buffer_), value, overlay_.timestamp(slot));
      overlay_.set_value_bytes(slot, value.size());
    } else if (!overlay_.known_absent(slot)) {
      bytes_->erase(key);
      if (log_of_rows != nullptr && !WEIR_PLANTED("deletes-not-logged") &&
          !(WEIR_PLANTED("first-deletion-not-logged") && slot == overlay_.first_dirty()))
        log_of_rows->append(spec_, changelog_key(key, key_buffer_), std::nullopt, overlay_.timestamp(slot));
    }
  }
  overlay_.mark_encoded();
  if (changelog != nullptr) encode_log(*changelog);
  encode_rest();
  return absl::OkStatus();
}

void ManagedStore::applied() {
  overlay_.applied();
  applied_rest();
  make_room(kNoSlot);
}

void ManagedStore::drop() {
  overlay_.drop();
  // A read that failed was taken for a missing row; that must not be remembered as one.
  if (!failure_->ok()) overlay_.forget_clean();
  *failure_ = absl::OkStatus();
}

absl::Status ManagedStore::stage_restore(std::span<const RawRecord> records) {
  restored_keys_.clear();
  for (const RawRecord& record : records) {
    if (!record.key) continue;
    if (const auto key = store_key(*record.key, /*look=*/true, key_buffer_); !key.ok()) {
      return absl::DataLossError(fmt::format("changelog of store '{}', offset {}: {}", spec_.name,
                                             record.offset, message_of(key.status())));
    }
  }
  for (const RawRecord& record : records) {
    if (!record.key) continue;  // a source topic may have such records; no table has them
    const auto key = store_key(*record.key, /*look=*/false, key_buffer_);
    if (!key.ok()) return key.status();
    if (!*key) continue;
    if (record.value) {
      row_buffer_.clear();
      put_big_endian(record.timestamp, row_buffer_);
      row_buffer_.append(*record.value);
      bytes_->put(**key, row_buffer_);
    } else if (!WEIR_PLANTED("restore-keeps-stale") &&
               !(WEIR_PLANTED("restore-keeps-last") && &record == &records.back())) {
      bytes_->erase(**key);
    }
    if (overlay_.size() > 0) restored_keys_.emplace_back(**key);
  }
  encode_rest();
  return absl::OkStatus();
}

void ManagedStore::restored() {
  for (const Bytes& key : restored_keys_) overlay_.forget(key);
  restored_keys_.clear();
  applied_rest();
}

void ManagedStore::cleared() {
  drop();
  overlay_.forget_clean();
}

absl::Status ManagedStore::load_memo(BytesView) { return absl::OkStatus(); }

std::uint64_t ManagedStore::approximate_size() const {
  const auto size = static_cast<std::int64_t>(bytes_->approximate_size()) + overlay_.growth();
  return size < 0 ? 0 : static_cast<std::uint64_t>(size);
}

absl::Status ManagedStore::for_each(NullableBytes from, NullableBytes to, const Visitor& visit) {
  ByteRange range = live_range();
  if (keys_are_in_query_order()) {
    if (from && *from > range.from) range.from = Bytes(*from);
    if (to && (!range.until || *to < *range.until)) range.until = successor(*to);
  }
  std::vector<StoredRow> rows;
  std::vector<std::unique_ptr<Bytes>> values;
  MergedCursor cursor = merge(range, live_filter(), Direction::kForward, [&](Slot slot) {
    values.push_back(std::make_unique<Bytes>());
    encode_value(slot, *values.back());
    rows.push_back({overlay_.timestamp(slot), *values.back()});
    return static_cast<std::uint32_t>(rows.size() - 1);
  });
  while (cursor.next()) {
    const BytesView key = query_key(cursor.key());
    if ((from && key < *from) || (to && key > *to)) continue;
    if (const auto row = cursor.uncommitted_row()) {
      visit(key, rows[*row].value, rows[*row].timestamp);
      continue;
    }
    const auto row = split_row(cursor.committed_value());
    if (!row.ok()) return row.status();
    visit(key, row->value, row->timestamp);
  }
  return cursor.status();
}

BytesView ManagedStore::changelog_key(BytesView key, Bytes&) const { return key; }

absl::StatusOr<NullableBytes> ManagedStore::store_key(BytesView changelog_key, bool, Bytes&) {
  return NullableBytes(changelog_key);
}

ByteRange ManagedStore::live_range() const { return {}; }

bool ManagedStore::read(BytesView key, Bytes& row) {
  const absl::StatusOr<bool> found = bytes_->get(key, row);
  if (found.ok()) return *found;
  fail(found.status());
  return false;
}

void ManagedStore::fail(const absl::Status& status) {
  if (failure_->ok()) *failure_ = status;
}

MergedCursor ManagedStore::merge(const ByteRange& range, std::shared_ptr<const KeyFilter> filter,
                                 Direction direction, const std::function<std::uint32_t(Slot)>& snapshot) {
  std::vector<MergedCursor::Uncommitted> uncommitted;
  if (overlay_.has_uncommitted()) {
    overlay_.visit_uncommitted(range, filter.get(), [&](Slot slot) {
      uncommitted.push_back(
          {Bytes(overlay_.key(slot)), overlay_.present(slot) ? snapshot(slot) : MergedCursor::kDeleted});
    });
  }
  return MergedCursor(bytes_->range(range), std::move(uncommitted), std::move(filter), direction);
}

// Two sorted sequences become one; where both have a key the uncommitted row counts, and hides the other if it is a
// deletion.
void ManagedStore::gather(GatheredRows& found, const KeyFilter& filter, std::size_t limit,
                          bool committed_too) {
  found.rows.clear();
  found.bytes.clear();
  found.uncommitted.clear();
  if (limit == 0) return;
  if (overlay_.has_uncommitted()) {
    overlay_.visit_uncommitted(found.range, &filter, [&](Slot slot) { found.uncommitted.push_back(slot); });
  }
  std::size_t taken = 0;
  const auto take_uncommitted = [&] {
    const Slot slot = found.uncommitted[taken++];
    if (overlay_.present(slot)) found.rows.push_back({slot});
  };
  if (!committed_too) {
    while (taken < found.uncommitted.size() && found.rows.size() < limit) take_uncommitted();
    return;
  }
  ByteCursor& committed = bytes_->cursor();
  committed.seek(found.range.from);
  while (found.rows.size() < limit && committed.valid()) {
    const BytesView key = committed.key();
    if (found.range.until && key >= *found.range.until) break;
    const KeyFilter::Verdict verdict = filter.judge(key, Direction::kForward, found.target);
    if (verdict == KeyFilter::Verdict::kStop) break;
    if (verdict == KeyFilter::Verdict::kLeap) {
      committed.seek(found.target);
      continue;
    }
    if (verdict == KeyFilter::Verdict::kTake) {
      int order = 1;  // of the committed key and the uncommitted one before it
      while (taken < found.uncommitted.size() && found.rows.size() < limit && order > 0) {
        order = key.compare(overlay_.key(found.uncommitted[taken]));
        if (order >= 0) take_uncommitted();
      }
      if (found.rows.size() == limit) return;
      if (order != 0) {
        const BytesView value = committed.value();
        found.rows.push_back({kNoSlot, found.bytes.size(), key.size(), value.size()});
        found.bytes.append(key).append(value);
      }
    }
    committed.next();
  }
  if (absl::Status status = committed.status(); !status.ok()) fail(status);
  while (taken < found.uncommitted.size() && found.rows.size() < limit) take_uncommitted();
}

}  // namespace weir
