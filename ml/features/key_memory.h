// Where the state of a key lies: in one piece of memory what most records of the key touch, elsewhere the rest.
//
//   ┌────────────┬────────────┬───────────┬──────────────┬─────────────┬──────────────┬────────┐
//   │ facts      │ levels     │ folds     │ newest tiles │ sums: all   │ sums: prefix │ noted  │     one piece
//   └────────────┴─────┬──────┴─────┬─────┴──────────────┴─────────────┴──────────────┴────────┘
//                      ▼            ▼
//                 older tiles   suffixes                                        touched, as the end of the piece is,
//                                                                               when a tile is closed
//
// With 20,000 keys nothing is in the cache when a record comes: it costs how often memory is waited for, one after the other,
// and how much of it. What all records touch is asked for as a whole, so that it is waited for once.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <absl/container/inlined_vector.h>

#include <weir/core/time.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/state_ring.h>

namespace weir::ml {

class KeyMemory {
 public:
  // Where a tile is: the level, and its start on the level's axis.
  using TileId = std::pair<std::size_t, std::int64_t>;

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();

  struct Facts {
    Timestamp seen = kNoTimestamp;  // the largest time of a record
    std::int64_t rows = 0;          // how many were added, if a level counts them
    std::uint32_t tiles = 0;
    std::uint32_t unsaved = 0;  // about how many tiles are to be stored
    std::uint64_t evicted = 0;
  };

  // The tiles of a level, by start: the older ones, then the newest.
  struct Level {
    explicit Level(const FeaturePlan::Level& level)
        : older(level.layout, level.axis == FeaturePlan::Axis::kSession) {}
    [[nodiscard]] std::size_t size() const { return older.size() + (any ? 1 : 0); }

    bool any = false;
    bool changed = false;  // the newest, since it was stored
    bool current = false;  // the folds of all aligned spans are of what is before the newest
    std::int64_t start = 0;
    std::int64_t end = 0;  // of a session: its newest record
    // Folds of the level's spans remember nothing that is not before.
    std::int64_t folded = kNever;
    // Below this limit no tiles are old enough to go: to ask the tiles is to wait for them.
    std::int64_t none_old_before = kNever;
    StateRing older;
  };

  // What is remembered of a span beside two sums, see key_state.h.
  struct Fold {
    explicit Fold(const Layout& layout) : suffixes(layout) {}
    bool valid = false;
    // How many tiles there are between `from` and the block, and between the block and the head.
    std::uint32_t left = 0;
    std::uint32_t right = 0;
    std::int64_t from = 0;
    std::int64_t head = 0;
    std::int64_t block = 0;
    StateBlocks
        suffixes;  // sums of the last so many tiles before the block, of twice as many, ...; see key_state.cc
  };

  // The plan outlives it.
  explicit KeyMemory(const FeaturePlan& plan);

  [[nodiscard]] const FeaturePlan& plan() const { return *piece_->plan; }
  [[nodiscard]] Facts& facts() { return piece_->facts; }
  [[nodiscard]] const Facts& facts() const { return piece_->facts; }
  [[nodiscard]] Level& level(std::size_t i) { return piece_->levels[i]; }
  [[nodiscard]] const Level& level(std::size_t i) const { return piece_->levels[i]; }
  [[nodiscard]] Fold& fold(std::size_t span) { return piece_->folds[span]; }
  [[nodiscard]] const Fold& fold(std::size_t span) const { return piece_->folds[span]; }

  // Of a span that is made of several tiles: the sum from the block to the head, and that of all closed tiles.
  [[nodiscard]] std::byte* prefix(std::size_t span) {
    return piece_->states + plan().spans()[span].prefix_at;
  }
  [[nodiscard]] std::byte* all(std::size_t span) { return piece_->states + plan().spans()[span].all_at; }

  [[nodiscard]] std::byte* newest(std::size_t level) const {
    return piece_->states + plan().levels()[level].newest_at;
  }
  [[nodiscard]] std::int64_t start(std::size_t index, std::size_t tile) const {
    const Level& of = level(index);
    return tile < of.older.size() ? of.older.start(tile) : of.start;
  }
  [[nodiscard]] std::int64_t end(std::size_t index, std::size_t tile) const {
    const Level& of = level(index);
    return tile < of.older.size() ? of.older.end(tile) : of.end;
  }
  void set_bounds(std::size_t index, std::size_t tile, std::int64_t start, std::int64_t end);
  [[nodiscard]] std::byte* tile(std::size_t index, std::size_t tile) {
    Level& of = level(index);
    return tile < of.older.size() ? of.older[tile] : newest(index);
  }
  [[nodiscard]] const std::byte* tile(std::size_t index, std::size_t tile) const {
    const Level& of = level(index);
    return tile < of.older.size() ? of.older[tile] : newest(index);
  }
  // Returns the first tile of a level whose start is not less.
  [[nodiscard]] std::size_t lower_bound(std::size_t index, std::int64_t start) const;

  // Makes a tile of no records before another one, or as the newest; others move.
  void insert(std::size_t index, std::size_t tile, std::int64_t start);
  void erase(std::size_t index, std::size_t first, std::size_t count);

  // Notes a tile that changed or went away.
  void note(const TileId& id);
  // Notes that the newest tile of a level changed.
  void note_newest(std::size_t index) {
    Level& of = level(index);
    if (of.changed) return;
    of.changed = true;
    ++facts().unsaved;
  }
  // Appends the tiles that were noted since the last call of settle, in order.
  void list_unsaved(std::vector<TileId>& out) const;
  void settle();

  // Asks for what all records touch, or as much as the first-level cache has room for beside others.
  void prefetch() const {
    constexpr std::size_t kMost = 2048;
    const auto* memory = reinterpret_cast<const std::byte*>(piece_.get());
    for (std::size_t at = 0; at < std::min(hot_bytes_, kMost); at += kCacheLine)
      __builtin_prefetch(memory + at, 1);
  }
  // Asks for the rest of what is touched when a tile of the span's level is closed.
  void prefetch_close(std::size_t span) {
    const FeaturePlan::Span& of = plan().spans()[span];
    for (std::size_t at = 0; at < std::min(of.layout.bytes(), 2 * kCacheLine); at += kCacheLine)
      __builtin_prefetch(piece_->states + of.prefix_at + at, 1);
    __builtin_prefetch(piece_->noted, 1);
  }
  [[nodiscard]] std::size_t held_bytes() const;

 private:
  static constexpr std::size_t kNotedInPiece = 4;

  struct Noted {
    // May name a tile more than once.
    absl::InlinedVector<TileId, kNotedInPiece> tiles;
    std::size_t most = 0;
  };

  struct Piece {
    const FeaturePlan* plan = nullptr;
    Level* levels = nullptr;
    Fold* folds = nullptr;
    std::byte* states = nullptr;
    Noted* noted = nullptr;
    Facts facts;
  };
  struct Free {
    void operator()(Piece* piece) const noexcept;
  };

  std::unique_ptr<Piece, Free> piece_;
  std::size_t hot_bytes_ = 0;  // of the piece; here, since to ask the piece is to wait for it
};

}  // namespace weir::ml
