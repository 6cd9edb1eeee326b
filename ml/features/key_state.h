// What a feature view knows of one key: its tiles, and how windows are made of them.
//
// A row depends on the tiles and the record alone, bit for bit, though floating-point sums depend on their bracketing: a
// window's closed tiles (those before the one the record is in) are always folded in the same way,
//
//      from            block                 head
//   ────┼───┬───┬───┬────┼───┬───┬───┬───┬────┼──────┐
//       │ a │ b │ c │ d  │ e │ f │ g │ h │ i  │ open │       (a+(b+(c+d))) + ((((e+f)+g)+h)+i),  then + open
//   ────┴───┴───┴───┴────┴───┴───┴───┴───┴────┴──────┘
//
// turning at multiples of the window's own length (Span::block), of which exactly one lies in it. That is two-stacks sliding
// (Tangwongsan, Hirzel and Schneider 2017, "two-stacks lite") with its flips at fixed places: every fourth of the suffixes left
// of the turn and the prefix right of it may be remembered from record to record, which makes a window cost a few merges however
// long it is, or they may be computed anew, with the same result. So nothing but the tiles need be stored. Where all that lies is
// in key_memory.h.
//
// A record that comes late and changes a closed tile makes its windows be computed anew once.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/time.h>
#include <weir/ml/features/block.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/key_memory.h>
#include <weir/ml/features/value.h>

namespace weir::ml {

// A record: one value for each column of the view.
struct Event {
  Timestamp time = 0;
  std::int64_t order = 0;
  std::span<const Value> values;
};

// Memory that the states of many keys use in turn. `remember`: whether folds are kept from record to record; results are the
// same.
class Workspace {
 public:
  explicit Workspace(const FeaturePlan& plan, bool remember = true);

 private:
  friend class KeyState;
  struct Scratch {
    StateBlocks span;   // kScratchBlocks of a span
    StateBlocks level;  // one of its level
  };

  // What a window is made of: `closed`, and if there is one, of the level's tiles the one that the record is in.
  struct Sum {
    const std::byte* closed = nullptr;
    const std::byte* open = nullptr;
    bool of_tile = false;  // `closed` is a tile too
  };

  const bool remember_;
  std::vector<Scratch> spans_;
  std::vector<Value> values_;
  // Of one record:
  std::vector<Sum> sums_;                        // by span
  std::vector<std::size_t> stale_;               // spans whose folds do not do
  std::vector<std::vector<AskedWindow>> asked_;  // by cell
  std::vector<std::byte*> tiles_;  // that it is added to, by level; null if it was added already
};

// Where many lie side by side, none lies in two lines of the cache.
class alignas(32) KeyState {
 public:
  using TileId = KeyMemory::TileId;

  // The plan outlives it.
  explicit KeyState(const FeaturePlan& plan);

  // The largest time of a record that was added; kNoTimestamp before the first.
  [[nodiscard]] Timestamp seen() const { return memory_.facts().seen; }
  // Whether a record of that time comes later than the grace.
  [[nodiscard]] bool is_late(Timestamp time) const {
    return seen() != kNoTimestamp && time < seen() - plan_->spec().grace.count();
  }

  // Asks for the memory that the next record will touch. Where there are many keys, the earlier the better.
  void prefetch() const { memory_.prefetch(); }

  // Writes the row of a record, a value for each output of the plan; kNoValue where there is none. `added`: the record was
  // added before.
  void evaluate(const Event& event, bool added, Workspace& workspace, double* row);

  // Adds a record that is not late, and forgets tiles that no record can ask for any more.
  void add(const Event& event, Workspace& workspace);

  // Becomes the state of a key that was never seen.
  void forget_all();

  // ------------------------------------------------------------------------------------------------ what is to be stored

  // Lists the tiles that changed, or went away, since the last call of settle.
  void list_unsaved(std::vector<TileId>& out) const { memory_.list_unsaved(out); }
  // About how many.
  [[nodiscard]] std::size_t unsaved_tiles() const { return memory_.facts().unsaved; }
  // Returns whether there is such a tile, and if so appends its bytes.
  [[nodiscard]] bool encode_tile(const TileId& id, Bytes& out) const;
  void settle() { memory_.settle(); }

