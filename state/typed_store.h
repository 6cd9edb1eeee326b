// The part of a store that knows its values but not its keys: rows by slot, and emission at the commit.
//
// Internal to the state room's typed stores; use KeyValueStore or WindowStore.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/headers.h>
#include <weir/core/record.h>
#include <weir/core/serde.h>
#include <weir/core/status.h>
#include <weir/core/topic_partition.h>
#include <weir/state/managed_store.h>
#include <weir/state/row_cursor.h>
#include <weir/state/stored_row.h>
#include <weir/state/timestamped.h>

namespace weir {

// What an on_commit listener asks for.
struct EmitOptions {
  // Also the row that was emitted last. Costs a copy per changed row, and a read of rows that are written unseen.
  bool before = false;
};

template <class V>
class TypedStore : public ManagedStore {
  static_assert(
      Serializable<V>,
      "a store needs to turn its values into bytes: specialise weir::Serde<V> (see weir/core/serde.h); for a "
      "value that may be missing store the value itself and erase it when it is gone");
  static_assert(Owning<V>, "a store keeps its values: use a type that owns its memory, such as std::string");
  static_assert(
      std::copyable<V> && std::default_initializable<V>,
      "a store's values must be copyable, because cursors own a snapshot, and default-constructible, because "
      "they are decoded into");

 public:
  using Row = Timestamped<V>;

  bool emit_pending() override;

  void drop() override {
    ManagedStore::drop();
    if (emission_ != nullptr) emission_->clear();
  }

 protected:
  using ManagedStore::ManagedStore;
  TypedStore(StoreContext context, std::optional<std::size_t> cache_bytes)
      : ManagedStore(std::move(context), sizeof(std::optional<Row>), cache_bytes) {}

  // Calls the listener with what changed; `key` is the byte store's.
  virtual void emit(BytesView key, const Row* now, const Row* before, Timestamp timestamp,
                    const Headers& headers, const Origin& origin) = 0;

  void enable_emission(EmitOptions options) {
    emission_ = std::make_unique<Emission>();
    emission_->options = options;
  }

  // Returns the row of a key, or null. Valid until the next call.
  const Row* find_row(BytesView key) {
    const std::optional<Row>& found = rows_[slot_of(key)];
    return found ? &*found : nullptr;
  }

  void put_row(BytesView key, V value, Timestamp timestamp, const RecordInfo* cause) {
    const Slot slot = slot_to_write(key);
    std::optional<Row>& row = rows_[slot];
    if (row) {
      row->value = std::move(value);
      row->timestamp = timestamp;
    } else {
      row.emplace(Row{std::move(value), timestamp});
    }
    written(slot, timestamp, cause);
  }

  // Requires that there is no row, and that nobody listens.
  void put_new_row(BytesView key, V value, Timestamp timestamp) {
    Slot slot = overlay().find(key);
    if (slot == kNoSlot) {
      slot = overlay().insert(key, /*known_absent=*/true);
      rows_.reach(slot);
    }
    rows_[slot].emplace(Row{std::move(value), timestamp});
    written(slot, timestamp, nullptr);
  }

  void erase_row(BytesView key, Timestamp timestamp, const RecordInfo* cause) {
    const Slot slot = slot_to_write(key);
    if (!rows_[slot] && overlay().clean(slot) && overlay().known_absent(slot))
      return;  // there is nothing to erase
    rows_[slot].reset();
    written(slot, timestamp, cause);
  }

  // Erases a row and returns whether there was one. If it is new and nobody listens it leaves no trace.
  bool remove_row(BytesView key, Timestamp timestamp) {
    const Slot slot = slot_of(key);
    if (!rows_[slot]) return false;
    if (emission_ != nullptr) capture(slot, /*seen=*/true);
    rows_[slot].reset();
    if (emission_ == nullptr && visits_ == 0 && !overlay().clean(slot) && overlay().known_absent(slot)) {
      overlay().abandon(slot);
    } else {
      written(slot, timestamp, nullptr);
    }
    return true;
  }

  // Erases a row without a word to the listener, also of changes that it has not heard of yet.
  void erase_row_quietly(BytesView key, Timestamp timestamp) {
    Slot slot = overlay().find(key);
    if (slot == kNoSlot) {
      slot = overlay().insert(key, /*known_absent=*/false);
      rows_.reach(slot);
    }
    rows_[slot].reset();
    overlay().write(slot, /*present=*/false, timestamp);
    overlay().set_value_bytes(slot, 0);
    if (emission_ != nullptr && slot < emission_->updates.size() && emission_->updates[slot].waits)
      emission_->unlink(slot);
  }