  // Takes a tile from bytes, in any order of tiles. `cells`: for each cell in the bytes the place in the level's own list, or
  // -1 for one that is not wanted any more; `columns` the same for what records remember. Returns false if the bytes are not
  // such a tile.
  [[nodiscard]] bool decode_tile(const TileId& id, StateReader& bytes, std::span<const int> cells,
                                 std::span<const int> columns, Workspace& workspace);
  void see(Timestamp time) { memory_.facts().seen = std::max(seen(), time); }

  [[nodiscard]] std::size_t tiles() const { return memory_.facts().tiles; }
  // About.
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] std::uint64_t evicted() const { return memory_.facts().evicted; }

 private:
  struct StoredValue {
    double number = 0;
    bool null = true;
    std::string text;
    std::vector<double> numbers;
  };
  // A record of a level that has records. `at`: its place on the axis.
  struct Kept {
    std::int64_t at = 0;
    Timestamp time = 0;
    std::int64_t order = 0;
    std::vector<StoredValue> values;
  };
  // The records of each tile of a level, by (at, order).
  using Records = std::vector<std::vector<Kept>>;
  using Sum = Workspace::Sum;
  struct Range;

  // `index` is that of a span.
  Sum sum_of(std::size_t index, const Event& event, bool added, Workspace& workspace);
  Sum tile_of(std::size_t index, Timestamp time, Workspace& workspace) const;
  const std::byte* sum_with_records(std::size_t index, const Range& range, Workspace& workspace);
  const std::byte* sum_of_closed(std::size_t index, std::int64_t from, std::int64_t head,
                                 Workspace& workspace);
  void fold_anew(std::size_t index, std::int64_t from, std::int64_t head, Workspace& workspace);
  void fold_on(std::size_t index, std::int64_t from, std::int64_t head, Workspace& workspace);
  const std::byte* fold_plainly(std::size_t index, std::int64_t from, std::int64_t head,
                                Workspace& workspace);
  const std::byte* fold_left(std::size_t index, std::size_t first, std::size_t count, const std::byte* sum,
                             Workspace& workspace) const;
  void assign_tile(std::size_t index, std::byte* to, const std::byte* tile) const;
  void merge_tile(std::size_t index, std::byte* to, const std::byte* tile) const;
  void answer(const Event& event, bool added, Workspace& workspace, double* row) const;
  void prefetch_folds(const std::vector<std::size_t>& spans);

  // `index` is that of a level, but for add_record.
  bool note_current(std::size_t index);
  std::byte* tile_for(std::size_t index, Timestamp time);
  void add_to_tiles(const Event& event, const std::vector<std::byte*>& tiles) const;
  void add_to_cells(const FeaturePlan::Level& level, const Event& event, std::byte* tile) const;
  std::byte* add_record(std::size_t index, const Kept& kept, Workspace& workspace, std::byte* sum) const;
  void restore_values(const FeaturePlan::Level& level, const Kept& kept, std::vector<Value>& values) const;
  void add_kept(std::size_t index, std::size_t tile_index, const Event& event, std::int64_t at,
                Workspace& workspace);
  void add_to_session(std::size_t index, const Event& event);
  std::size_t find_or_insert(std::size_t index, std::int64_t start);
  // Returns whether there is a tile that begins there, and where.
  [[nodiscard]] bool find(std::size_t index, std::int64_t start, std::size_t& tile) const;
  // Returns where the tile of a place on the level's axis begins.
  [[nodiscard]] std::int64_t tile_start(std::size_t index, std::int64_t at) const;
  void touch(std::size_t index, std::size_t tile);
  void forget_folds(std::size_t index, std::int64_t start);
  void forget_old(std::size_t index);
  void erase_tiles(std::size_t index, std::size_t first, std::size_t count);

  const FeaturePlan* plan_;
  KeyMemory memory_;
  std::unique_ptr<Records[]> records_;  // by level, if any has records
};
static_assert(sizeof(KeyState) == 32);  // one aligned piece: half a line of the cache

}  // namespace weir::ml