  template <class F>
  const Row* modify_row(BytesView key, Timestamp timestamp, F&& change, const RecordInfo* cause) {
    const Slot slot = slot_of(key);
    std::optional<Row>& row = rows_[slot];
    const bool existed = row.has_value();
    if (emission_ != nullptr) capture(slot, /*seen=*/true);
    std::forward<F>(change)(row);
    if (!row && !existed) return nullptr;
    written(slot, row ? row->timestamp : timestamp, cause);
    return row ? &*row : nullptr;
  }

  // Makes a cursor's walk with copies of the uncommitted rows.
  RowCursor<V> cursor(const ByteRange& range, std::shared_ptr<const KeyFilter> filter, Direction direction) {
    std::vector<Row> rows;
    MergedCursor walk = merge(range, std::move(filter), direction, [&](Slot slot) {
      rows.push_back(*rows_[slot]);
      return static_cast<std::uint32_t>(rows.size() - 1);
    });
    return RowCursor<V>(std::move(walk), std::move(rows), shared_failure());
  }

  // Calls visit(key, row) for the first rows that the filter takes, at most `limit`, by ascending key. Unlike a cursor it
  // copies nothing that is uncommitted and makes no snapshot; `set_range` fills a ByteRange whose buffers are used again.
  // The rows are those there were before the first call, and `visit` may use the store.
  template <class SetRange, class F>
  void visit_rows(SetRange&& set_range, const KeyFilter& filter, F&& visit, std::size_t limit,
                  bool committed_too) {
    if (visits_ == visitors_.size()) visitors_.push_back(std::make_unique<Visitor>());
    Visitor& visitor = *visitors_[visits_];
    const VisitScope scope(visits_);
    set_range(visitor.found.range);
    this->gather(visitor.found, filter, limit, committed_too);
    for (const GatheredRows::Row& found : visitor.found.rows) {
      if (found.slot != kNoSlot) {
        // Changed rows stay where they are till the commit, unless the visitor erased this one.
        if (const std::optional<Row>& row = rows_[found.slot]) visit(overlay().key(found.slot), *row);
        continue;
      }
      if (!decode_row(visitor.found.value(found), visitor.row)) return;
      visit(visitor.found.key(found), std::as_const(visitor.row));
    }
  }

  // Returns whether a visit is under way: rows must stay where they are.
  [[nodiscard]] bool visiting() const { return visits_ > 0; }

  void encode_value(Slot slot, Bytes& out) const override { Serde<V>::encode(rows_[slot]->value, out); }
  bool has_pending() const override { return emission_ != nullptr && emission_->waiting > 0; }
  void release_slot(Slot slot) noexcept override { rows_[slot].reset(); }

 private:
  // Rows by slot; they never move.
  class Rows {
   public:
    std::optional<Row>& operator[](Slot slot) { return chunks_[slot / kChunk][slot % kChunk]; }
    const std::optional<Row>& operator[](Slot slot) const { return chunks_[slot / kChunk][slot % kChunk]; }
    void reach(Slot slot) {
      while (chunks_.size() <= slot / kChunk)
        chunks_.push_back(std::make_unique<std::optional<Row>[]>(kChunk));
    }

   private:
    static constexpr std::size_t kChunk = 256;
    std::vector<std::unique_ptr<std::optional<Row>[]>> chunks_;
  };

  struct Update {
    std::optional<Row> before;
    Timestamp timestamp = 0;
    Headers headers;
    Origin origin;
    Slot previous = kNoSlot;
    Slot next = kNoSlot;
    bool waits = false;
    bool existed = false;  // had been emitted as present; means something only if `known`
    bool known = false;
  };

  // The updates that wait, in the order of last write; by slot.
  struct Emission {
    EmitOptions options;
    std::vector<Update> updates;
    Slot first = kNoSlot;
    Slot last = kNoSlot;
    std::size_t waiting = 0;

    void unlink(Slot slot) {
      Update& update = updates[slot];
      (update.previous == kNoSlot ? first : updates[update.previous].next) = update.next;
      (update.next == kNoSlot ? last : updates[update.next].previous) = update.previous;
      update.waits = false;
      --waiting;
    }
    void append(Slot slot) {
      Update& update = updates[slot];
      update.previous = last;
      update.next = kNoSlot;
      (last == kNoSlot ? first : updates[last].next) = slot;
      last = slot;
      update.waits = true;
      ++waiting;
    }
    void clear() {
      updates.clear();
      first = last = kNoSlot;
      waiting = 0;
    }
  };

  // What a visit works with; a visitor that visits again gets the next one.
  struct Visitor {
    GatheredRows found;
    Row row;
  };
  class VisitScope {
   public:
    explicit VisitScope(std::size_t& visits) : visits_(visits) { ++visits_; }
    VisitScope(const VisitScope&) = delete;
    VisitScope& operator=(const VisitScope&) = delete;
    ~VisitScope() { --visits_; }

   private:
    std::size_t& visits_;
  };

  bool decode_row(BytesView bytes, Row& row) {
    const auto stored = split_row(bytes);
    if (!stored.ok()) {
      fail(stored.status());
      return false;
    }
    row.timestamp = stored->timestamp;
    if (absl::Status decoded = Serde<V>::decode(stored->value, row.value); !decoded.ok()) {
      fail(with_context(decoded, "a stored value does not decode"));
      return false;
    }
    return true;
  }

  // Returns the slot of a key; reads its row if need be.
  Slot slot_of(BytesView key) {
    const Slot slot = overlay().find(key);
    return slot != kNoSlot ? slot : load(key);
  }

  // Returns the slot to write a key's row to, without reading what is there unless a listener wants to know.
  Slot slot_to_write(BytesView key) {
    Slot slot = overlay().find(key);
    bool seen = true;  // what the row was before is known
    if (slot == kNoSlot) {
      if (emission_ != nullptr && emission_->options.before) {
        slot = load(key);
      } else {
        slot = overlay().insert(key, /*known_absent=*/false);
        rows_.reach(slot);
        seen = false;
      }
    }
    if (emission_ != nullptr) capture(slot, seen);
    return slot;
  }

  Slot load(BytesView key) {
    const bool found = read(key, row_bytes_);
    const Slot slot = overlay().insert(key, !found);
    rows_.reach(slot);
    if (found) {
      std::optional<Row>& row = rows_[slot];
      row.emplace();
      if (decode_row(row_bytes_, *row)) {
        overlay().set_value_bytes(slot, row_bytes_.size() - kRowHeader);
      } else {
        row.reset();
      }
    }
    make_room(slot);
    return slot;
  }

  void written(Slot slot, Timestamp timestamp, const RecordInfo* cause) {
    const std::optional<Row>& row = rows_[slot];
    overlay().write(slot, row.has_value(), timestamp);
    if constexpr (requires(const V& value) { value.capacity() * sizeof(typename V::value_type); }) {
      overlay().set_value_bytes(slot, row ? row->value.capacity() * sizeof(typename V::value_type) : 0);
    }
    if (emission_ != nullptr) wait(slot, timestamp, cause);
  }

  // Notes what a row was before its first change since the last emission.
  void capture(Slot slot, bool seen) {
    if (slot >= emission_->updates.size()) emission_->updates.resize(slot + 1);
    Update& update = emission_->updates[slot];
    if (update.waits) return;
    update.known = seen;
    update.existed = rows_[slot].has_value();
    if (emission_->options.before) update.before = rows_[slot];
  }

  void wait(Slot slot, Timestamp timestamp, const RecordInfo* cause) {
    Update& update = emission_->updates[slot];
    update.timestamp = timestamp;
    if (cause != nullptr) {
      update.headers = cause->headers;
      update.origin = cause->origin;
    } else {
      update.headers.clear();
      update.origin = {};
    }
    if (update.waits) emission_->unlink(slot);
    emission_->append(slot);
  }

  Rows rows_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  std::size_t visits_ = 0;              // under way
  std::unique_ptr<Emission> emission_;  // null: nobody listens
  Bytes row_bytes_;
};

template <class V>
bool TypedStore<V>::emit_pending() {
  if (emission_ == nullptr) return false;
  bool any = false;
  for (std::size_t left = emission_->waiting; left > 0 && emission_->waiting > 0; --left) {
    const Slot slot = emission_->first;
    emission_->unlink(slot);
    // The listener may come back and write the same row: it gets what is ours alone.
    const Update update = std::move(emission_->updates[slot]);
    emission_->updates[slot] = {};
    const std::optional<Row> now = rows_[slot];
    const Bytes key(overlay().key(slot));
    if (!now) {
      // Made and erased since the last emission: nobody ever heard of it.
      if (!(update.known ? update.existed : read(key, row_bytes_))) continue;
    }
    any = true;
    emit(key, now ? &*now : nullptr, update.before ? &*update.before : nullptr, update.timestamp,
         update.headers, update.origin);
  }
  return any;
}

}  // namespace weir
